// The constants of Keccak's permutation, for every file that has one.
#pragma once

#include <cstdint>

namespace avow::native {

struct KeccakStep {
  int lane;
  int rotation;
};

struct KeccakConstants {
  static constexpr int kRounds = 24;
  std::uint64_t round[kRounds]{};
  KeccakStep walk[24]{};  // where rho and pi take each lane, one after the other, from lane 1

  constexpr KeccakConstants() {
    // The round constants are the output of a linear feedback shift register of eight bits.
    unsigned shift = 1;
    for (int at = 0; at < kRounds; ++at) {
      for (int j = 0; j < 7; ++j) {
        if (shift & 1) round[at] |= std::uint64_t(1) << ((1 << j) - 1);
        shift = shift << 1 ^ (shift & 0x80 ? 0x171 : 0);
      }
    }
    int x = 1, y = 0;
    for (int t = 0; t < 24; ++t) {
      const int next = (2 * x + 3 * y) % 5;
      x = y;
      y = next;
      walk[t] = {x + 5 * y, (t + 1) * (t + 2) / 2 % 64};
    }
  }
};

inline constexpr KeccakConstants kKeccak;

}  // namespace avow::native

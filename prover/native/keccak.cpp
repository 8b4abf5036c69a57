// FIPS 202's permutation with Keccak's own padding; the transcript on top of it.
#include "keccak.hpp"

#include <algorithm>
#include <bit>
#include <limits>
#include <stdexcept>
#include <string>

#include "permutation.hpp"

namespace avow::native {

namespace {

using State = std::array<std::uint64_t, 25>;

// Unrolled, so that every lane and every rotation is known when this is compiled.
void permute(State& state) {
  std::uint64_t a[25], moved[25];
  std::copy(state.begin(), state.end(), a);
  for (const std::uint64_t constant : kKeccak.round) {
    std::uint64_t column[5];
#pragma GCC unroll 5
    for (int x = 0; x < 5; ++x) column[x] = a[x] ^ a[x + 5] ^ a[x + 10] ^ a[x + 15] ^ a[x + 20];
#pragma GCC unroll 5
    for (int x = 0; x < 5; ++x) {
      const std::uint64_t mixed = column[(x + 4) % 5] ^ std::rotl(column[(x + 1) % 5], 1);
#pragma GCC unroll 5
      for (int y = 0; y < 25; y += 5) a[x + y] ^= mixed;
    }
    moved[0] = a[0];
    int from = 1;
#pragma GCC unroll 24
    for (int t = 0; t < 24; ++t) {
      moved[kKeccak.walk[t].lane] = std::rotl(a[from], kKeccak.walk[t].rotation);
      from = kKeccak.walk[t].lane;
    }
#pragma GCC unroll 5
    for (int y = 0; y < 25; y += 5) {
#pragma GCC unroll 5
      for (int x = 0; x < 5; ++x) {
        a[y + x] = moved[y + x] ^ (~moved[y + (x + 1) % 5] & moved[y + (x + 2) % 5]);
      }
    }
    a[0] ^= constant;
  }
  std::copy(a, a + 25, state.begin());
}

Digest digest_of(const State& state) {
  Digest digest;
  for (std::size_t i = 0; i < 32; ++i) digest[i] = std::uint8_t(state[i / 8] >> (8 * (i % 8)));
  return digest;
}

}  // namespace

void Keccak256::update(Bytes data) {
  for (const std::uint8_t byte : data) {
    state_[filled_ / 8] ^= std::uint64_t(byte) << (8 * (filled_ % 8));
    if (++filled_ == kRate) {
      permute(state_);
      filled_ = 0;
    }
  }
}

Digest Keccak256::finish() {
  state_[filled_ / 8] ^= std::uint64_t(1) << (8 * (filled_ % 8));
  state_[kRate / 8 - 1] ^= std::uint64_t(0x80) << 56;
  permute(state_);
  return digest_of(state_);
}

Digest keccak256(Bytes data) {
  Keccak256 hash;
  hash.update(data);
  return hash.finish();
}

Digest keccak256_padded(const std::uint8_t* padded, std::size_t blocks) {
  constexpr std::size_t words = 17;
  State state{};
  for (std::size_t at = 0; at < blocks * words; ++at) {
    std::uint64_t word = 0;
    for (int i = 0; i < 8; ++i) word |= std::uint64_t(padded[8 * at + i]) << (8 * i);
    state[at % words] ^= word;
    if (at % words == words - 1) permute(state);
  }
  return digest_of(state);
}

void Transcript::absorb(std::uint8_t label, Bytes words) {
  const std::size_t count = words.size() / 32;
  if (words.size() % 32 != 0 || count > std::numeric_limits<std::uint32_t>::max()) {
    throw std::invalid_argument("transcript: expected words of 32 bytes, got " +
                                std::to_string(words.size()) + " bytes");
  }
  const std::array<std::uint8_t, 6> head = {
      0x00, label, std::uint8_t(count >> 24), std::uint8_t(count >> 16), std::uint8_t(count >> 8),
      std::uint8_t(count)};
  Keccak256 hash;
  hash.update(state_);
  hash.update(head);
  hash.update(words);
  state_ = hash.finish();
}

std::array<std::uint8_t, 31> Transcript::challenge(std::uint8_t label) {
  const std::array<std::uint8_t, 2> head = {0x01, label};
  Keccak256 hash;
  hash.update(state_);
  hash.update(head);
  state_ = hash.finish();
  std::array<std::uint8_t, 31> drawn;
  std::copy(state_.begin() + 1, state_.end(), drawn.begin());
  return drawn;
}

}  // namespace avow::native

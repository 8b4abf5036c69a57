// Keccak-256 as Ethereum uses it, and the chained state that challenges are drawn from.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

namespace avow::native {

using Digest = std::array<std::uint8_t, 32>;
using Bytes = std::span<const std::uint8_t>;

class Keccak256 {
 public:
  void update(Bytes data);
  // The digest of everything so far; the object is used up.
  Digest finish();

 private:
  static constexpr std::size_t kRate = 136;
  std::array<std::uint64_t, 25> state_{};
  std::size_t filled_ = 0;
};

Digest keccak256(Bytes data);

// Of a message that has its padding already: `blocks` blocks of 136 bytes.
Digest keccak256_padded(const std::uint8_t* padded, std::size_t blocks);

// Starts as 32 zero bytes; absorbing and drawing both replace the state by a hash of itself and of
// what is said: state || 0x00 || label || count || words, or state || 0x01 || label.
class Transcript {
 public:
  // Throws std::invalid_argument unless the words are whole: 32 bytes each.
  void absorb(std::uint8_t label, Bytes words);
  // The last 31 bytes of the new state, big-endian: always below r.
  std::array<std::uint8_t, 31> challenge(std::uint8_t label);

 private:
  Digest state_{};
};

}  // namespace avow::native

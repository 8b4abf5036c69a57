// The leaves of a tree of fractions: read where they are needed, and not where all are alike.
#pragma once

#include <cstdint>
#include <utility>
#include <vector>

#include "sumcheck.hpp"

namespace avow::native {

// Blocks of fractions, in groups of 2^stride: inside one, lane i of block l is element
// i 2^stride + l, so that neighbours are whole blocks and lanes are alike where the program's
// tensors are. Blocks whose elements are all 0 / c, for one of a few c, are not stored.
struct FractionBlocks {
  // Of each block where it is stored, or ~k if it repeats constant k. Beyond the end stands ~0. Of
  // leaves, which are stored as they are: 1 where each is 1 / q, 0 otherwise.
  std::vector<std::int32_t> slots;
  // The q of every constant; the first is 1, as of what follows the leaves.
  std::vector<Fr> constants;
  std::size_t count = 0;  // elements
  unsigned stride = 0;

  std::int32_t slot(std::size_t block) const { return block < slots.size() ? slots[block] : ~0; }
  // Which constant `many` blocks from `first` on all repeat, as ~k; otherwise 0.
  std::int32_t same(std::size_t first, std::size_t many) const {
    const std::int32_t one = slot(first);
    if (one >= 0) return 0;
    for (std::size_t i = 1; i < many; ++i) {
      if (slot(first + i) != one) return 0;
    }
    return one;
  }
  // The block of an element, and its lane.
  std::pair<std::size_t, std::size_t> place(std::size_t element, std::size_t lanes) const {
    const std::size_t upper = element >> stride, inside = element - (upper << stride);
    return {(upper / lanes << stride) + inside, upper % lanes};
  }
};

// Whole groups of blocks for so many elements.
inline std::size_t grouped(const Kernels& kernels, std::size_t count, unsigned stride) {
  return blocks_of(kernels, (count + (std::size_t(1) << stride) - 1) >> stride) << stride;
}

class FractionLeaves {
 public:
  // Numerators and denominators, in their order. std::invalid_argument unless both are as long,
  // two at least. The stride is at most what was asked for, and what one group can have.
  FractionLeaves(Factor p, Factor q, unsigned stride);

  const Kernels& kernels() const { return *kernels_; }
  const FractionBlocks& blocks() const { return blocks_; }
  // Words of memory that `read` may need for so many blocks.
  std::size_t room(std::size_t blocks) const { return 2 * blocks * kernels_->words; }
  // Where blocks [first, first + count) stand. Those of `constants` are p and q of each constant,
  // others may be written to `room`; where each is 1 / q, p is the first constant's q.
  void read(std::size_t first, std::size_t count, const Limb* constants, Limb* room,
            FractionBlock* out) const;

 private:
  void arrange();
  void find_same();
  std::vector<std::uint8_t> find_ones() const;

  const Kernels* kernels_;
  FractionBlocks blocks_;
  // In the order of the blocks; if picked, by one index.
  Factor p_, q_;
};

}  // namespace avow::native

// One scalar a block, four limbs: the engine of the portable and the mulx backend.
#pragma once

#include "kernels.hpp"

namespace avow::native {

template <class Arithmetic>
struct ScalarEngine {
  using Block = Field<FrModulus, Arithmetic>;
  using Modulus = Montgomery<FrModulus>;
  static constexpr std::size_t lanes = 1;
  static constexpr std::size_t words = 4;
  static constexpr std::size_t chunk_blocks = 128;

  struct Sum {
    Block value;
  };

  static Block zero() { return Block(); }
  static Block one() { return Block::one(); }
  static Block load(const Limb* a) { return Block(Limbs{a[0], a[1], a[2], a[3]}); }
  static void store(Limb* to, const Block& a) {
    for (int i = 0; i < 4; ++i) to[i] = a.v[i];
  }
  // Every lane the canonical integer.
  static Block all(const Limb* a) { return load(a) * Block(Modulus::square); }
  // Every lane the element at `index`; lane i the element at index[i].
  static Block element(const Limb* base, std::size_t index) { return load(base + 4 * index); }
  static Block gather(const Limb* base, const std::size_t* index) {
    return load(base + 4 * index[0]);
  }
  static Block masked(const Block& a, std::size_t count) { return count ? a : Block(); }

  static Block add(const Block& a, const Block& b) { return a + b; }
  static Block sub(const Block& a, const Block& b) { return a - b; }
  static Block sub_factor(const Block& a, const Block& b) { return a - b; }
  static Block mul(const Block& a, const Block& b) { return a * b; }

  static Sum no_sum() { return Sum{Block()}; }
  static void add_product(Sum& sum, const Block& a, const Block& b) { sum.value += a * b; }
  static Block reduce(const Sum& sum) { return sum.value; }
  static Block tidy(const Block& a) { return a; }

  // Integers of a block, and sums of them times scalars.
  template <class Int>
  struct IntBlock {
    std::int64_t value;
  };
  template <class Int>
  static IntBlock<Int> load_ints(const Int* at, std::size_t) {
    return {std::int64_t(*at)};
  }
  template <class Int>
  static IntBlock<Int> gather_ints(const Int* base, const std::size_t* index) {
    return {std::int64_t(base[index[0]])};
  }
  template <class Int>
  struct IntSum {
    Block value;
  };
  static constexpr std::size_t most_ints = std::size_t(1) << 30;  // before `reduce_ints`
  template <class Int>
  static IntSum<Int> no_int_sum() {
    return {Block()};
  }
  template <class Int>
  static void add_int_product(IntSum<Int>& sum, IntBlock<Int> a, const Block& weight) {
    sum.value += Block::of_int(a.value) * weight;
  }
  template <class Int>
  static Block reduce_ints(const IntSum<Int>& sum) {
    return sum.value;
  }

  // scale a + offset
  template <class Int>
  struct Affine {
    Block scale, offset;
    Affine(const Limb* by, const Limb* plus) : scale(all(by)), offset(all(plus)) {}
    Block operator()(IntBlock<Int> a) const { return scale * Block::of_int(a.value) + offset; }
  };

  static bool of_bytes(const std::uint8_t* bytes, std::size_t, Block& out, std::size_t& wrong) {
    wrong = 0;
    return Block::of_little_endian(bytes, out);
  }
  static void to_bytes(std::uint8_t* bytes, const Block& a, std::size_t) {
    a.to_little_endian(bytes);
  }

  // Whether one of the first `count` lanes is zero, and which.
  static bool has_zero(const Block& a, std::size_t, std::size_t& which) {
    which = 0;
    return a.is_zero();
  }
  // One where a lane is beyond `count`.
  static Block padded(const Block& a, std::size_t) { return a; }
  static Block inverse(const Block& a) { return a.inverse(); }

  // (even, odd) elements of two blocks in a row; for one lane the blocks themselves.
  static void pairs(const Block& a, const Block& b, Block& even, Block& odd) {
    even = a;
    odd = b;
  }

  // Powers of x along the lanes: 1, x, ...; and x^lanes in every lane.
  static void powers(const Limb* x, Block& along, Block& step) {
    along = Block::one();
    step = all(x);
  }

  // out = a + root * (next), lane by lane from the last, with `carry` after the last.
  struct Scan {
    Block root, carry;
    Scan(const Limb* by, const Limb* after) : root(all(by)), carry(all(after)) {}
    Block operator()(const Block& a) { return carry = a + root * carry; }
  };

  static void split(Limb*, Limb*, const Limb*, std::size_t) {}  // there is nothing inside a block

  // The sum of all lanes, canonical.
  static void total(Limb* out, const Block& a) {
    const Limbs value = a.canonical();
    for (int i = 0; i < 4; ++i) out[i] = value[i];
  }
};

}  // namespace avow::native

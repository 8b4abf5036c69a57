// Kernels of a tree of fractions, for any engine. Neighbours are an even and an odd place.
#pragma once

#include "kernels.hpp"

namespace avow::native {

template <class E>
struct FractionKernels {
  using Block = typename E::Block;
  using Sum = typename E::Sum;
  static constexpr std::size_t words = E::words;

  static void add_fractions(Limb* p, Limb* q, const Limb* below_p, const Limb* below_q,
                            std::size_t blocks) {
    for (std::size_t i = 0; i < blocks * words; i += words) {
      Block p0, p1, q0, q1, out[2];
      load_pairs(below_p + 2 * i, p0, p1);
      load_pairs(below_q + 2 * i, q0, q1);
      Sum sums[2] = {E::no_sum(), E::no_sum()};
      E::add_product(sums[0], p0, q1);
      E::add_product(sums[0], p1, q0);
      E::add_product(sums[1], q0, q1);
      E::reduce(sums, out);
      E::store(p + i, out[0]);
      E::store(q + i, out[1]);
    }
  }

  static void fraction_chunk(const FractionChunk& chunk) {
    if (chunk.open) {
      chunk.all ? chunk_of<true, 3>(chunk) : chunk_of<true, 2>(chunk);
    } else {
      chunk.all ? chunk_of<false, 3>(chunk) : chunk_of<false, 2>(chunk);
    }
  }

 private:
  static void load_pairs(const Limb* at, Block& even, Block& odd) {
    E::pairs(E::load(at), E::load(at + words), even, odd);
  }

  // The four numbers of one block of points, from two blocks of what is below.
  template <bool open>
  static void point_block(const FractionChunk& chunk, std::size_t at,
                                               Block (&out)[4]) {
    if constexpr (open) {
      Block p0;
      load_pairs(chunk.from[0] + 2 * at, p0, out[1]);
      load_pairs(chunk.from[1] + 2 * at, out[2], out[3]);
      out[0] = E::add_fixed(p0, out[2], chunk.by);
    } else {
      for (int k = 0; k < 4; ++k) {
        Block even, odd;
        load_pairs(chunk.from[k] + 2 * at, even, odd);
        out[k] = E::add_fixed(even, E::sub_factor(odd, even), chunk.by);
      }
    }
    for (int k = 0; k < 4; ++k) E::store(chunk.to[k] + at, out[k]);
  }

  template <bool open, std::size_t values>
  static void chunk_of(const FractionChunk& chunk) {
    Sum totals[values];
    for (auto& total : totals) total = E::no_sum();
    const std::size_t first = chunk.chunk * E::chunk_blocks;
    for (std::size_t b = 0; b < chunk.blocks; ++b) {
      const std::size_t at = 2 * (first + b) * words;
      Block left[4], right[4], even[4], odd[4], value[values];
      point_block<open>(chunk, at, left);
      point_block<open>(chunk, at + words, right);
      for (int k = 0; k < 4; ++k) E::pairs(left[k], right[k], even[k], odd[k]);
      Sum sums[values];
      for (auto& sum : sums) sum = E::no_sum();
      E::add_product(sums[0], even[0], even[3]);
      E::add_product(sums[0], even[1], even[2]);
      E::add_product(sums[1], E::sub_factor(odd[0], even[0]), E::sub_factor(odd[3], even[3]));
      E::add_product(sums[1], E::sub_factor(odd[1], even[1]), E::sub_factor(odd[2], even[2]));
      if constexpr (values > 2) {
        E::add_product(sums[2], odd[0], odd[3]);
        E::add_product(sums[2], odd[1], odd[2]);
      }
      E::reduce(sums, value);
      const Block weight = E::load(chunk.eq_low + b * words);
      for (std::size_t v = 0; v < values; ++v) E::add_product(totals[v], value[v], weight);
    }
    const Block high = E::element(chunk.eq_high, chunk.chunk);
    for (std::size_t v = 0; v < values; ++v) {
      Limb* total = chunk.totals + v * words;
      E::store(total, E::add(E::load(total), E::mul(E::reduce(totals[v]), high)));
    }
  }
};

}  // namespace avow::native

// Kernels of a tree of fractions, for any engine. Neighbours are an even and an odd place.
#pragma once

#include "kernels.hpp"

// Blocks are registers: a call would move them through memory.
#define AVOW_JOINED __attribute__((always_inline)) inline

namespace avow::native {

template <class E>
struct FractionKernels {
  using Block = typename E::Block;
  using Sum = typename E::Sum;
  static constexpr std::size_t words = E::words;

  static void add_fractions(Limb* const* to, const FractionBlock* below, std::size_t blocks,
                            bool apart, const Limb* one) {
    for (std::size_t i = 0; i < blocks; ++i) {
      if (!to[i]) continue;
      if (below[2 * i].p == one && below[2 * i + 1].p == one) {
        Block q0, q1;
        pairs(E::load(below[2 * i].q), E::load(below[2 * i + 1].q), apart, q0, q1);
        E::store(to[i], E::add(q0, q1));
        E::store(to[i] + words, E::mul(q0, q1));
        continue;
      }
      Block p0, p1, q0, q1, out[2];
      children(below + 2 * i, apart, p0, p1, q0, q1);
      Sum sums[2] = {E::no_sum(), E::no_sum()};
      E::add_product(sums[0], p0, q1);
      E::add_product(sums[0], p1, q0);
      E::add_product(sums[1], q0, q1);
      E::reduce(sums, out);
      E::store(to[i], out[0]);
      E::store(to[i] + words, out[1]);
    }
  }

  static void fraction_chunk(const FractionChunk& chunk) {
    if (!chunk.r) return with<Points::opened>(chunk);
    chunk.below ? with<Points::opened_and_folded>(chunk) : with<Points::folded>(chunk);
  }

 private:
  enum class Points { opened, opened_and_folded, folded };

  static AVOW_JOINED void pairs(const Block& a, const Block& b, bool apart, Block& even,
                                Block& odd) {
    if (apart) {
      even = a;
      odd = b;
    } else {
      E::pairs(a, b, even, odd);
    }
  }
  static AVOW_JOINED void children(const FractionBlock* two, bool apart, Block& p0, Block& p1,
                                   Block& q0, Block& q1) {
    pairs(E::load(two[0].p), E::load(two[1].p), apart, p0, p1);
    pairs(E::load(two[0].q), E::load(two[1].q), apart, q0, q1);
  }

  // The four numbers of one block of points: of the layer below,
  static AVOW_JOINED void open(const FractionChunk& chunk, std::size_t at, Block (&out)[4]) {
    Block p0;
    children(chunk.below + 2 * at, chunk.apart > 0, p0, out[1], out[2], out[3]);
    out[0] = E::add_fixed(p0, out[2], chunk.mu);
  }
  static AVOW_JOINED Block bound(const Block& left, const Block& right, bool apart,
                                 const Limb* r) {
    Block even, odd;
    pairs(left, right, apart, even, odd);
    return E::add_fixed(even, E::sub_factor(odd, even), r);
  }
  // of two blocks that are made of it, or of two blocks of points.
  template <Points points>
  static AVOW_JOINED void make(const FractionChunk& chunk, std::size_t at, Block (&out)[4]) {
    if constexpr (points == Points::opened) {
      open(chunk, at, out);
    } else if constexpr (points == Points::opened_and_folded) {
      Block left[4], right[4];
      open(chunk, 2 * at, left);
      open(chunk, 2 * at + 1, right);
      for (std::size_t k = 0; k < 4; ++k) {
        out[k] = bound(left[k], right[k], chunk.apart > 1, chunk.r);
      }
    } else {
      const Limb *left = chunk.points[2 * at], *right = chunk.points[2 * at + 1];
      for (std::size_t k = 0; k < 4; ++k) {
        out[k] = bound(E::load(left + k * words), E::load(right + k * words), chunk.apart > 0,
                       chunk.r);
      }
    }
  }

  // The same where every p is 1: out[0] is 1 + mu out[2], folded or not.
  template <Points points>
  static AVOW_JOINED void make_of_ones(const FractionChunk& chunk, std::size_t at,
                                       Block (&out)[4]) {
    if constexpr (points == Points::opened) {
      const FractionBlock* two = chunk.below + 2 * at;
      pairs(E::load(two[0].q), E::load(two[1].q), chunk.apart > 0, out[2], out[3]);
    } else {
      const FractionBlock* four = chunk.below + 4 * at;
      Block left[2], right[2];
      pairs(E::load(four[0].q), E::load(four[1].q), chunk.apart > 0, left[0], left[1]);
      pairs(E::load(four[2].q), E::load(four[3].q), chunk.apart > 0, right[0], right[1]);
      for (std::size_t k = 0; k < 2; ++k) {
        out[2 + k] = bound(left[k], right[k], chunk.apart > 1, chunk.r);
      }
    }
    out[1] = E::one();
    out[0] = E::add_fixed(out[1], out[2], chunk.mu);
  }
  // Whether the nodes of a pair are like that.
  template <Points points>
  static AVOW_JOINED bool ones(const FractionChunk& chunk, std::size_t pair) {
    if constexpr (points == Points::folded) return false;
    constexpr std::size_t many = points == Points::opened ? 4 : 8;
    for (std::size_t i = many * pair; i < many * pair + many; ++i) {
      if (chunk.below[i].p != chunk.one) return false;
    }
    return true;
  }

  // What a pair will need, since it does not come from where the processor would look.
  template <Points points>
  static AVOW_JOINED void fetch(const FractionChunk& chunk, std::size_t pair) {
    constexpr std::size_t line = 8;
    if constexpr (points == Points::folded) {
      for (std::size_t i = 4 * pair; i < 4 * pair + 4; ++i) {
        for (std::size_t at = 0; at < 4 * words; at += line) {
          __builtin_prefetch(chunk.points[i] + at);
        }
      }
    } else {
      constexpr std::size_t many = points == Points::opened ? 4 : 8;
      for (std::size_t i = many * pair; i < many * pair + many; ++i) {
        for (std::size_t at = 0; at < words; at += line) {
          __builtin_prefetch(chunk.below[i].p + at);
          __builtin_prefetch(chunk.below[i].q + at);
        }
      }
    }
  }

  template <Points points>
  static void with(const FractionChunk& chunk) {
    chunk.all ? chunk_of<points, 3>(chunk) : chunk_of<points, 2>(chunk);
  }

  template <Points points, std::size_t values>
  static void chunk_of(const FractionChunk& chunk) {
    Sum totals[values];
    for (auto& total : totals) total = E::no_sum();
    const Block high = E::element(chunk.eq_high, chunk.chunk);
    const bool apart = chunk.apart > (points == Points::opened_and_folded ? 2 : 1);
    Block repeated = E::zero();
    std::int32_t which = -1;
    for (std::size_t b = 0; b < chunk.blocks; ++b) {
      const Block weight = E::load(chunk.eq_low + b * words);
      if (chunk.same[b] >= 0) {
        if (chunk.same[b] != which) {
          add_weight(chunk, which, repeated, high);
          repeated = E::zero();
          which = chunk.same[b];
        }
        repeated = E::add(repeated, weight);
        continue;
      }
      if (b + 1 < chunk.blocks && chunk.same[b + 1] < 0) fetch<points>(chunk, b + 1);
      Block point[2][4], even[4], odd[4], value[values];
      const bool plain = ones<points>(chunk, b);
      for (std::size_t side = 0; side < 2; ++side) {
        if constexpr (points != Points::folded) {
          if (plain) make_of_ones<points>(chunk, 2 * b + side, point[side]);
        }
        if (!plain) make<points>(chunk, 2 * b + side, point[side]);
        if (Limb* to = chunk.to ? chunk.to[2 * b + side] : nullptr) {
          for (std::size_t k = 0; k < 4; ++k) E::store(to + k * words, point[side][k]);
        }
      }
      for (std::size_t k = 0; k < 4; ++k) {
        pairs(point[0][k], point[1][k], apart, even[k], odd[k]);
      }
      // Of ones every second product is q0 itself.
      Sum sums[values];
      for (auto& sum : sums) sum = E::no_sum();
      E::add_product(sums[0], even[0], even[3]);
      E::add_product(sums[1], E::sub_factor(odd[0], even[0]), E::sub_factor(odd[3], even[3]));
      if constexpr (values > 2) E::add_product(sums[2], odd[0], odd[3]);
      if (!plain) {
        E::add_product(sums[0], even[1], even[2]);
        E::add_product(sums[1], E::sub_factor(odd[1], even[1]), E::sub_factor(odd[2], even[2]));
        if constexpr (values > 2) E::add_product(sums[2], odd[1], odd[2]);
      }
      E::reduce(sums, value);
      if (plain) {
        value[0] = E::add_factor(value[0], even[2]);
        if constexpr (values > 2) value[2] = E::add_factor(value[2], odd[2]);
      }
      for (std::size_t v = 0; v < values; ++v) E::add_product(totals[v], value[v], weight);
    }
    for (std::size_t v = 0; v < values; ++v) {
      Limb* total = chunk.totals + v * words;
      E::store(total, E::add(E::load(total), E::mul(E::reduce(totals[v]), high)));
    }
    add_weight(chunk, which, repeated, high);
  }

  static void add_weight(const FractionChunk& chunk, std::int32_t which, const Block& weight,
                         const Block& high) {
    if (which < 0) return;
    Limb* total = chunk.totals + (3 + std::size_t(which)) * words;
    E::store(total, E::add(E::load(total), E::mul(weight, high)));
  }
};

#undef AVOW_JOINED

}  // namespace avow::native

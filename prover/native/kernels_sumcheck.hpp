// Kernels of a sumcheck's round, for any engine: binding a variable, and values of the round's
// polynomial over one chunk.
#pragma once

#include "kernels.hpp"

namespace avow::native {

template <class E>
struct SumcheckKernels {
  using Block = typename E::Block;
  using Sum = typename E::Sum;
  static constexpr std::size_t words = E::words;

  static void fold(Limb* out, const Limb* low, const Limb* high, const Limb* r,
                   std::size_t blocks) {
    for (std::size_t i = 0; i < blocks * words; i += words) {
      const Block a = E::load(low + i);
      E::store(out + i, E::add_fixed(a, E::sub_factor(E::load(high + i), a), r));
    }
  }

  static void combine(Limb* out, const Limb* low, const Limb* high, const Limb* c0, const Limb* c1,
                      std::size_t blocks) {
    for (std::size_t i = 0; i < blocks * words; i += words) {
      E::store(out + i, E::combine(E::load(low + i), c0, E::load(high + i), c1));
    }
  }

  static void zero_chunk(const ZeroChunk& chunk) {
    switch (chunk.points) {
      case Points::zero:
        return zero_chunk_of<Points::zero>(chunk);
      case Points::zero_top:
        return zero_chunk_of<Points::zero_top>(chunk);
      case Points::zero_top_one:
        return zero_chunk_of<Points::zero_top_one>(chunk);
    }
  }

  static void product_chunk(const ProductChunk& chunk) {
    for (std::size_t k = 0; k < chunk.count; ++k) {
      const Block by = E::element(chunk.coefficients, k);
      if (chunk.products[k].c0) {
        product_of_three(chunk, chunk.products[k], by, chunk.totals + 3 * words);
      } else {
        product_of_two(chunk, chunk.products[k], by, chunk.totals);
      }
    }
  }

 private:
  static constexpr std::size_t kLazy = 64;   // products summed before they are reduced
  static constexpr std::size_t kGroup = 16;  // pairs whose scaled factors are kept at hand

  static void add_to(Limb* total, const Block& value) {
    E::store(total, E::add(E::load(total), value));
  }

  // One block of a few pairs, the coefficients applied.
  struct Group {
    const Limb *a0[kGroup], *a1[kGroup], *b0[kGroup], *b1[kGroup];
    std::size_t count;
    alignas(64) Limb scaled[kGroup][2 * words];

    template <bool halves>
    void gather(const PairView* pairs, std::size_t some, std::size_t at) {
      count = some;
      for (std::size_t k = 0; k < some; ++k) {
        const PairView& pair = pairs[k];
        a0[k] = pair.a0 + at;
        b0[k] = pair.b0 + at;
        if constexpr (halves) {
          a1[k] = pair.a1 + at;
          b1[k] = pair.b1 + at;
        }
        if (!pair.scale) continue;
        E::store(scaled[k], E::mul_fixed(E::load(a0[k]), pair.scale));
        a0[k] = scaled[k];
        if constexpr (halves) {
          E::store(scaled[k] + words, E::mul_fixed(E::load(a1[k]), pair.scale));
          a1[k] = scaled[k] + words;
        }
      }
    }
    void add_at_zero(Sum& sum) const {
      Sum own = sum;
      for (std::size_t k = 0; k < count; ++k) E::add_product(own, E::load(a0[k]), E::load(b0[k]));
      sum = own;
    }
    void add_top(Sum& sum) const {
      Sum own = sum;
      for (std::size_t k = 0; k < count; ++k) {
        E::add_product(own, E::sub_scaled(E::load(a1[k]), E::load(a0[k])),
                       E::sub_factor(E::load(b1[k]), E::load(b0[k])));
      }
      sum = own;
    }
    void add_at_one(Sum& sum) const {
      Sum own = sum;
      for (std::size_t k = 0; k < count; ++k) E::add_product(own, E::load(a1[k]), E::load(b1[k]));
      sum = own;
    }
  };

  // Adds what `side` blocks from word `at` on give, eq beginning at `eq`.
  template <std::size_t values, std::size_t side>
  static void zero_blocks(const ZeroChunk& chunk, std::size_t at, const Limb* eq,
                          Sum (&totals)[values]) {
    Sum sums[side * values];
    for (auto& sum : sums) sum = E::no_sum();
    Block value[side * values], done[side * values];
    bool flushed = false;
    Group group;
    for (std::size_t k = 0; k < chunk.count; k += kGroup) {
      const std::size_t left = chunk.count - k;
      for (std::size_t n = 0; n < side; ++n) {
        group.template gather<(values > 1)>(chunk.pairs + k, left < kGroup ? left : kGroup,
                                            at + n * words);
        Sum* own = sums + n * values;
        group.add_at_zero(own[0]);
        if constexpr (values > 1) group.add_top(own[1]);
        if constexpr (values > 2) group.add_at_one(own[2]);
      }
      if (k % kLazy != kLazy - kGroup || left <= kGroup) continue;
      E::reduce(sums, value);
      for (std::size_t v = 0; v < side * values; ++v) {
        done[v] = flushed ? E::add(done[v], E::tidy(value[v])) : E::tidy(value[v]);
        sums[v] = E::no_sum();
      }
      flushed = true;
    }
    E::reduce(sums, value);
    for (std::size_t n = 0; n < side; ++n) {
      const std::size_t i = n * words;
      const Block weight = E::load(eq + i);
      for (std::size_t v = 0; v < values; ++v) {
        Block own = value[n * values + v];
        if (flushed) own = E::add_factor(own, done[n * values + v]);
        // What is linear has no leading coefficient.
        if (v != 1 && chunk.linear0) {
          own = E::add_factor(own, E::load((v ? chunk.linear1 : chunk.linear0) + at + i));
        }
        E::add_product(totals[v], own, weight);
      }
    }
  }

  template <Points points>
  static void zero_chunk_of(const ZeroChunk& chunk) {
    constexpr std::size_t values = std::size_t(points) + 1;
    Sum totals[values];
    for (auto& total : totals) total = E::no_sum();
    std::size_t b = 0;
    // Some sums at once: their reductions need not wait for each other.
    constexpr std::size_t side = values == 2 ? 2 : 1;
    for (; b + side <= chunk.blocks; b += side) {
      zero_blocks<values, side>(chunk, b * words, chunk.eq_low + b * words, totals);
    }
    for (; b < chunk.blocks; ++b) {
      zero_blocks<values, 1>(chunk, b * words, chunk.eq_low + b * words, totals);
    }
    if (chunk.plain0) {
      Block plain = E::load(chunk.totals + 3 * words);
      for (std::size_t b = 0; b < chunk.blocks; ++b) {
        plain = E::add(plain, E::load(chunk.plain0 + b * words));
      }
      E::store(chunk.totals + 3 * words, plain);
    }
    const Block high = E::element(chunk.eq_high, chunk.chunk);
    for (std::size_t v = 0; v < values; ++v) {
      add_to(chunk.totals + v * words, E::mul(E::reduce(totals[v]), high));
    }
  }

  // Value by value, so that each sum stays in registers.
  static void product_of_two(const ProductChunk& chunk, const ProductView& product,
                             const Block& by, Limb* totals) {
    const std::size_t begin = chunk.first * words, end = begin + chunk.blocks * words;
    Sum sum = E::no_sum();
    for (std::size_t i = begin; i < end; i += words) {
      E::add_product(sum, E::load(product.a0 + i), E::load(product.b0 + i));
    }
    add_to(totals, E::mul(by, E::reduce(sum)));
    if (chunk.points == Points::zero) return;
    sum = E::no_sum();
    for (std::size_t i = begin; i < end; i += words) {
      E::add_product(sum, E::sub_factor(E::load(product.a1 + i), E::load(product.a0 + i)),
                     E::sub_factor(E::load(product.b1 + i), E::load(product.b0 + i)));
    }
    add_to(totals + words, E::mul(by, E::reduce(sum)));
    if (chunk.points == Points::zero_top) return;
    sum = E::no_sum();
    for (std::size_t i = begin; i < end; i += words) {
      E::add_product(sum, E::load(product.a1 + i), E::load(product.b1 + i));
    }
    add_to(totals + 2 * words, E::mul(by, E::reduce(sum)));
  }

  static void product_of_three(const ProductChunk& chunk, const ProductView& product,
                               const Block& by, Limb* totals) {
    switch (chunk.points) {
      case Points::zero:
        return product_of_three_at<1>(chunk, product, by, totals);
      case Points::zero_top:
        return product_of_three_at<3>(chunk, product, by, totals);
      case Points::zero_top_one:
        return product_of_three_at<4>(chunk, product, by, totals);
    }
  }

  template <std::size_t values>
  static void product_of_three_at(const ProductChunk& chunk, const ProductView& product,
                                  const Block& by, Limb* totals) {
    const std::size_t begin = chunk.first * words, end = begin + chunk.blocks * words;
    // At 0, leading coefficient, at -1, at 1.
    Sum sums[values];
    for (auto& sum : sums) sum = E::no_sum();
    for (std::size_t i = begin; i < end; i += words) {
      Block a[values], b[values], two[values];
      a[0] = E::load(product.a0 + i);
      b[0] = E::load(product.b0 + i);
      if constexpr (values > 1) {
        const Block a1 = E::load(product.a1 + i), b1 = E::load(product.b1 + i);
        a[1] = E::sub_factor(a1, a[0]);
        b[1] = E::sub_factor(b1, b[0]);
        a[2] = E::reflected(a[0], a1);
        b[2] = E::reflected(b[0], b1);
        if constexpr (values > 3) {
          a[3] = a1;
          b[3] = b1;
        }
      }
      E::mul_each(a, b, two);
      const Block c0 = E::load(product.c0 + i);
      E::add_product(sums[0], two[0], c0);
      if constexpr (values > 1) {
        const Block c1 = E::load(product.c1 + i);
        E::add_product(sums[1], two[1], E::sub_factor(c1, c0));
        E::add_product(sums[2], two[2], E::reflected(c0, c1));
        if constexpr (values > 3) E::add_product(sums[3], two[3], c1);
      }
    }
    constexpr std::size_t place[4] = {0, 1, 3, 2};
    for (std::size_t v = 0; v < values; ++v) {
      add_to(totals + place[v] * words, E::mul(by, E::reduce(sums[v])));
    }
  }
};

}  // namespace avow::native

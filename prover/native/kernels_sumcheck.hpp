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
    const Block factor = E::all(r);
    for (std::size_t i = 0; i < blocks * words; i += words) {
      const Block a = E::load(low + i);
      E::store(out + i, E::add_scaled(a, factor, E::sub_factor(E::load(high + i), a)));
    }
  }

  static void combine(Limb* out, const Limb* low, const Limb* high, const Limb* c0, const Limb* c1,
                      std::size_t blocks) {
    const Block first = E::all(c0), second = E::all(c1);
    for (std::size_t i = 0; i < blocks * words; i += words) {
      auto sum = E::no_sum();
      E::add_product(sum, E::load(low + i), first);
      E::add_product(sum, E::load(high + i), second);
      E::store(out + i, E::reduce(sum));
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
  static constexpr std::size_t kLazy = 64;

  static void add_to(Limb* total, const Block& value) {
    E::store(total, E::add(E::load(total), value));
  }

  // What has been summed for one block: sums not yet reduced, and what had to be.
  template <std::size_t Values>
  struct Row {
    Sum sums[Values];
    Block done[Values];
    void clear() {
      for (std::size_t v = 0; v < Values; ++v) {
        sums[v] = E::no_sum();
        done[v] = E::zero();
      }
    }
    void reduce() {
      for (std::size_t v = 0; v < Values; ++v) {
        done[v] = E::add(done[v], E::tidy(E::reduce(sums[v])));
        sums[v] = E::no_sum();
      }
    }
  };

  template <Points points>
  static void zero_chunk_of(const ZeroChunk& chunk) {
    constexpr std::size_t values = std::size_t(points) + 1;
    Row<values> rows[E::chunk_blocks];
    const std::size_t at = chunk.chunk * E::chunk_blocks * words;
    for (std::size_t b = 0; b < chunk.blocks; ++b) rows[b].clear();
    for (std::size_t k = 0; k < chunk.count; ++k) {
      const PairView& pair = chunk.pairs[k];
      Block scale;
      if (pair.scale) scale = E::all(pair.scale);
      for (std::size_t b = 0; b < chunk.blocks; ++b) {
        const std::size_t i = at + b * words;
        Block a0 = E::load(pair.a0 + i);
        const Block b0 = E::load(pair.b0 + i);
        if (pair.scale) a0 = E::mul(a0, scale);
        E::add_product(rows[b].sums[0], a0, b0);
        if constexpr (values > 1) {
          Block a1 = E::load(pair.a1 + i);
          const Block b1 = E::load(pair.b1 + i);
          if (pair.scale) a1 = E::mul(a1, scale);
          E::add_product(rows[b].sums[1], E::sub_factor(a1, a0), E::sub_factor(b1, b0));
          if constexpr (values > 2) E::add_product(rows[b].sums[2], a1, b1);
        }
      }
      if (k % kLazy == kLazy - 1) {
        for (std::size_t b = 0; b < chunk.blocks; ++b) rows[b].reduce();
      }
    }
    Sum totals[values];
    for (auto& total : totals) total = E::no_sum();
    const bool flushed = chunk.count >= kLazy;
    for (std::size_t b = 0; b < chunk.blocks; ++b) {
      const std::size_t i = at + b * words;
      const Block eq = E::load(chunk.eq_low + b * words);
      for (std::size_t v = 0; v < values; ++v) {
        Block value = E::reduce(rows[b].sums[v]);
        if (flushed) value = E::add_factor(value, rows[b].done[v]);
        // What is linear has no leading coefficient.
        if (v != 1 && chunk.linear0) {
          value = E::add_factor(value, E::load((v ? chunk.linear1 : chunk.linear0) + i));
        }
        E::add_product(totals[v], value, eq);
      }
    }
    if (chunk.plain0) {
      Block plain = E::load(chunk.totals + 3 * words);
      for (std::size_t b = 0; b < chunk.blocks; ++b) {
        plain = E::add(plain, E::load(chunk.plain0 + at + b * words));
      }
      E::store(chunk.totals + 3 * words, plain);
    }
    const Block high = E::element(chunk.eq_high, chunk.chunk);
    for (std::size_t v = 0; v < values; ++v) {
      add_to(chunk.totals + v * words, E::mul(E::reduce(totals[v]), high));
    }
  }

  static void product_of_two(const ProductChunk& chunk, const ProductView& product,
                             const Block& by, Limb* totals) {
    Sum at_zero = E::no_sum(), top = E::no_sum(), at_one = E::no_sum();
    const bool halves = chunk.points != Points::zero;
    const bool one = chunk.points == Points::zero_top_one;
    for (std::size_t i = chunk.first * words; i < (chunk.first + chunk.blocks) * words; i += words) {
      const Block a0 = E::load(product.a0 + i), b0 = E::load(product.b0 + i);
      E::add_product(at_zero, a0, b0);
      if (!halves) continue;
      const Block a1 = E::load(product.a1 + i), b1 = E::load(product.b1 + i);
      E::add_product(top, E::sub_factor(a1, a0), E::sub_factor(b1, b0));
      if (one) E::add_product(at_one, a1, b1);
    }
    add_to(totals, E::mul(by, E::reduce(at_zero)));
    if (!halves) return;
    add_to(totals + words, E::mul(by, E::reduce(top)));
    if (one) add_to(totals + 2 * words, E::mul(by, E::reduce(at_one)));
  }

  static void product_of_three(const ProductChunk& chunk, const ProductView& product,
                               const Block& by, Limb* totals) {
    Sum at_zero = E::no_sum(), top = E::no_sum(), at_one = E::no_sum(), at_minus = E::no_sum();
    const bool halves = chunk.points != Points::zero;
    const bool one = chunk.points == Points::zero_top_one;
    for (std::size_t i = chunk.first * words; i < (chunk.first + chunk.blocks) * words; i += words) {
      const Block a0 = E::load(product.a0 + i), b0 = E::load(product.b0 + i);
      const Block c0 = E::load(product.c0 + i);
      E::add_product(at_zero, E::mul(a0, b0), c0);
      if (!halves) continue;
      const Block a1 = E::load(product.a1 + i), b1 = E::load(product.b1 + i);
      const Block c1 = E::load(product.c1 + i);
      const Block a = E::sub(a1, a0), b = E::sub(b1, b0), c = E::sub(c1, c0);
      E::add_product(top, E::mul(a, b), c);
      E::add_product(at_minus, E::mul(E::sub_factor(a0, a), E::sub_factor(b0, b)),
                     E::sub_factor(c0, c));
      if (one) E::add_product(at_one, E::mul(a1, b1), c1);
    }
    add_to(totals, E::mul(by, E::reduce(at_zero)));
    if (!halves) return;
    add_to(totals + words, E::mul(by, E::reduce(top)));
    if (one) add_to(totals + 2 * words, E::mul(by, E::reduce(at_one)));
    add_to(totals + 3 * words, E::mul(by, E::reduce(at_minus)));
  }
};

}  // namespace avow::native

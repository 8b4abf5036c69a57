// Elementwise kernels, sums, inverses and tables, for any engine.
#pragma once

#include "kernels.hpp"

namespace avow::native {

template <class E>
struct VectorKernels {
  using Block = typename E::Block;
  static constexpr std::size_t lanes = E::lanes;
  static constexpr std::size_t words = E::words;

  static std::size_t of_bytes(Limb* out, const std::uint8_t* bytes, std::size_t count) {
    for (std::size_t i = 0; i < count; i += lanes, out += words) {
      const std::size_t some = count - i < lanes ? count - i : lanes;
      Block value;
      std::size_t wrong;
      if (!E::of_bytes(bytes + 32 * i, some, value, wrong)) return i + wrong;
      E::store(out, value);
    }
    return count;
  }

  static void to_bytes(std::uint8_t* out, const Limb* a, std::size_t count) {
    for (std::size_t i = 0; i < count; i += lanes, a += words) {
      E::to_bytes(out + 32 * i, E::load(a), count - i < lanes ? count - i : lanes);
    }
  }

  // Montgomery's trick down each of a few independent chains, so that one product need not wait
  // for another; a single inversion for all.
  static std::size_t inverse(Limb* out, const Limb* a, std::size_t count) {
    const std::size_t blocks = (count + lanes - 1) / lanes;
    const auto block = [&](std::size_t b) {
      const Block value = E::load(a + b * words);
      return b + 1 < blocks ? value : E::padded(value, count - b * lanes);
    };
    Block prefix[kChains];
    for (auto& one : prefix) one = E::one();
    for (std::size_t b = 0; b < blocks; ++b) {
      Block& running = prefix[b % kChains];
      E::store(out + b * words, running);
      running = E::mul(running, block(b));
    }
    Block all[kChains];
    all[0] = prefix[0];
    for (std::size_t k = 1; k < kChains; ++k) all[k] = E::mul(all[k - 1], prefix[k]);
    Block rest = all[kChains - 1];
    std::size_t which;
    if (E::has_zero(rest, lanes, which)) return first_zero(a, count);
    rest = E::inverse(rest);
    for (std::size_t k = kChains; k-- > 1;) {
      const Block own = prefix[k];
      prefix[k] = E::mul(rest, all[k - 1]);
      rest = E::mul(rest, own);
    }
    prefix[0] = rest;
    for (std::size_t b = blocks; b-- > 0;) {
      Block& running = prefix[b % kChains];
      Block value = E::mul(running, E::load(out + b * words));
      if (b + 1 == blocks) value = E::masked(value, count - b * lanes);
      E::store(out + b * words, value);
      running = E::mul(running, block(b));
    }
    return count;
  }

  static void add(Limb* out, const Limb* a, const Limb* b, std::size_t blocks) {
    for (std::size_t i = 0; i < blocks * words; i += words) {
      E::store(out + i, E::add(E::load(a + i), E::load(b + i)));
    }
  }
  static void sub(Limb* out, const Limb* a, const Limb* b, std::size_t blocks) {
    for (std::size_t i = 0; i < blocks * words; i += words) {
      E::store(out + i, E::sub(E::load(a + i), E::load(b + i)));
    }
  }
  static void mul(Limb* out, const Limb* a, const Limb* b, std::size_t blocks) {
    for (std::size_t i = 0; i < blocks * words; i += words) {
      E::store(out + i, E::mul(E::load(a + i), E::load(b + i)));
    }
  }
  static void scale(Limb* out, const Limb* a, const Limb* by, std::size_t blocks) {
    alignas(64) Limb factor[words];
    E::prepare(factor, by);
    for (std::size_t i = 0; i < blocks * words; i += words) {
      E::store(out + i, E::add_fixed(E::zero(), E::load(a + i), factor));
    }
  }
  static void addmul(Limb* out, const Limb* a, const Limb* by, std::size_t blocks) {
    alignas(64) Limb factor[words];
    E::prepare(factor, by);
    for (std::size_t i = 0; i < blocks * words; i += words) {
      E::store(out + i, E::add_fixed(E::load(out + i), E::load(a + i), factor));
    }
  }

  static void sum(Limb* out, const Limb* a, std::size_t blocks) {
    Block total = E::zero();
    for (std::size_t i = 0; i < blocks * words; i += words) total = E::add(total, E::load(a + i));
    E::total(out, total);
  }
  static void dot(Limb* out, const Limb* a, const Limb* b, std::size_t blocks) {
    Block total = E::zero();
    for (std::size_t i = 0; i < blocks; i += kLazy) {
      const std::size_t end = blocks - i < kLazy ? blocks : i + kLazy;
      auto products = E::no_sum();
      for (std::size_t j = i * words; j < end * words; j += words) {
        E::add_product(products, E::load(a + j), E::load(b + j));
      }
      total = E::add(total, E::tidy(E::reduce(products)));
    }
    E::total(out, total);
  }

  // Elements by index; `rest` or zero for a negative one.
  static void pick(Limb* out, const Limb* a, const std::int32_t* index, std::int32_t rest,
                   std::size_t count) {
    const Block nothing = rest < 0 ? E::zero() : E::element(a, std::size_t(rest));
    for (std::size_t i = 0; i < count; i += lanes, out += words) {
      const std::size_t some = count - i < lanes ? count - i : lanes;
      E::store(out, some == lanes && none(index + i, lanes) ? nothing
                                                            : E::pick(a, index + i, rest, some));
    }
  }

  static void dot_picked(Limb* out, const Limb* a, const std::int32_t* index, const Limb* weights,
                         std::size_t count) {
    Block total = E::zero();
    std::size_t filled = 0;
    auto products = E::no_sum();
    for (std::size_t i = 0; i < count; i += lanes, weights += words) {
      const std::size_t some = count - i < lanes ? count - i : lanes;
      if (none(index + i, some)) continue;
      E::add_product(products, E::pick(a, index + i, -1, some), E::load(weights));
      if (++filled % kLazy) continue;
      total = E::add(total, E::tidy(E::reduce(products)));
      products = E::no_sum();
    }
    E::total(out, E::add(total, E::tidy(E::reduce(products))));
  }

  static void fold_picked(Limb* out, const Limb* a, const std::int32_t* index, std::size_t rows,
                          std::size_t columns, const Limb* weights, std::size_t count) {
    for (std::size_t i = 0; i < count; i += lanes, out += words) {
      const std::size_t some = count - i < lanes ? count - i : lanes;
      Block total = E::zero();
      std::size_t filled = 0;
      auto products = E::no_sum();
      for (std::size_t r = 0; r < rows; ++r) {
        const std::int32_t* at = index + r * columns + i;
        if (none(at, some)) continue;
        E::add_product(products, E::pick(a, at, -1, some), E::element(weights, r));
        if (++filled % kLazy) continue;
        total = E::add(total, E::tidy(E::reduce(products)));
        products = E::no_sum();
      }
      E::store(out, E::add(total, E::tidy(E::reduce(products))));
    }
  }

  static void eq_step(Limb* low, Limb* high, const Limb* z, std::size_t blocks) {
    alignas(64) Limb factor[words];
    E::prepare(factor, z);
    for (std::size_t i = 0; i < blocks * words; i += words) {
      const Block value = E::load(low + i);
      const Block part = E::add_fixed(E::zero(), value, factor);
      E::store(high + i, part);
      E::store(low + i, E::sub(value, part));
    }
  }

  static void outer(Limb* out, const Limb* left, const Limb* right, std::size_t period,
                    std::size_t first, std::size_t count) {
    for (std::size_t i = 0; i < count; i += lanes, out += words) {
      const std::size_t some = count - i < lanes ? count - i : lanes;
      const std::size_t at = first + i;
      if (period % lanes == 0) {
        E::store(out, E::mul(E::element(left, at / period),
                             E::load(right + at % period / lanes * words)));
        continue;
      }
      std::size_t l[lanes], r[lanes];
      for (std::size_t k = 0; k < lanes; ++k) {
        const std::size_t own = k < some ? at + k : at;
        l[k] = own / period;
        r[k] = own % period;
      }
      E::store(out, E::masked(E::mul(E::gather(left, l), E::gather(right, r)), some));
    }
  }

  static void fold_pairs(Limb* out, const Limb* a, const Limb* z, std::size_t pairs) {
    alignas(64) Limb factor[words];
    E::prepare(factor, z);
    const std::size_t last = (2 * pairs - 1) / lanes;
    for (std::size_t i = 0; i < pairs; i += lanes) {
      const std::size_t block = 2 * i / lanes;
      Block even, odd;
      E::pairs(E::load(a + block * words),
               block + 1 <= last ? E::load(a + (block + 1) * words) : E::zero(), even, odd);
      E::store(out + i / lanes * words, E::add_fixed(even, E::sub_factor(odd, even), factor));
    }
  }

  // Horner's rule in eight independent chains, from behind.
  static void scan_eighths(Limb* out, const Limb* a, const Limb* x, std::size_t blocks) {
    static_assert(8 % lanes == 0);
    constexpr std::size_t step = 8 / lanes;
    alignas(64) Limb factor[words];
    E::prepare(factor, x);
    for (std::size_t b = blocks; b-- > 0;) {
      const Block own = E::load(a + b * words);
      const bool last = b + step >= blocks;
      E::store(out + b * words,
               last ? own : E::add_fixed(own, E::load(out + (b + step) * words), factor));
    }
  }

  // Horner's rule in a few independent chains.
  static void evaluate(Limb* out, const Limb* a, const Limb* x, std::size_t blocks) {
    Block along, step;
    E::powers(x, along, step);
    Block power[kChains];
    power[0] = E::one();
    for (std::size_t k = 1; k < kChains; ++k) power[k] = E::mul(power[k - 1], step);
    alignas(64) Limb stride[words];
    Limb canonical[4];
    E::total(canonical, E::masked(E::mul(power[kChains - 1], step), 1));
    E::prepare(stride, canonical);
    Block values[kChains];
    for (auto& one : values) one = E::zero();
    const std::size_t groups = (blocks + kChains - 1) / kChains;
    for (std::size_t g = groups; g-- > 0;) {
      for (std::size_t k = 0; k < kChains; ++k) {
        const std::size_t b = g * kChains + k;
        const Block own = b < blocks ? E::load(a + b * words) : E::zero();
        values[k] = E::add_fixed(own, values[k], stride);
      }
    }
    auto sum = E::no_sum();
    for (std::size_t k = 0; k < kChains; ++k) E::add_product(sum, values[k], power[k]);
    E::total(out, E::mul(E::reduce(sum), along));
  }

  static void suffix_scan(Limb* out, const Limb* a, const Limb* root, const Limb* carry,
                          std::size_t blocks) {
    typename E::Scan scan(root, carry);
    std::size_t b = blocks;
    for (; b >= kChains; b -= kChains) {
      Block values[kChains];
      for (std::size_t k = 0; k < kChains; ++k) values[k] = E::load(a + (b - kChains + k) * words);
      scan.inside(values);
      for (std::size_t k = kChains; k-- > 0;) {
        E::store(out + (b - kChains + k) * words, scan.join(values[k]));
      }
    }
    while (b-- > 0) {
      Block value[1] = {E::load(a + b * words)};
      scan.inside(value);
      E::store(out + b * words, scan.join(value[0]));
    }
  }

 private:
  static bool none(const std::int32_t* index, std::size_t count) {
    std::int32_t all = -1;
    for (std::size_t i = 0; i < count; ++i) all &= index[i];
    return all < 0;
  }
  static std::size_t first_zero(const Limb* a, std::size_t count) {
    for (std::size_t i = 0; i < count; i += lanes) {
      const std::size_t some = count - i < lanes ? count - i : lanes;
      std::size_t which;
      if (E::has_zero(E::load(a + i / lanes * words), some, which)) return i + which;
    }
    return count;
  }

  static constexpr std::size_t kChains = 4;
  static constexpr std::size_t kLazy = 64;
};

}  // namespace avow::native

// Batch-affine addition, written once for every width of a vector.
//
// `L` gives the arithmetic of L::kWidth field elements at once: Element, Mask (an unsigned
// integer, one bit a lane), load, load_x, store, add, sub, factor (a difference that is only multiplied),
// mul, squared, zeros, blend, zero, one, inverse. All of it is a template on a type of the file
// that includes it, so no two files share code that was compiled with different instructions.
#pragma once

#include "points.hpp"

namespace avow::native {

template <class L>
struct BatchAddition {
  using E = typename L::Element;
  using Mask = typename L::Mask;

  // Independent products, so that one need not wait for the other.
  static constexpr std::size_t kChains = L::kChains;
  static constexpr std::size_t kAhead = 4;
  static constexpr std::size_t kVectors = 2048 / L::kWidth;

  struct Scratch {
    E denominator[kVectors];
    E before[kVectors];
  };

  struct Operands {
    E x1, y1, x2, y2;
  };

  // What is special about the lanes of one vector.
  struct Cases {
    Mask first_identity, second_identity, cancelling, doubling;
  };

  static void load(const Limb* from, const Pair* pairs, std::size_t left, Operands& o) {
    std::uint32_t a[L::kWidth], b[L::kWidth];
    for (std::size_t i = 0; i < L::kWidth; ++i) {
      // Lanes beyond the end repeat the last pair, and are not stored.
      const Pair& pair = pairs[i < left ? i : left - 1];
      a[i] = pair.a;
      b[i] = pair.b;
    }
    L::load(from, a, o.x1, o.y1);
    L::load(from, b, o.x2, o.y2);
  }

  // Without y, which denominators do not need unless something is special.
  static void load_x(const Limb* from, const Pair* pairs, std::size_t left, Operands& o) {
    std::uint32_t a[L::kWidth], b[L::kWidth];
    for (std::size_t i = 0; i < L::kWidth; ++i) {
      const Pair& pair = pairs[i < left ? i : left - 1];
      a[i] = pair.a;
      b[i] = pair.b;
    }
    o.x1 = L::load_x(from, a);
    o.x2 = L::load_x(from, b);
  }

  static Cases cases(const Operands& o) {
    Cases found;
    found.first_identity = L::zeros(o.x1) & L::zeros(o.y1);
    found.second_identity = L::zeros(o.x2) & L::zeros(o.y2);
    const Mask identity = found.first_identity | found.second_identity;
    const Mask same = L::zeros(L::factor(o.x2, o.x1)) & Mask(~identity);
    found.cancelling = same & L::zeros(L::add(o.y1, o.y2));
    found.doubling = same & Mask(~found.cancelling);
    return found;
  }

  template <bool careful>
  static E denominator(const Operands& o) {
    E difference = L::factor(o.x2, o.x1);
    if constexpr (careful) {
      const Cases found = cases(o);
      difference = L::blend(found.doubling, difference, L::add(o.y1, o.y1));
      difference = L::blend(found.first_identity | found.second_identity | found.cancelling,
                            difference, L::one());
    }
    return difference;
  }

  template <bool careful>
  static Mask finish(const Limb* from, Limb* to, const Pair* pairs, std::size_t left,
                     const E& inverse) {
    Operands o;
    load(from, pairs, left, o);
    E numerator = L::factor(o.y2, o.y1);
    Cases found{};
    if constexpr (careful) {
      found = cases(o);
      const E square = L::squared(o.x1);
      numerator = L::blend(found.doubling, numerator, L::add(L::add(square, square), square));
    }
    const E slope = L::mul(numerator, inverse);
    E x = L::sub(L::sub(L::squared(slope), o.x1), o.x2);
    E y = L::sub(L::mul(slope, L::factor(o.x1, x)), o.y1);
    Mask identity = 0;
    if constexpr (careful) {
      x = L::blend(found.first_identity, x, o.x2);
      y = L::blend(found.first_identity, y, o.y2);
      x = L::blend(found.second_identity, x, o.x1);
      y = L::blend(found.second_identity, y, o.y1);
      identity = found.cancelling | (found.first_identity & found.second_identity);
      x = L::blend(identity, x, L::zero());
      y = L::blend(identity, y, L::zero());
    }
    L::store(to, pairs, left < L::kWidth ? left : L::kWidth, x, y);
    return identity;
  }

  // Returns false, having written nothing, where a denominator is zero; never so if careful.
  template <bool careful>
  static bool block(const Limb* from, Limb* to, const Pair* pairs, std::size_t count,
                    Scratch& scratch, Mask& identities) {
    const std::size_t vectors = (count + L::kWidth - 1) / L::kWidth;
    E running[kChains];
    for (auto& chain : running) chain = L::one();
    for (std::size_t i = 0; i < vectors; ++i) {
      // The points lie anywhere, so they are asked for ahead of time.
      for (std::size_t k = 0; k < L::kWidth; ++k) {
        const std::size_t at = (i + kAhead) * L::kWidth + k;
        if (at >= count) break;
        __builtin_prefetch(from + kPointWords * (pairs[at].a & ~kNegated));
        __builtin_prefetch(from + kPointWords * (pairs[at].b & ~kNegated));
      }
      Operands o;
      if constexpr (careful) load(from, pairs + i * L::kWidth, count - i * L::kWidth, o);
      else load_x(from, pairs + i * L::kWidth, count - i * L::kWidth, o);
      const E own = denominator<careful>(o);
      E& chain = running[i % kChains];
      scratch.denominator[i] = own;
      scratch.before[i] = chain;
      chain = L::mul(chain, own);
    }
    E products[kChains];
    products[0] = running[0];
    for (std::size_t k = 1; k < kChains; ++k) products[k] = L::mul(products[k - 1], running[k]);
    if constexpr (!careful) {
      if (L::zeros(products[kChains - 1])) return false;
    }
    E inverse = L::inverse(products[kChains - 1]);
    for (std::size_t k = kChains - 1; k > 0; --k) {
      const E own = L::mul(inverse, products[k - 1]);
      inverse = L::mul(inverse, running[k]);
      running[k] = own;
    }
    running[0] = inverse;
    for (std::size_t i = vectors; i-- > 0;) {
      E& chain = running[i % kChains];
      const E own = L::mul(chain, scratch.before[i]);
      chain = L::mul(chain, scratch.denominator[i]);
      identities |= finish<careful>(from, to, pairs + i * L::kWidth, count - i * L::kWidth, own);
    }
    return true;
  }

  static bool add(const Limb* from, Limb* to, const Pair* pairs, std::size_t count, bool careful,
                  void* scratch) {
    auto& memory = *static_cast<Scratch*>(scratch);
    Mask identities = 0;
    constexpr std::size_t most = kVectors * L::kWidth;
    for (std::size_t at = 0; at < count; at += most) {
      const std::size_t size = count - at < most ? count - at : most;
      if (careful || !block<false>(from, to, pairs + at, size, memory, identities)) {
        block<true>(from, to, pairs + at, size, memory, identities);
      }
    }
    return identities != 0;
  }
};

}  // namespace avow::native

// The kernels of the backend with AVX-512 IFMA: eight additions at once.
#include "lanes.hpp"
#include "points_batch.hpp"

namespace avow::native {

namespace {

struct Eight {
  using Element = ifma::Lanes<FqModulus>;
  using Mask = __mmask8;
  static constexpr std::size_t kWidth = 8;
  static constexpr std::size_t kChains = 4;

  // Rows to columns, or columns to rows, of eight by eight words.
  static inline void transpose(__m512i r[8]) {
    __m512i a[8], b[8];
    for (int i = 0; i < 8; i += 2) {
      a[i] = _mm512_unpacklo_epi64(r[i], r[i + 1]);
      a[i + 1] = _mm512_unpackhi_epi64(r[i], r[i + 1]);
    }
    for (int i = 0; i < 8; i += 4) {
      for (int j = 0; j < 2; ++j) {
        b[i + j] = _mm512_shuffle_i64x2(a[i + j], a[i + j + 2], 0x88);
        b[i + j + 2] = _mm512_shuffle_i64x2(a[i + j], a[i + j + 2], 0xdd);
      }
    }
    for (int j = 0; j < 4; ++j) {
      r[j] = _mm512_shuffle_i64x2(b[j], b[j + 4], 0x88);
      r[j + 4] = _mm512_shuffle_i64x2(b[j], b[j + 4], 0xdd);
    }
  }

  static inline void load(const Limb* from, const std::uint32_t* refs, Element& x, Element& y) {
    __m512i rows[8];
    Mask negated = 0;
    for (int i = 0; i < 8; ++i) {
      rows[i] = _mm512_load_si512(from + kPointWords * (refs[i] & ~kNegated));
      negated = Mask(negated | (refs[i] >> 31) << i);
    }
    transpose(rows);
    x = Element::of_words(rows);
    y = Element::of_words(rows + 4);
    if (negated) y = blend(negated, y, ifma::sub(Element::zero(), y));
  }
  static inline Element load_x(const Limb* from, const std::uint32_t* refs) {
    const auto half = [&](int i) {
      return _mm256_load_si256(
          reinterpret_cast<const __m256i*>(from + kPointWords * (refs[i] & ~kNegated)));
    };
    // Rows i and i + 2 side by side, so that the last step leaves all eight in order.
    const auto rows = [&](int i) {
      return _mm512_inserti64x4(_mm512_castsi256_si512(half(i)), half(i + 2), 1);
    };
    const __m512i r[4] = {rows(0), rows(1), rows(4), rows(5)};
    __m512i words[4];
    for (int odd = 0; odd < 2; ++odd) {
      const __m512i low = odd ? _mm512_unpackhi_epi64(r[0], r[1]) : _mm512_unpacklo_epi64(r[0], r[1]);
      const __m512i high = odd ? _mm512_unpackhi_epi64(r[2], r[3]) : _mm512_unpacklo_epi64(r[2], r[3]);
      words[odd] = _mm512_shuffle_i64x2(low, high, 0x88);
      words[odd + 2] = _mm512_shuffle_i64x2(low, high, 0xdd);
    }
    return Element::of_words(words);
  }
  static inline void store(Limb* to, const Pair* pairs, std::size_t count, const Element& x,
                           const Element& y) {
    __m512i rows[8];
    x.to_words(rows);
    y.to_words(rows + 4);
    transpose(rows);
    for (std::size_t i = 0; i < count; ++i) {
      _mm512_store_si512(to + kPointWords * pairs[i].target, rows[i]);
    }
  }
  static inline Element add(const Element& a, const Element& b) { return ifma::add(a, b); }
  static inline Element sub(const Element& a, const Element& b) { return ifma::sub(a, b); }
  static inline Element factor(const Element& a, const Element& b) {
    return ifma::sub_factor(a, b);
  }
  static inline Element mul(const Element& a, const Element& b) { return ifma::mul(a, b); }
  static inline Element squared(const Element& a) { return ifma::squared(a); }
  static inline Mask zeros(const Element& a) { return ifma::is_zero(a); }
  static inline Element blend(Mask second, const Element& a, const Element& b) {
    return ifma::blend(second, a, b);
  }
  static inline Element zero() { return Element::zero(); }
  static inline Element one() { return Element::one(); }
  // Lane by lane: one scalar inversion of the product of all, which must not be zero.
  static inline Element inverse(const Element& a) {
    const Element pairs = mul(a, swapped<1>(a));
    const Element fours = mul(pairs, swapped<2>(pairs));
    const Element product = ifma::canonical(mul(fours, swapped<4>(fours)));
    const Element others = mul(mul(swapped<1>(a), swapped<2>(pairs)), swapped<4>(fours));
    alignas(64) Limb words[32];
    product.store_words(words);
    const Limbs inverse = inverse_modulo({words[0], words[1], words[2], words[3]}, FqModulus::p,
                                         Montgomery<FqModulus>::inverse);
    // The product held R, so its inverse lacks R twice.
    static constexpr ifma::Limbs52 cube =
        ifma::split52(limbs::power_of_two(FqModulus::p, 3 * 260));
    return mul(mul(Element::all(ifma::split52(inverse)), Element::all(cube)), others);
  }

 private:
  // Every lane's value in the lane whose number differs by `bit`.
  template <int bit>
  static inline Element swapped(const Element& a) {
    const __m512i own = _mm512_set_epi64(7, 6, 5, 4, 3, 2, 1, 0);
    return ifma::permuted(a, _mm512_xor_si512(own, _mm512_set1_epi64(bit)));
  }
};

using Batch = BatchAddition<Eight>;

// Multiplies every coordinate by a constant and R^-1, and writes the representative below p.
void converted(const Limb* from, Limb* to, std::size_t count, const ifma::Limbs52& factor) {
  // A point is two coordinates of four words, one after the other.
  for (std::size_t at = 0; at < 2 * count; at += 8) {
    const std::size_t left = 2 * count - at < 8 ? 2 * count - at : 8;
    alignas(64) Limb words[32] = {};
    for (std::size_t i = 0; i < 4 * left; ++i) words[i] = from[4 * at + i];
    const auto value = ifma::mul(Eight::Element::load_words(words), Eight::Element::all(factor));
    ifma::canonical(value).store_words(to + 4 * at, int(left));
  }
}

void import_points(const Limb* from, Limb* to, std::size_t count) {
  converted(from, to, count, ifma::Constants52<FqModulus>::from256);
}

void export_points(const Limb* from, Limb* to, std::size_t count) {
  converted(from, to, count, ifma::Constants52<FqModulus>::to256);
}

}  // namespace

const PointKernels kPointsIfma = {sizeof(Batch::Scratch), &Batch::add, &import_points,
                                  &export_points};

}  // namespace avow::native

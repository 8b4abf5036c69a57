// Eight elements of a prime field of BN254 at once, with AVX-512 IFMA: five limbs of 52 bits, one
// register each, in Montgomery form with R = 2^260. To be included by `*_ifma.cpp` files only.
//
// R is 84 times the prime, so sums and differences need no exact reduction. A value is *loose*
// when its limbs are below 2^52 and it is below 2 p + 2^224; every function here takes limbs below
// 2^52 and gives loose values unless its comment says otherwise. A product needs factors a and b
// with a b < 84 p^2, so either may be a sum or difference of a few loose values.
#pragma once

#include <immintrin.h>

#include "field.hpp"

// A value is five registers: a call would move all of them through memory.
#define AVOW_INLINE __attribute__((always_inline)) inline

namespace avow::native::ifma {

struct Limbs52 {
  std::uint64_t v[5];
};

constexpr std::uint64_t kMask52 = (std::uint64_t(1) << 52) - 1;

constexpr Limbs52 split52(const Limbs& a) {
  return {{a[0] & kMask52, ((a[0] >> 52) | (a[1] << 12)) & kMask52,
           ((a[1] >> 40) | (a[2] << 24)) & kMask52, ((a[2] >> 28) | (a[3] << 36)) & kMask52,
           a[3] >> 16}};
}

constexpr Limbs52 times52(const Limbs52& a, std::uint64_t factor) {
  Limbs52 out{};
  std::uint64_t carry = 0;
  for (int i = 0; i < 5; ++i) {
    carry += a.v[i] * factor;
    out.v[i] = i < 4 ? carry & kMask52 : carry;
    carry >>= 52;
  }
  return out;
}

template <class Modulus>
struct Constants52 {
  static constexpr Limbs52 p = split52(Modulus::p);
  static constexpr Limbs52 p2 = times52(p, 2);
  static constexpr Limbs52 p3 = times52(p, 3);
  static constexpr Limbs52 p4 = times52(p, 4);
  static constexpr Limbs52 p6 = times52(p, 6);
  static constexpr Limbs52 p8 = times52(p, 8);
  static constexpr std::uint64_t inverse = limbs::negated_inverse(Modulus::p[0]) & kMask52;
  static constexpr Limbs52 one = split52(limbs::power_of_two(Modulus::p, 260));
  static constexpr Limbs52 square = split52(limbs::power_of_two(Modulus::p, 520));
  // Takes x 2^256 (the scalar code's Montgomery form) to x 2^260, and back.
  static constexpr Limbs52 from256 = split52(limbs::power_of_two(Modulus::p, 264));
  static constexpr Limbs52 to256 = split52(limbs::power_of_two(Modulus::p, 256));
};

inline __m512i all64(std::uint64_t value) { return _mm512_set1_epi64(std::int64_t(value)); }

template <class Modulus>
struct Lanes {
  using C = Constants52<Modulus>;
  __m512i l[5];

  static AVOW_INLINE Lanes zero() {
    Lanes out;
    for (auto& limb : out.l) limb = _mm512_setzero_si512();
    return out;
  }
  static AVOW_INLINE Lanes all(const Limbs52& value) {
    Lanes out;
    for (int i = 0; i < 5; ++i) out.l[i] = all64(value.v[i]);
    return out;
  }
  static AVOW_INLINE Lanes one() { return all(C::one); }

  // 40 words, limb by limb, on a boundary of 64 bytes.
  static AVOW_INLINE Lanes load(const std::uint64_t* from) {
    Lanes out;
    for (int i = 0; i < 5; ++i) out.l[i] = _mm512_load_si512(from + 8 * i);
    return out;
  }
  AVOW_INLINE void store(std::uint64_t* to) const {
    for (int i = 0; i < 5; ++i) _mm512_store_si512(to + 8 * i, l[i]);
  }

  // Eight times four words, element by element, as the scalar code keeps them (any alignment); the
  // value is taken as it stands: multiply by `from256` to go on from the scalar Montgomery form.
  static AVOW_INLINE Lanes load_words(const void* from) {
    const __m512i index = _mm512_set_epi64(28, 24, 20, 16, 12, 8, 4, 0);
    __m512i w[4];
    for (int i = 0; i < 4; ++i) w[i] = _mm512_i64gather_epi64(index, static_cast<const char*>(from) + 8 * i, 8);
    return of_words(w);
  }
  // The way back, for a canonical value; only the first `count` elements are written.
  AVOW_INLINE void store_words(void* to, int count = 8) const {
    const __m512i index = _mm512_set_epi64(28, 24, 20, 16, 12, 8, 4, 0);
    const auto mask = __mmask8((1U << count) - 1);
    __m512i w[4];
    to_words(w);
    for (int i = 0; i < 4; ++i) _mm512_mask_i64scatter_epi64(static_cast<char*>(to) + 8 * i, mask, index, w[i], 8);
  }

  // Four vectors of 64-bit limbs, lane by lane, to limbs of 52 bits; and back, for values < 2^256.
  static AVOW_INLINE Lanes of_words(const __m512i w[4]) {
    const __m512i mask = all64(kMask52);
    Lanes out;
    out.l[0] = _mm512_and_si512(w[0], mask);
    out.l[1] = _mm512_and_si512(shifted_pair(w[0], w[1], 52), mask);
    out.l[2] = _mm512_and_si512(shifted_pair(w[1], w[2], 40), mask);
    out.l[3] = _mm512_and_si512(shifted_pair(w[2], w[3], 28), mask);
    out.l[4] = _mm512_srli_epi64(w[3], 16);
    return out;
  }
  AVOW_INLINE void to_words(__m512i w[4]) const {
    w[0] = _mm512_or_si512(l[0], _mm512_slli_epi64(l[1], 52));
    w[1] = _mm512_or_si512(_mm512_srli_epi64(l[1], 12), _mm512_slli_epi64(l[2], 40));
    w[2] = _mm512_or_si512(_mm512_srli_epi64(l[2], 24), _mm512_slli_epi64(l[3], 28));
    w[3] = _mm512_or_si512(_mm512_srli_epi64(l[3], 36), _mm512_slli_epi64(l[4], 16));
  }

 private:
  // (high:low) >> shift, without asking for VBMI2.
  static AVOW_INLINE __m512i shifted_pair(__m512i low, __m512i high, int shift) {
    return _mm512_or_si512(_mm512_srli_epi64(low, unsigned(shift)),
                           _mm512_slli_epi64(high, unsigned(64 - shift)));
  }
};

// Carries, also negative ones, from limb to limb; the value must be in [0, 2^260).
template <class M>
AVOW_INLINE Lanes<M> carried(Lanes<M> a) {
  const __m512i mask = all64(kMask52);
  for (int i = 0; i < 4; ++i) {
    a.l[i + 1] = _mm512_add_epi64(a.l[i + 1], _mm512_srai_epi64(a.l[i], 52));
    a.l[i] = _mm512_and_si512(a.l[i], mask);
  }
  return a;
}

// a + b as an integer: not reduced.
template <class M>
AVOW_INLINE Lanes<M> add_wide(const Lanes<M>& a, const Lanes<M>& b) {
  Lanes<M> out;
  for (int i = 0; i < 5; ++i) out.l[i] = _mm512_add_epi64(a.l[i], b.l[i]);
  return carried(out);
}

// a - b + multiple as an integer, where b <= multiple: not reduced.
template <class M>
AVOW_INLINE Lanes<M> sub_wide(const Lanes<M>& a, const Lanes<M>& b, const Limbs52& multiple) {
  Lanes<M> out;
  for (int i = 0; i < 5; ++i) {
    out.l[i] = _mm512_add_epi64(_mm512_sub_epi64(a.l[i], b.l[i]), all64(multiple.v[i]));
  }
  return carried(out);
}

// a - b modulo p for loose a and b, below a + 3 p: not loose, but a fit factor of a product.
template <class M>
AVOW_INLINE Lanes<M> sub_factor(const Lanes<M>& a, const Lanes<M>& b) {
  return sub_wide(a, b, Constants52<M>::p3);
}

// Subtracts a multiple of p, 2^k p, where the top limb says that the value is above it. Limbs may
// have carries left, up to 2^63 and also negative ones: then the top limb may be one too large,
// hence the `+ 1`; all that it misses is below 2^224.
template <class M>
AVOW_INLINE void subtract_above(Lanes<M>& a, const Limbs52& multiple) {
  const __mmask8 above = _mm512_cmpgt_epi64_mask(a.l[4], all64(multiple.v[4] + 1));
  for (int i = 0; i < 5; ++i) {
    a.l[i] = _mm512_mask_sub_epi64(a.l[i], above, a.l[i], all64(multiple.v[i]));
  }
}

// Loose from such limbs, of a value in [0, 4 p), [0, 8 p) or [0, 16 p).
template <class M>
AVOW_INLINE Lanes<M> loose4(Lanes<M> a) {
  subtract_above(a, Constants52<M>::p2);
  return carried(a);
}
template <class M>
AVOW_INLINE Lanes<M> loose8(Lanes<M> a) {
  subtract_above(a, Constants52<M>::p4);
  return loose4(a);
}
template <class M>
AVOW_INLINE Lanes<M> loose16(Lanes<M> a) {
  subtract_above(a, Constants52<M>::p8);
  return loose8(a);
}

// a + b for loose a and b.
template <class M>
AVOW_INLINE Lanes<M> add(const Lanes<M>& a, const Lanes<M>& b) {
  Lanes<M> out;
  for (int i = 0; i < 5; ++i) out.l[i] = _mm512_add_epi64(a.l[i], b.l[i]);
  // Not `loose4`: what is beyond 4 p would grow from sum to sum.
  return loose8(out);
}

// a - b for loose a and b.
template <class M>
AVOW_INLINE Lanes<M> sub(const Lanes<M>& a, const Lanes<M>& b) {
  using C = Constants52<M>;
  Lanes<M> out;
  for (int i = 0; i < 5; ++i) {
    out.l[i] = _mm512_add_epi64(_mm512_sub_epi64(a.l[i], b.l[i]), all64(C::p3.v[i]));
  }
  return loose8(out);
}

// A sum of products, each limb's carries not yet passed on: ten registers of 64 bits.
template <class M>
struct WideLanes {
  __m512i t[10];

  static AVOW_INLINE WideLanes zero() {
    WideLanes out;
    for (auto& limb : out.t) limb = _mm512_setzero_si512();
    return out;
  }
};

// sum += a b. At most 256 products may be added before `reduce`, and their sum must be below
// 2^520 (1,500 products of loose values).
//
// Low and high halves in registers of their own, or each would wait for the one before it.
template <class M>
AVOW_INLINE void add_product(WideLanes<M>& sum, const Lanes<M>& a, const Lanes<M>& b) {
  __m512i high[9];
  for (auto& limb : high) limb = _mm512_setzero_si512();
#pragma GCC unroll 5
  for (int i = 0; i < 5; ++i) {
#pragma GCC unroll 5
    for (int j = 0; j < 5; ++j) {
      sum.t[i + j] = _mm512_madd52lo_epu64(sum.t[i + j], a.l[i], b.l[j]);
      high[i + j] = _mm512_madd52hi_epu64(high[i + j], a.l[i], b.l[j]);
    }
  }
#pragma GCC unroll 9
  for (int k = 0; k < 9; ++k) sum.t[k + 1] = _mm512_add_epi64(sum.t[k + 1], high[k]);
}

// Each sum / R mod p as limbs that still hold carries, of a value below sum / R + p. Reduced side
// by side: the steps of one wait for each other.
template <class M, std::size_t N>
AVOW_INLINE void reduce_uncarried(WideLanes<M> (&sums)[N], Lanes<M> (&out)[N]) {
  using C = Constants52<M>;
  const __m512i inverse = all64(C::inverse);
#pragma GCC unroll 5
  for (int i = 0; i < 5; ++i) {
    __m512i m[N];
#pragma GCC unroll 4
    for (std::size_t n = 0; n < N; ++n) {
      m[n] = _mm512_madd52lo_epu64(_mm512_setzero_si512(), sums[n].t[i], inverse);
    }
#pragma GCC unroll 5
    for (int j = 0; j < 5; ++j) {
#pragma GCC unroll 4
      for (std::size_t n = 0; n < N; ++n) {
        __m512i* t = sums[n].t;
        t[i + j] = _mm512_madd52lo_epu64(t[i + j], m[n], all64(C::p.v[j]));
        t[i + j + 1] = _mm512_madd52hi_epu64(t[i + j + 1], m[n], all64(C::p.v[j]));
      }
    }
#pragma GCC unroll 4
    for (std::size_t n = 0; n < N; ++n) {
      __m512i* t = sums[n].t;
      t[i + 1] = _mm512_add_epi64(t[i + 1], _mm512_srli_epi64(t[i], 52));
    }
  }
  for (std::size_t n = 0; n < N; ++n) {
    for (int i = 0; i < 5; ++i) out[n].l[i] = sums[n].t[i + 5];
  }
}

template <class M>
AVOW_INLINE Lanes<M> reduce_uncarried(const WideLanes<M>& sum) {
  WideLanes<M> sums[1] = {sum};
  Lanes<M> out[1];
  reduce_uncarried(sums, out);
  return out[0];
}

// sum / R mod p, below sum / R + p: loose where the sum is below 84 p^2 (20 products of loose
// values), a fit factor far beyond.
template <class M>
AVOW_INLINE Lanes<M> reduce(const WideLanes<M>& sum) {
  return carried(reduce_uncarried(sum));
}
template <class M, std::size_t N>
AVOW_INLINE void reduce(WideLanes<M> (&sums)[N], Lanes<M> (&out)[N]) {
  reduce_uncarried(sums, out);
  for (auto& one : out) one = carried(one);
}

// a b / R mod p, below 2 p, where a b < 84 p^2.
template <class M>
AVOW_INLINE Lanes<M> mul(const Lanes<M>& a, const Lanes<M>& b) {
  WideLanes<M> product = WideLanes<M>::zero();
  add_product(product, a, b);
  return reduce(product);
}

template <class M>
AVOW_INLINE Lanes<M> squared(const Lanes<M>& a) {
  WideLanes<M> cross = WideLanes<M>::zero();
#pragma GCC unroll 5
  for (int i = 0; i < 5; ++i) {
#pragma GCC unroll 5
    for (int j = i + 1; j < 5; ++j) {
      cross.t[i + j] = _mm512_madd52lo_epu64(cross.t[i + j], a.l[i], a.l[j]);
      cross.t[i + j + 1] = _mm512_madd52hi_epu64(cross.t[i + j + 1], a.l[i], a.l[j]);
    }
  }
  for (auto& limb : cross.t) limb = _mm512_slli_epi64(limb, 1);
#pragma GCC unroll 5
  for (int i = 0; i < 5; ++i) {
    cross.t[2 * i] = _mm512_madd52lo_epu64(cross.t[2 * i], a.l[i], a.l[i]);
    cross.t[2 * i + 1] = _mm512_madd52hi_epu64(cross.t[2 * i + 1], a.l[i], a.l[i]);
  }
  return reduce(cross);
}

// The representative below p of a value below 84 p, where limbs are below 2^52.
template <class M>
AVOW_INLINE Lanes<M> canonical(const Lanes<M>& a) {
  using C = Constants52<M>;
  // a one / R + p is below 2 p.
  Lanes<M> out = mul(a, Lanes<M>::one());
  Lanes<M> less;
  for (int i = 0; i < 5; ++i) less.l[i] = _mm512_sub_epi64(out.l[i], all64(C::p.v[i]));
  less = carried(less);
  const __mmask8 fits = _mm512_cmpge_epi64_mask(less.l[4], _mm512_setzero_si512());
  for (int i = 0; i < 5; ++i) out.l[i] = _mm512_mask_mov_epi64(out.l[i], fits, less.l[i]);
  return out;
}

template <class M>
AVOW_INLINE __mmask8 is_zero_canonical(const Lanes<M>& a) {
  __m512i any = a.l[0];
  for (int i = 1; i < 5; ++i) any = _mm512_or_si512(any, a.l[i]);
  return _mm512_testn_epi64_mask(any, any);
}

// A factor that many values are multiplied by: c 2^(52 (i + 1)) mod p for i < 5, so that the
// product of a value's limb i with the i-th needs only one step of reduction. Limb j of the i-th
// stands at word 8 j + i.
template <class M>
struct Fixed {
  static constexpr std::size_t words = 40;

  // From the integer c below p, the same in all lanes.
  static AVOW_INLINE void prepare(std::uint64_t* table, const Lanes<M>& c) {
    static constexpr Limbs52 powers[5] = {
        split52(limbs::power_of_two(M::p, 312)), split52(limbs::power_of_two(M::p, 364)),
        split52(limbs::power_of_two(M::p, 416)), split52(limbs::power_of_two(M::p, 468)),
        split52(limbs::power_of_two(M::p, 520))};
    Lanes<M> by;
    for (int j = 0; j < 5; ++j) {
      by.l[j] = _mm512_set_epi64(0, 0, 0, std::int64_t(powers[4].v[j]),
                                 std::int64_t(powers[3].v[j]), std::int64_t(powers[2].v[j]),
                                 std::int64_t(powers[1].v[j]), std::int64_t(powers[0].v[j]));
    }
    canonical(mul(c, by)).store(table);
  }
};

// A sum of such products, carries not passed on: six limbs.
template <class M>
struct FixedSum {
  __m512i low[5], high[5];

  static AVOW_INLINE FixedSum zero() {
    FixedSum out;
    for (auto& limb : out.low) limb = _mm512_setzero_si512();
    for (auto& limb : out.high) limb = _mm512_setzero_si512();
    return out;
  }
};

template <class M>
AVOW_INLINE void add_fixed(FixedSum<M>& sum, const Lanes<M>& a, const std::uint64_t* table) {
#pragma GCC unroll 5
  for (int i = 0; i < 5; ++i) {
#pragma GCC unroll 5
    for (int j = 0; j < 5; ++j) {
      const __m512i w = all64(table[8 * j + i]);
      sum.low[j] = _mm512_madd52lo_epu64(sum.low[j], a.l[i], w);
      sum.high[j] = _mm512_madd52hi_epu64(sum.high[j], a.l[i], w);
    }
  }
}

// The sum of a c over its products, limbs with carries left: below 4.1 p for each a < 8 p, and p.
template <class M>
AVOW_INLINE Lanes<M> reduce_uncarried(const FixedSum<M>& sum) {
  using C = Constants52<M>;
  __m512i t[6];
  t[0] = sum.low[0];
  for (int j = 1; j < 5; ++j) t[j] = _mm512_add_epi64(sum.low[j], sum.high[j - 1]);
  t[5] = sum.high[4];
  const __m512i m = _mm512_madd52lo_epu64(_mm512_setzero_si512(), t[0], all64(C::inverse));
#pragma GCC unroll 5
  for (int j = 0; j < 5; ++j) {
    t[j] = _mm512_madd52lo_epu64(t[j], m, all64(C::p.v[j]));
    t[j + 1] = _mm512_madd52hi_epu64(t[j + 1], m, all64(C::p.v[j]));
  }
  t[1] = _mm512_add_epi64(t[1], _mm512_srli_epi64(t[0], 52));
  Lanes<M> out;
  for (int j = 0; j < 5; ++j) out.l[j] = t[j + 1];
  return out;
}

// a c for a < 8 p, below 5.1 p: a fit factor, not loose.
template <class M>
AVOW_INLINE Lanes<M> mul_fixed(const Lanes<M>& a, const std::uint64_t* table) {
  FixedSum<M> sum = FixedSum<M>::zero();
  add_fixed(sum, a, table);
  return carried(reduce_uncarried(sum));
}

// base + a c for a < 8 p and loose base.
template <class M>
AVOW_INLINE Lanes<M> add_mul_fixed(const Lanes<M>& base, const Lanes<M>& a,
                              const std::uint64_t* table) {
  FixedSum<M> sum = FixedSum<M>::zero();
  add_fixed(sum, a, table);
  Lanes<M> out = reduce_uncarried(sum);
  for (int j = 0; j < 5; ++j) out.l[j] = _mm512_add_epi64(out.l[j], base.l[j]);
  return loose8(out);
}

// Eight elements of the scalar code, in its Montgomery form, to this one and back.
template <class M>
AVOW_INLINE Lanes<M> load8(const std::uint64_t* from) {
  return mul(Lanes<M>::load_words(from), Lanes<M>::all(Constants52<M>::from256));
}
template <class M>
AVOW_INLINE void store8(const Lanes<M>& a, std::uint64_t* to, int count = 8) {
  canonical(mul(a, Lanes<M>::all(Constants52<M>::to256))).store_words(to, count);
}

// Where a value below 84 p is zero modulo p.
template <class M>
AVOW_INLINE __mmask8 is_zero(const Lanes<M>& a) {
  return is_zero_canonical(canonical(a));
}

template <class M>
AVOW_INLINE Lanes<M> blend(__mmask8 second, const Lanes<M>& a, const Lanes<M>& b) {
  Lanes<M> out;
  for (int i = 0; i < 5; ++i) out.l[i] = _mm512_mask_blend_epi64(second, a.l[i], b.l[i]);
  return out;
}

template <class M>
AVOW_INLINE Lanes<M> permuted(const Lanes<M>& a, __m512i index) {
  Lanes<M> out;
  for (int i = 0; i < 5; ++i) out.l[i] = _mm512_permutexvar_epi64(index, a.l[i]);
  return out;
}

// Lane by lane, by Fermat's theorem; zero gives zero. About 380 multiplications for all eight.
template <class M>
inline Lanes<M> inverse(const Lanes<M>& a) {
  static constexpr Limbs exponent = {M::p[0] - 2, M::p[1], M::p[2], M::p[3]};
  static constexpr const Limb* words = exponent.data();
  Lanes<M> out = Lanes<M>::one();
  for (int i = 253; i >= 0; --i) {
    out = squared(out);
    if ((words[i / 64] >> (i % 64)) & 1) out = mul(out, a);
  }
  return out;
}

}  // namespace avow::native::ifma

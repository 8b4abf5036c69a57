// Eight scalars a block, five limbs of 52 bits: the engine of the ifma backend.
#pragma once

#include "kernels.hpp"
#include "lanes.hpp"

namespace avow::native {

namespace {
// The scalar arithmetic under a name of this file's own, for what is compiled with its flags.
struct Local : Mulx {};
}  // namespace

struct IfmaEngine {
  using Block = ifma::Lanes<FrModulus>;
  using Sum = ifma::WideLanes<FrModulus>;
  using C = ifma::Constants52<FrModulus>;
  static constexpr std::size_t lanes = 8;
  static constexpr std::size_t words = 40;
  static constexpr std::size_t chunk_blocks = 16;

  static AVOW_INLINE Block zero() { return Block::zero(); }
  static AVOW_INLINE Block one() { return Block::one(); }
  static AVOW_INLINE Block load(const Limb* a) { return Block::load(a); }
  static AVOW_INLINE void store(Limb* to, const Block& a) { a.store(to); }
  static Block all(const Limb* a) {
    __m512i w[4];
    for (int i = 0; i < 4; ++i) w[i] = ifma::all64(a[i]);
    return ifma::mul(Block::of_words(w), Block::all(C::square));
  }
  static AVOW_INLINE Block element(const Limb* base, std::size_t index) {
    const Limb* at = base + index / 8 * 40 + index % 8;
    Block out;
    for (int i = 0; i < 5; ++i) out.l[i] = ifma::all64(at[8 * i]);
    return out;
  }
  static Block gather(const Limb* base, const std::size_t* index) {
    const __m512i i = _mm512_loadu_si512(index);
    const __m512i block = _mm512_srli_epi64(i, 3);
    const __m512i lane = _mm512_and_si512(i, ifma::all64(7));
    const __m512i at = _mm512_add_epi64(
        lane, _mm512_add_epi64(_mm512_slli_epi64(block, 5), _mm512_slli_epi64(block, 3)));
    Block out;
    for (int k = 0; k < 5; ++k) out.l[k] = _mm512_i64gather_epi64(at, base + 8 * k, 8);
    return out;
  }
  // Elements by index; for a negative one zero, or element `rest` where that is not negative.
  static AVOW_INLINE Block pick(const Limb* base, const std::int32_t* index, std::int32_t rest,
                                std::size_t count) {
    const __mmask8 some = first(count);
    __m512i i = _mm512_cvtepi32_epi64(_mm256_maskz_loadu_epi32(some, index));
    __mmask8 there = _mm512_mask_cmpge_epi64_mask(some, i, _mm512_setzero_si512());
    if (rest >= 0) {
      i = _mm512_mask_mov_epi64(ifma::all64(std::uint64_t(rest)), there, i);
      there = some;
    }
    const __m512i block = _mm512_srli_epi64(i, 3);
    const __m512i lane = _mm512_and_si512(i, ifma::all64(7));
    const __m512i at = _mm512_add_epi64(
        lane, _mm512_add_epi64(_mm512_slli_epi64(block, 5), _mm512_slli_epi64(block, 3)));
    Block out;
    for (int k = 0; k < 5; ++k) {
      out.l[k] = _mm512_mask_i64gather_epi64(_mm512_setzero_si512(), there, at, base + 8 * k, 8);
    }
    return out;
  }
  static __mmask8 first(std::size_t count) { return __mmask8((1U << count) - 1); }
  static AVOW_INLINE Block masked(const Block& a, std::size_t count) {
    return ifma::blend(first(count), zero(), a);
  }

  static AVOW_INLINE Block add(const Block& a, const Block& b) { return ifma::add(a, b); }
  static AVOW_INLINE Block sub(const Block& a, const Block& b) { return ifma::sub(a, b); }
  static AVOW_INLINE Block sub_factor(const Block& a, const Block& b) { return ifma::sub_factor(a, b); }
  static AVOW_INLINE Block mul(const Block& a, const Block& b) { return ifma::mul(a, b); }

  // a + b c, where b c < 84 p^2.
  static AVOW_INLINE Block add_scaled(const Block& a, const Block& b, const Block& c) {
    Sum product = Sum::zero();
    ifma::add_product(product, b, c);
    Block out = ifma::reduce_uncarried(product);
    for (int i = 0; i < 5; ++i) out.l[i] = _mm512_add_epi64(out.l[i], a.l[i]);
    return ifma::loose4(out);
  }
  // a + b, fit to be a factor where a and b are.
  static AVOW_INLINE Block add_factor(const Block& a, const Block& b) { return ifma::add_wide(a, b); }

  // A prepared scalar: see `Fixed`.
  static void prepare(Limb* table, const Limb* scalar) {
    __m512i w[4];
    for (int i = 0; i < 4; ++i) w[i] = ifma::all64(scalar[i]);
    ifma::Fixed<FrModulus>::prepare(table, Block::of_words(w));
  }
  static AVOW_INLINE Block add_fixed(const Block& base, const Block& a, const Limb* table) {
    return ifma::add_mul_fixed(base, a, table);
  }
  static AVOW_INLINE Block mul_fixed(const Block& a, const Limb* table) {
    return ifma::mul_fixed(a, table);  // a factor, below 5.1 p
  }
  static AVOW_INLINE Block combine(const Block& a, const Limb* by_a, const Block& b, const Limb* by_b) {
    auto sum = ifma::FixedSum<FrModulus>::zero();
    ifma::add_fixed(sum, a, by_a);
    ifma::add_fixed(sum, b, by_b);
    return ifma::loose16(ifma::reduce_uncarried(sum));
  }
  // a - b of two results of `mul_fixed`, and 2 a - b of loose ones: factors.
  static AVOW_INLINE Block sub_scaled(const Block& a, const Block& b) {
    return ifma::sub_wide(a, b, C::p6);
  }
  static AVOW_INLINE Block reflected(const Block& a, const Block& b) {
    return ifma::sub_wide(ifma::add_wide(a, a), b, C::p3);
  }

  static AVOW_INLINE Sum no_sum() { return Sum::zero(); }
  static AVOW_INLINE void add_product(Sum& sum, const Block& a, const Block& b) {
    ifma::add_product(sum, a, b);
  }
  static AVOW_INLINE Block reduce(const Sum& sum) { return ifma::reduce(sum); }
  // The products, each reduced.
  template <std::size_t N>
  static AVOW_INLINE void mul_each(const Block (&a)[N], const Block (&b)[N], Block (&out)[N]) {
    Sum products[N];
    for (std::size_t n = 0; n < N; ++n) {
      products[n] = Sum::zero();
      ifma::add_product(products[n], a[n], b[n]);
    }
    ifma::reduce(products, out);
  }
  template <std::size_t N>
  static AVOW_INLINE void reduce(Sum (&sums)[N], Block (&out)[N]) {
    ifma::reduce(sums, out);
  }
  static AVOW_INLINE Block tidy(const Block& a) { return ifma::mul(a, one()); }

  // Integers plus half their range, so that none is negative.
  template <class Int>
  struct IntBlock {
    __m512i value;
  };
  template <class Int>
  static constexpr std::uint64_t half = std::uint64_t(1) << (8 * sizeof(Int) - 1);

  template <class Int>
  static AVOW_INLINE IntBlock<Int> load_ints(const Int* at, std::size_t count) {
    __m512i wide;
    const __mmask8 mask = first(count);
    if constexpr (sizeof(Int) == 1) {
      wide = _mm512_cvtepi8_epi64(_mm_maskz_loadu_epi8(mask, at));
    } else if constexpr (sizeof(Int) == 2) {
      wide = _mm512_cvtepi16_epi64(_mm_maskz_loadu_epi16(mask, at));
    } else if constexpr (sizeof(Int) == 4) {
      wide = _mm512_cvtepi32_epi64(_mm256_maskz_loadu_epi32(mask, at));
    } else {
      wide = _mm512_maskz_loadu_epi64(mask, at);
    }
    return {_mm512_add_epi64(wide, ifma::all64(half<Int>))};
  }
  template <class Int>
  static AVOW_INLINE IntBlock<Int> load_all_ints(const Int* at) {
    __m512i wide;
    if constexpr (sizeof(Int) == 1) {
      wide = _mm512_cvtepi8_epi64(_mm_loadl_epi64(reinterpret_cast<const __m128i*>(at)));
    } else if constexpr (sizeof(Int) == 2) {
      wide = _mm512_cvtepi16_epi64(_mm_loadu_si128(reinterpret_cast<const __m128i*>(at)));
    } else if constexpr (sizeof(Int) == 4) {
      wide = _mm512_cvtepi32_epi64(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(at)));
    } else {
      wide = _mm512_loadu_si512(at);
    }
    return {_mm512_add_epi64(wide, ifma::all64(half<Int>))};
  }
  template <class Int>
  static IntBlock<Int> gather_ints(const Int* base, const std::size_t* index) {
    alignas(64) std::int64_t wide[8];
    for (int i = 0; i < 8; ++i) wide[i] = std::int64_t(base[index[i]]);
    return {_mm512_add_epi64(_mm512_load_si512(wide), ifma::all64(half<Int>))};
  }

  // Sums of integers times scalars: of the integers made positive, which `reduce_ints` takes back
  // given the sum of the weights.
  template <class Int>
  using IntSum = Sum;
  static constexpr std::size_t most_ints = 512;  // before the carries of a limb are lost
  static constexpr std::size_t int_blocks = 2;   // side by side, in registers
  template <class Int>
  static Block int_weight(const Block& weight) {
    return weight;
  }
  template <class Int>
  static AVOW_INLINE void add_int_product(IntSum<Int>& sum, IntBlock<Int> a, const Block& weight) {
    __m512i* t = sum.t;
#pragma GCC unroll 5
    for (int i = 0; i < 5; ++i) {
      t[i] = _mm512_madd52lo_epu64(t[i], a.value, weight.l[i]);
      t[i + 1] = _mm512_madd52hi_epu64(t[i + 1], a.value, weight.l[i]);
    }
    if constexpr (sizeof(Int) == 8) {
      const __m512i high = _mm512_srli_epi64(a.value, 52);
#pragma GCC unroll 5
      for (int i = 0; i < 5; ++i) {
        t[i + 1] = _mm512_madd52lo_epu64(t[i + 1], high, weight.l[i]);
        t[i + 2] = _mm512_madd52hi_epu64(t[i + 2], high, weight.l[i]);
      }
    }
  }
  // The weights themselves, summed: at most `most_ints`.
  struct WeightSum {
    Sum value = Sum::zero();
    void add(const Block& weight) {
      for (int i = 0; i < 5; ++i) value.t[i] = _mm512_add_epi64(value.t[i], weight.l[i]);
    }
  };
  // -half 2^bits
  template <class Int>
  static constexpr ifma::Limbs52 minus_half(int bits) {
    const Limbs value = limbs::power_of_two(FrModulus::p, bits + 8 * int(sizeof(Int)) - 1);
    Limbs out{};
    limbs::sub(out, FrModulus::p, value);
    return ifma::split52(out);
  }
  template <class Int>
  static Block reduce_ints(const IntSum<Int>& sum, const WeightSum& weights) {
    static constexpr ifma::Limbs52 minus = minus_half<Int>(520);
    Sum out = Sum::zero();
    add_product(out, reduce(sum), Block::all(C::square));
    add_product(out, reduce(weights.value), Block::all(minus));
    return reduce(out);
  }

  template <class Int>
  struct Affine {
    // An integer of one limb needs one step of reduction only, as with `Fixed`.
    static constexpr bool narrow = sizeof(Int) < 8;
    static constexpr ifma::Limbs52 unit =
        narrow ? ifma::split52(limbs::power_of_two(FrModulus::p, 312)) : C::square;
    static constexpr ifma::Limbs52 minus = minus_half<Int>(260);
    Block scale, offset;
    Affine(const Limb* by, const Limb* plus) {
      if (by[0] == 1 && !(by[1] | by[2] | by[3] | plus[0] | plus[1] | plus[2] | plus[3])) {
        scale = Block::all(unit);
        offset = Block::all(minus);
        return;
      }
      const Block factor = all(by);
      scale = mul(factor, Block::all(unit));
      offset = add_scaled(all(plus), factor, Block::all(minus));
    }
    Block operator()(IntBlock<Int> a) const {
      if constexpr (narrow) {
        ifma::FixedSum<FrModulus> sum;
        for (int j = 0; j < 5; ++j) {
          sum.low[j] = _mm512_madd52lo_epu64(_mm512_setzero_si512(), a.value, scale.l[j]);
          sum.high[j] = _mm512_madd52hi_epu64(_mm512_setzero_si512(), a.value, scale.l[j]);
        }
        Block out = ifma::reduce_uncarried(sum);
        for (int j = 0; j < 5; ++j) out.l[j] = _mm512_add_epi64(out.l[j], offset.l[j]);
        return ifma::loose4(out);
      }
      Block value = zero();
      value.l[0] = _mm512_and_si512(a.value, ifma::all64(ifma::kMask52));
      value.l[1] = _mm512_srli_epi64(a.value, 52);
      return add_scaled(offset, value, scale);
    }
  };
  static constexpr ifma::Limbs52 kOneInteger = {{1, 0, 0, 0, 0}};

  // Below p, as an integer: a times 1 is at most p, and p only for zero.
  static Block integer(const Block& a) {
    Block out = mul(a, Block::all(kOneInteger));
    const Block less = minus_p(out);
    const __mmask8 fits = _mm512_cmpge_epi64_mask(less.l[4], _mm512_setzero_si512());
    return ifma::blend(fits, out, less);
  }
  // a - p with a sign in the top limb.
  static Block minus_p(const Block& a) {
    Block out;
    for (int i = 0; i < 5; ++i) out.l[i] = _mm512_sub_epi64(a.l[i], ifma::all64(C::p.v[i]));
    return ifma::carried(out);
  }

  static bool of_bytes(const std::uint8_t* bytes, std::size_t count, Block& out,
                       std::size_t& wrong) {
    alignas(64) Limb padded[32] = {};
    if (count < 8) {
      __builtin_memcpy(padded, bytes, 32 * count);
      bytes = reinterpret_cast<const std::uint8_t*>(padded);
    }
    const Block value = Block::load_words(bytes);
    const __mmask8 large =
        _mm512_cmpge_epi64_mask(minus_p(value).l[4], _mm512_setzero_si512());
    wrong = large ? std::size_t(__builtin_ctz(large)) : 0;
    out = mul(value, Block::all(C::square));
    return large == 0;
  }
  static void to_bytes(std::uint8_t* bytes, const Block& a, std::size_t count) {
    integer(a).store_words(bytes, int(count));
  }

  static bool has_zero(const Block& a, std::size_t count, std::size_t& which) {
    const auto zeros = __mmask8(ifma::is_zero(a) & first(count));
    which = zeros ? std::size_t(__builtin_ctz(zeros)) : 0;
    return zeros != 0;
  }
  static Block padded(const Block& a, std::size_t count) {
    return ifma::blend(first(count), one(), a);
  }
  // Every lane's, none of them zero, by one inversion in scalars.
  static Block inverse(const Block& a) {
    alignas(64) Limb words8[32];
    ifma::store8(a, words8);
    Field<FrModulus, Local> value[8], before[8], product = product.one();
    for (int i = 0; i < 8; ++i) {
      const Limb* w = words8 + 4 * i;
      value[i].v = {w[0], w[1], w[2], w[3]};
      before[i] = product;
      product *= value[i];
    }
    product = product.inverse();
    for (int i = 7; i >= 0; --i) {
      const auto one = product * before[i];
      for (int j = 0; j < 4; ++j) words8[4 * i + j] = one.v[j];
      product *= value[i];
    }
    return ifma::load8<FrModulus>(words8);
  }

  static void pairs(const Block& a, const Block& b, Block& even, Block& odd) {
    const __m512i at = _mm512_set_epi64(14, 12, 10, 8, 6, 4, 2, 0);
    for (int i = 0; i < 5; ++i) {
      even.l[i] = _mm512_permutex2var_epi64(a.l[i], at, b.l[i]);
      odd.l[i] = _mm512_permutex2var_epi64(a.l[i], _mm512_add_epi64(at, ifma::all64(1)), b.l[i]);
    }
  }

  static void powers(const Limb* x, Block& along, Block& step) {
    const Block x1 = all(x);
    const Block x2 = mul(x1, x1);
    const Block x4 = mul(x2, x2);
    along = ifma::blend(__mmask8(0xaa), one(), x1);
    along = mul(along, ifma::blend(__mmask8(0xcc), one(), x2));
    along = mul(along, ifma::blend(__mmask8(0xf0), one(), x4));
    step = mul(x4, x4);
  }

  struct Scan {
    alignas(64) Limb root[3][40];
    Block reach, carry;
    Scan(const Limb* by, const Limb* after) : carry(all(after)) {
      Block power = all(by);
      for (int k = 0; k < 3; ++k) {
        ifma::Fixed<FrModulus>::prepare(root[k], integer(power));
        power = mul(power, power);
      }
      Block along, step;
      powers(by, along, step);
      // root^8 in lane 0 down to root in lane 7
      reach = mul(all(by), ifma::permuted(along, _mm512_set_epi64(0, 1, 2, 3, 4, 5, 6, 7)));
    }
    // Inside each block alone: step by step for all, so that none waits for another.
    template <std::size_t N>
    void inside(Block (&a)[N]) const {
      for (int k = 0; k < 3; ++k) {
        const int shift = 1 << k;
        const __m512i at = _mm512_add_epi64(_mm512_set_epi64(7, 6, 5, 4, 3, 2, 1, 0),
                                            ifma::all64(std::uint64_t(shift)));
        for (Block& own : a) {
          own = add_fixed(own, masked(ifma::permuted(own, at), std::size_t(8 - shift)), root[k]);
        }
      }
    }
    Block join(Block a) {
      a = add_scaled(a, reach, carry);
      carry = ifma::permuted(a, _mm512_setzero_si512());
      return a;
    }
  };

  static void split(Limb* low, Limb* high, const Limb* block, std::size_t half) {
    const Block a = load(block);
    const __m512i at = _mm512_add_epi64(_mm512_set_epi64(7, 6, 5, 4, 3, 2, 1, 0),
                                        ifma::all64(half));
    store(low, masked(a, half));
    store(high, masked(ifma::permuted(a, at), half));
  }

  static void total(Limb* out, Block a) {
    for (int shift = 4; shift > 0; shift /= 2) {
      const __m512i at = _mm512_add_epi64(_mm512_set_epi64(7, 6, 5, 4, 3, 2, 1, 0),
                                          ifma::all64(std::uint64_t(shift)));
      a = ifma::add_wide(a, ifma::permuted(a, at));
    }
    integer(a).store_words(out, 1);
  }
};

}  // namespace avow::native

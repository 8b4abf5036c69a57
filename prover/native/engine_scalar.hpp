// One scalar a block, four limbs: the engine of the portable and the mulx backend.
#pragma once

#include "kernels.hpp"

namespace avow::native {

// t += a b, of nine limbs.
template <class Arithmetic>
struct WideProduct {
  static void add(Limb* t, const Limbs& a, const Limbs& b) {
    for (int i = 0; i < 4; ++i) {
      Limb carry = 0;
      for (int j = 0; j < 4; ++j) {
        const Wide row = Wide(a[i]) * b[j] + t[i + j] + carry;
        t[i + j] = Limb(row);
        carry = Limb(row >> 64);
      }
      for (int j = i + 4; j < 9; ++j) {
        const Wide sum = Wide(t[j]) + carry;
        t[j] = Limb(sum);
        carry = Limb(sum >> 64);
      }
    }
  }
};

// AddressSanitizer takes the registers that this needs, and goes without.
#if defined(__x86_64__) && !defined(__SANITIZE_ADDRESS__)
template <>
struct WideProduct<Mulx> {
  static inline void add(Limb* t, const Limbs& a, const Limbs& b) {
    Limb p0, p1, p2, p3, p4, p5, p6, p7, low, high;
// p[I..I+4] += a[I] b, where p[I + 4] was not yet in use.
#define AVOW_ROW(I, P0, P1, P2, P3, P4)        \
  "movq " I "(%[a]), %%rdx\n\t"                \
  "xorl %k[" P4 "], %k[" P4 "]\n\t"            \
  "mulxq 0(%[b]), %[low], %[high]\n\t"        \
  "adoxq %[low], %[" P0 "]\n\t"               \
  "adcxq %[high], %[" P1 "]\n\t"              \
  "mulxq 8(%[b]), %[low], %[high]\n\t"        \
  "adoxq %[low], %[" P1 "]\n\t"               \
  "adcxq %[high], %[" P2 "]\n\t"              \
  "mulxq 16(%[b]), %[low], %[high]\n\t"       \
  "adoxq %[low], %[" P2 "]\n\t"               \
  "adcxq %[high], %[" P3 "]\n\t"              \
  "mulxq 24(%[b]), %[low], %[high]\n\t"       \
  "adoxq %[low], %[" P3 "]\n\t"               \
  "adcxq %[high], %[" P4 "]\n\t"              \
  "movl $0, %k[low]\n\t"                      \
  "adoxq %[low], %[" P4 "]\n\t"
    asm("movq 0(%[a]), %%rdx\n\t"
        "mulxq 0(%[b]), %[p0], %[p1]\n\t"
        "mulxq 8(%[b]), %[low], %[p2]\n\t"
        "addq %[low], %[p1]\n\t"
        "mulxq 16(%[b]), %[low], %[p3]\n\t"
        "adcq %[low], %[p2]\n\t"
        "mulxq 24(%[b]), %[low], %[p4]\n\t"
        "adcq %[low], %[p3]\n\t"
        "adcq $0, %[p4]\n\t"  //
        AVOW_ROW("8", "p1", "p2", "p3", "p4", "p5") AVOW_ROW("16", "p2", "p3", "p4", "p5", "p6")
            AVOW_ROW("24", "p3", "p4", "p5", "p6", "p7")
        : [p0] "=&r"(p0), [p1] "=&r"(p1), [p2] "=&r"(p2), [p3] "=&r"(p3), [p4] "=&r"(p4),
          [p5] "=&r"(p5), [p6] "=&r"(p6), [p7] "=&r"(p7), [low] "=&r"(low), [high] "=&r"(high)
        : [a] "r"(a.data()), [b] "r"(b.data())
        : "rdx", "cc", "memory");
#undef AVOW_ROW
    // On its own, and with the memory named by a clobber: there are registers for no more.
    asm("addq %[p0], 0(%[t])\n\t"
        "adcq %[p1], 8(%[t])\n\t"
        "adcq %[p2], 16(%[t])\n\t"
        "adcq %[p3], 24(%[t])\n\t"
        "adcq %[p4], 32(%[t])\n\t"
        "adcq %[p5], 40(%[t])\n\t"
        "adcq %[p6], 48(%[t])\n\t"
        "adcq %[p7], 56(%[t])\n\t"
        "adcq $0, 64(%[t])\n\t"
        :
        : [p0] "r"(p0), [p1] "r"(p1), [p2] "r"(p2), [p3] "r"(p3), [p4] "r"(p4), [p5] "r"(p5),
          [p6] "r"(p6), [p7] "r"(p7), [t] "r"(t)
        : "cc", "memory");
  }
};
#endif

template <class Arithmetic>
struct ScalarEngine {
  using Block = Field<FrModulus, Arithmetic>;
  using Modulus = Montgomery<FrModulus>;
  static constexpr std::size_t lanes = 1;
  static constexpr std::size_t words = 4;
  static constexpr std::size_t chunk_blocks = 128;

  // Products not yet reduced: nine limbs.
  struct Sum {
    Limb t[9];
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
  // For a negative index zero, or element `rest` where that is not negative.
  static Block pick(const Limb* base, const std::int32_t* index, std::int32_t rest, std::size_t) {
    const std::int32_t at = *index < 0 ? rest : *index;
    return at < 0 ? Block() : load(base + 4 * std::size_t(at));
  }
  static Block masked(const Block& a, std::size_t count) { return count ? a : Block(); }

  static Block add(const Block& a, const Block& b) { return a + b; }
  static Block sub(const Block& a, const Block& b) { return a - b; }
  static Block sub_factor(const Block& a, const Block& b) { return a - b; }
  static Block mul(const Block& a, const Block& b) { return a * b; }

  static Block add_scaled(const Block& a, const Block& b, const Block& c) { return a + b * c; }
  static Block add_factor(const Block& a, const Block& b) { return a + b; }

  // A prepared scalar is its Montgomery form.
  static void prepare(Limb* table, const Limb* scalar) { store(table, all(scalar)); }
  static Block add_fixed(const Block& base, const Block& a, const Limb* table) {
    return base + a * load(table);
  }
  static Block mul_fixed(const Block& a, const Limb* table) { return a * load(table); }
  static Block combine(const Block& a, const Limb* by_a, const Block& b, const Limb* by_b) {
    return a * load(by_a) + b * load(by_b);
  }
  static Block sub_scaled(const Block& a, const Block& b) { return a - b; }
  static Block reflected(const Block& a, const Block& b) { return a + a - b; }

  static Sum no_sum() { return {}; }
  static void add_product(Sum& sum, const Block& a, const Block& b) {
    WideProduct<Arithmetic>::add(sum.t, a.v, b.v);
  }
  // At most 2^7 products.
  static Block reduce(const Sum& sum) {
    Limb t[9];
    for (int i = 0; i < 9; ++i) t[i] = sum.t[i];
    Limb above = 0;
    for (int i = 0; i < 4; ++i) {
      const Limb m = t[i] * Modulus::inverse;
      Wide row = Wide(m) * Modulus::p[0] + t[i];
      for (int j = 1; j < 4; ++j) {
        row = Wide(m) * Modulus::p[j] + t[i + j] + Limb(row >> 64);
        t[i + j] = Limb(row);
      }
      row = Wide(t[i + 4]) + Limb(row >> 64) + above;
      t[i + 4] = Limb(row);
      above = Limb(row >> 64);
    }
    t[8] += above;
    // Below 26 p. The bits from 2^253 up, times 2^253 / p and rounded down, are at most the
    // quotient by p, and leave less than 3 p.
    const Limb quotient = ((t[8] << 3 | t[7] >> 61) * 677) >> 10;
    Limbs out{};
    Limb borrow = 0, carry = 0;
    for (int j = 0; j < 4; ++j) {
      const Wide part = Wide(quotient) * Modulus::p[j] + carry;
      carry = Limb(part >> 64);
      const Wide difference = Wide(t[4 + j]) - Limb(part) - borrow;
      out[j] = Limb(difference);
      borrow = Limb(difference >> 64) & 1;
    }
    for (int k = 0; k < 2; ++k) {
      Limbs less{};
      const bool above_p = limbs::sub(less, out, Modulus::p) == 0;
      for (int j = 0; j < 4; ++j) out[j] = above_p ? less[j] : out[j];
    }
    return Block(out);
  }
  // The products, each reduced.
  template <std::size_t N>
  static void mul_each(const Block (&a)[N], const Block (&b)[N], Block (&out)[N]) {
    for (std::size_t n = 0; n < N; ++n) out[n] = a[n] * b[n];
  }
  template <std::size_t N>
  static void reduce(Sum (&sums)[N], Block (&out)[N]) {
    for (std::size_t n = 0; n < N; ++n) out[n] = reduce(sums[n]);
  }
  // value[0..4) + the limbs above it times 2^256, as it stands, modulo p.
  static Block from_wide(const Limb* value, std::size_t above) {
    Limbs low = {value[0], value[1], value[2], value[3]};
    while (!limbs::less(low, Modulus::p)) limbs::sub(low, low, Modulus::p);
    const Limbs high = {value[4], above > 1 ? value[5] : 0, 0, 0};
    return Block(low) + Block(high) * Block(Modulus::square);
  }
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
  static IntBlock<Int> load_all_ints(const Int* at) {
    return {std::int64_t(*at)};
  }
  template <class Int>
  static IntBlock<Int> gather_ints(const Int* base, const std::size_t* index) {
    return {std::int64_t(base[index[0]])};
  }
  // Sums of integers times scalars: of the integers made positive, which `reduce_ints` takes back
  // given the sum of the weights. Short integers by pieces of 32 bits, which compilers do several
  // at a time; long ones limb by limb.
  template <class Int>
  static constexpr bool is_short = sizeof(Int) <= 2;
  template <class Int>
  static constexpr Limb half = Limb(1) << (8 * sizeof(Int) - 1);
  template <class Int>
  struct IntSum {
    Limb t[is_short<Int> ? 8 : 6];
  };
  template <class Int>
  struct IntWeight {
    Limb w[is_short<Int> ? 8 : 4];
  };
  struct WeightSum {
    Block value;
    void add(const Block& weight) { value += weight; }
  };
  static constexpr std::size_t most_ints = std::size_t(1) << 15;
  static constexpr std::size_t int_blocks = 16;
  template <class Int>
  static IntWeight<Int> int_weight(const Block& weight) {
    IntWeight<Int> out;
    for (int i = 0; i < 4; ++i) {
      if constexpr (is_short<Int>) {
        out.w[2 * i] = weight.v[i] & 0xffffffff;
        out.w[2 * i + 1] = weight.v[i] >> 32;
      } else {
        out.w[i] = weight.v[i];
      }
    }
    return out;
  }
  template <class Int>
  static void add_int_product(IntSum<Int>& sum, IntBlock<Int> a, const IntWeight<Int>& weight) {
    const Limb value = Limb(a.value) + half<Int>;
    if constexpr (is_short<Int>) {
      for (int i = 0; i < 8; ++i) {
        sum.t[i] += Limb(std::uint32_t(value)) * std::uint32_t(weight.w[i]);
      }
    } else {
      Limb carry = 0;
      for (int i = 0; i < 4; ++i) {
        const Wide row = Wide(value) * weight.w[i] + sum.t[i] + carry;
        sum.t[i] = Limb(row);
        carry = Limb(row >> 64);
      }
      const Wide above = Wide(sum.t[4]) + carry;
      sum.t[4] = Limb(above);
      sum.t[5] += Limb(above >> 64);
    }
  }
  template <class Int>
  static Block reduce_ints(const IntSum<Int>& sum, const WeightSum& weights) {
    Limb value[6] = {};
    if constexpr (is_short<Int>) {
      Wide carry = 0;
      for (int i = 0; i < 4; ++i) {
        carry += Wide(sum.t[2 * i]) + (Wide(sum.t[2 * i + 1]) << 32);
        value[i] = Limb(carry);
        carry >>= 64;
      }
      value[4] = Limb(carry);
    } else {
      for (int i = 0; i < 6; ++i) value[i] = sum.t[i];
    }
    return from_wide(value, 2) - weights.value * all_small(half<Int>);
  }
  static Block all_small(Limb value) { return Block(Limbs{value, 0, 0, 0}) * Block(Modulus::square); }

  // scale a + offset
  template <class Int>
  struct Affine {
    Block scale, offset;
    Affine(const Limb* by, const Limb* plus)
        : scale(all(by) * Block(Modulus::square)),
          offset(all(plus) - all(by) * all_small(half<Int>)) {}
    // The integer, made positive, as it stands: `scale` brings it into Montgomery form.
    Block operator()(IntBlock<Int> a) const {
      return scale * Block(Limbs{Limb(a.value) + half<Int>, 0, 0, 0}) + offset;
    }
  };

  static bool of_bytes(const std::uint8_t* bytes, std::size_t, Block& out, std::size_t& wrong) {
    Limbs value{};
    for (int i = 0; i < 4; ++i) {
      for (int k = 0; k < 8; ++k) value[i] |= Limb(bytes[8 * i + k]) << (8 * k);
    }
    wrong = 0;
    out = Block(value) * Block(Modulus::square);
    return limbs::less(value, Modulus::p);
  }
  static void to_bytes(std::uint8_t* bytes, const Block& a, std::size_t) {
    const Limbs value = a.canonical();
    for (int i = 0; i < 4; ++i) {
      for (int k = 0; k < 8; ++k) bytes[8 * i + k] = std::uint8_t(value[i] >> (8 * k));
    }
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
    template <std::size_t N>
    void inside(Block (&)[N]) const {}
    Block join(const Block& a) { return carry = a + root * carry; }
  };

  static void split(Limb*, Limb*, const Limb*, std::size_t) {}  // there is nothing inside a block

  // The sum of all lanes, canonical.
  static void total(Limb* out, const Block& a) {
    const Limbs value = a.canonical();
    for (int i = 0; i < 4; ++i) out[i] = value[i];
  }
};

}  // namespace avow::native

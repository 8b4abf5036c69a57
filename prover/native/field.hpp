// Prime fields of BN254 in Montgomery form, R = 2^256, four limbs, little-endian.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

namespace avow::native {

using Limb = std::uint64_t;
using Limbs = std::array<Limb, 4>;
__extension__ using Wide = unsigned __int128;

namespace limbs {

constexpr bool less(const Limbs& a, const Limbs& b) {
  for (int i = 3; i >= 0; --i) {
    if (a[i] != b[i]) return a[i] < b[i];
  }
  return false;
}

// Returns the carry out of a + b.
constexpr Limb add(Limbs& out, const Limbs& a, const Limbs& b) {
  Limb carry = 0;
  for (int i = 0; i < 4; ++i) {
    Wide sum = Wide(a[i]) + b[i] + carry;
    out[i] = Limb(sum);
    carry = Limb(sum >> 64);
  }
  return carry;
}

// Returns the borrow out of a - b.
constexpr Limb sub(Limbs& out, const Limbs& a, const Limbs& b) {
  Limb borrow = 0;
  for (int i = 0; i < 4; ++i) {
    Wide difference = Wide(a[i]) - b[i] - borrow;
    out[i] = Limb(difference);
    borrow = Limb(difference >> 64) & 1;
  }
  return borrow;
}

// -p^-1 mod 2^64, for odd p, by Newton's iteration.
constexpr Limb negated_inverse(Limb p) {
  Limb inverse = 1;
  for (int i = 0; i < 6; ++i) inverse *= 2 - p * inverse;
  return Limb(0) - inverse;
}

// 2^bits mod p.
constexpr Limbs power_of_two(const Limbs& p, int bits) {
  Limbs value = {1, 0, 0, 0};
  for (int i = 0; i < bits; ++i) {
    add(value, value, value);
    if (!less(value, p)) sub(value, value, p);
  }
  return value;
}

constexpr int bit(const Limbs& value, int position) {
  return int(value[position / 64] >> (position % 64)) & 1;
}

}  // namespace limbs

// What arithmetic needs to know of a prime. Both are below 2^254, so that sums of two never carry
// and the rows of a Montgomery multiplication need no fifth carry limb.
struct FrModulus {
  static constexpr Limbs p = {0x43e1f593f0000001, 0x2833e84879b97091, 0xb85045b68181585d,
                              0x30644e72e131a029};
};
struct FqModulus {
  static constexpr Limbs p = {0x3c208c16d87cfd47, 0x97816a916871ca8d, 0xb85045b68181585d,
                              0x30644e72e131a029};
};

template <class Modulus>
struct Montgomery : Modulus {
  static constexpr Limb inverse = limbs::negated_inverse(Modulus::p[0]);
  static constexpr Limbs one = limbs::power_of_two(Modulus::p, 256);
  static constexpr Limbs square = limbs::power_of_two(Modulus::p, 512);
  static constexpr Limbs cube = limbs::power_of_two(Modulus::p, 768);
};

// The integer below the prime that inverts another one; zero for zero. `negated_inverse` is
// -prime^-1 mod 2^64.
Limbs inverse_modulo(const Limbs& value, const Limbs& prime, Limb negated_inverse);

// How products and sums are computed; every kind gives the same limbs.
struct Portable {
  template <class M>
  static constexpr void add(Limbs& out, const Limbs& a, const Limbs& b) {
    limbs::add(out, a, b);
    Limbs reduced{};
    if (!limbs::sub(reduced, out, M::p)) out = reduced;
  }

  template <class M>
  static constexpr void sub(Limbs& out, const Limbs& a, const Limbs& b) {
    if (limbs::sub(out, a, b)) limbs::add(out, out, M::p);
  }

  template <class M>
  static constexpr void mul(Limbs& out, const Limbs& a, const Limbs& b) {
    Limb t[5] = {};
    for (int i = 0; i < 4; ++i) {
      Wide row = Wide(a[i]) * b[0] + t[0];
      Limb low = Limb(row);
      const Limb m = low * M::inverse;
      Wide reduction = Wide(m) * M::p[0] + low;
      for (int j = 1; j < 4; ++j) {
        row = Wide(a[i]) * b[j] + t[j] + Limb(row >> 64);
        reduction = Wide(m) * M::p[j] + Limb(row) + Limb(reduction >> 64);
        t[j - 1] = Limb(reduction);
      }
      t[3] = Limb(row >> 64) + Limb(reduction >> 64);
    }
    out = {t[0], t[1], t[2], t[3]};
    Limbs reduced{};
    if (!limbs::sub(reduced, out, M::p)) out = reduced;
  }
};

#if defined(__x86_64__)
// mulx with two carry chains (adcx, adox). In assembly, because the compiler's own carries are
// three times slower; to be called only where `dispatch.hpp` found BMI2 and ADX.
struct Mulx {
  template <class M>
  static inline void add(Limbs& out, const Limbs& a, const Limbs& b) {
    Limb t0 = a[0], t1 = a[1], t2 = a[2], t3 = a[3], s0, s1, s2, s3;
    asm("addq %[b0], %[t0]\n\t"
        "adcq %[b1], %[t1]\n\t"
        "adcq %[b2], %[t2]\n\t"
        "adcq %[b3], %[t3]\n\t"
        "movq %[t0], %[s0]\n\t"
        "movq %[t1], %[s1]\n\t"
        "movq %[t2], %[s2]\n\t"
        "movq %[t3], %[s3]\n\t"
        "subq %[p0], %[s0]\n\t"
        "sbbq %[p1], %[s1]\n\t"
        "sbbq %[p2], %[s2]\n\t"
        "sbbq %[p3], %[s3]\n\t"
        "cmovncq %[s0], %[t0]\n\t"
        "cmovncq %[s1], %[t1]\n\t"
        "cmovncq %[s2], %[t2]\n\t"
        "cmovncq %[s3], %[t3]\n\t"
        : [t0] "+&r"(t0), [t1] "+&r"(t1), [t2] "+&r"(t2), [t3] "+&r"(t3), [s0] "=&r"(s0),
          [s1] "=&r"(s1), [s2] "=&r"(s2), [s3] "=&r"(s3)
        : [b0] "m"(b[0]), [b1] "m"(b[1]), [b2] "m"(b[2]), [b3] "m"(b[3]), [p0] "m"(M::p[0]),
          [p1] "m"(M::p[1]), [p2] "m"(M::p[2]), [p3] "m"(M::p[3])
        : "cc");
    out = {t0, t1, t2, t3};
  }

  template <class M>
  static inline void sub(Limbs& out, const Limbs& a, const Limbs& b) {
    Limb t0 = a[0], t1 = a[1], t2 = a[2], t3 = a[3], s0 = 0, s1 = 0, s2 = 0, s3 = 0;
    asm("subq %[b0], %[t0]\n\t"
        "sbbq %[b1], %[t1]\n\t"
        "sbbq %[b2], %[t2]\n\t"
        "sbbq %[b3], %[t3]\n\t"
        "cmovcq %[p0], %[s0]\n\t"
        "cmovcq %[p1], %[s1]\n\t"
        "cmovcq %[p2], %[s2]\n\t"
        "cmovcq %[p3], %[s3]\n\t"
        "addq %[s0], %[t0]\n\t"
        "adcq %[s1], %[t1]\n\t"
        "adcq %[s2], %[t2]\n\t"
        "adcq %[s3], %[t3]\n\t"
        : [t0] "+&r"(t0), [t1] "+&r"(t1), [t2] "+&r"(t2), [t3] "+&r"(t3), [s0] "+&r"(s0),
          [s1] "+&r"(s1), [s2] "+&r"(s2), [s3] "+&r"(s3)
        : [b0] "m"(b[0]), [b1] "m"(b[1]), [b2] "m"(b[2]), [b3] "m"(b[3]), [p0] "m"(M::p[0]),
          [p1] "m"(M::p[1]), [p2] "m"(M::p[2]), [p3] "m"(M::p[3])
        : "cc");
    out = {t0, t1, t2, t3};
  }

  template <class M>
  static inline void mul(Limbs& out, const Limbs& a, const Limbs& b) {
    static constexpr Limb inverse = M::inverse;
    Limb t0, t1, t2, t3, high, low;
// One row: t += a[i] * b, then t = (t + m p) / 2^64 with m such that the lowest limb vanishes.
#define AVOW_REDUCE                          \
  "movq %[inverse], %%rdx\n\t"               \
  "imulq %[t0], %%rdx\n\t"                   \
  "xorl %k[low], %k[low]\n\t"                \
  "mulxq %[p0], %[low], %%rax\n\t"           \
  "adcxq %[t0], %[low]\n\t"                  \
  "movq %%rax, %[t0]\n\t"                    \
  "adcxq %[t1], %[t0]\n\t"                   \
  "mulxq %[p1], %[low], %[t1]\n\t"           \
  "adoxq %[low], %[t0]\n\t"                  \
  "adcxq %[t2], %[t1]\n\t"                   \
  "mulxq %[p2], %[low], %[t2]\n\t"           \
  "adoxq %[low], %[t1]\n\t"                  \
  "adcxq %[t3], %[t2]\n\t"                   \
  "mulxq %[p3], %[low], %[t3]\n\t"           \
  "adoxq %[low], %[t2]\n\t"                  \
  "movl $0, %k[low]\n\t"                     \
  "adcxq %[low], %[t3]\n\t"                  \
  "adoxq %[high], %[t3]\n\t"
#define AVOW_ROW(I)                          \
  "movq " I "(%[a]), %%rdx\n\t"              \
  "xorl %k[low], %k[low]\n\t"                \
  "mulxq 0(%[b]), %[low], %[high]\n\t"       \
  "adoxq %[low], %[t0]\n\t"                  \
  "adcxq %[high], %[t1]\n\t"                 \
  "mulxq 8(%[b]), %[low], %[high]\n\t"       \
  "adoxq %[low], %[t1]\n\t"                  \
  "adcxq %[high], %[t2]\n\t"                 \
  "mulxq 16(%[b]), %[low], %[high]\n\t"      \
  "adoxq %[low], %[t2]\n\t"                  \
  "adcxq %[high], %[t3]\n\t"                 \
  "mulxq 24(%[b]), %[low], %[high]\n\t"      \
  "adoxq %[low], %[t3]\n\t"                  \
  "movl $0, %k[low]\n\t"                     \
  "adcxq %[low], %[high]\n\t"                \
  "adoxq %[low], %[high]\n\t" AVOW_REDUCE
    asm("movq 0(%[a]), %%rdx\n\t"
        "xorl %k[low], %k[low]\n\t"
        "mulxq 0(%[b]), %[t0], %[t1]\n\t"
        "mulxq 8(%[b]), %[low], %[t2]\n\t"
        "adoxq %[low], %[t1]\n\t"
        "mulxq 16(%[b]), %[low], %[t3]\n\t"
        "adoxq %[low], %[t2]\n\t"
        "mulxq 24(%[b]), %[low], %[high]\n\t"
        "adoxq %[low], %[t3]\n\t"
        "movl $0, %k[low]\n\t"
        "adoxq %[low], %[high]\n\t"  //
        AVOW_REDUCE AVOW_ROW("8") AVOW_ROW("16") AVOW_ROW("24")
        // Subtract p unless that borrows.
        "movq %[t0], %[low]\n\t"
        "movq %[t1], %[high]\n\t"
        "movq %[t2], %%rax\n\t"
        "movq %[t3], %%rdx\n\t"
        "subq %[p0], %[low]\n\t"
        "sbbq %[p1], %[high]\n\t"
        "sbbq %[p2], %%rax\n\t"
        "sbbq %[p3], %%rdx\n\t"
        "cmovncq %[low], %[t0]\n\t"
        "cmovncq %[high], %[t1]\n\t"
        "cmovncq %%rax, %[t2]\n\t"
        "cmovncq %%rdx, %[t3]\n\t"
        : [t0] "=&r"(t0), [t1] "=&r"(t1), [t2] "=&r"(t2), [t3] "=&r"(t3), [high] "=&r"(high),
          [low] "=&r"(low)
        : [a] "r"(a.data()), [b] "r"(b.data()), [inverse] "m"(inverse), [p0] "m"(M::p[0]),
          [p1] "m"(M::p[1]), [p2] "m"(M::p[2]), [p3] "m"(M::p[3]), "m"(a), "m"(b)
        : "rax", "rdx", "cc");
#undef AVOW_ROW
#undef AVOW_REDUCE
    out = {t0, t1, t2, t3};
  }
};
#endif

// An element of the field of `Modulus`, computed with by `Arithmetic`; always below the prime.
template <class Modulus, class Arithmetic>
struct Field {
  using M = Montgomery<Modulus>;
  Limbs v{};

  constexpr Field() = default;
  constexpr explicit Field(const Limbs& montgomery) : v(montgomery) {}
  // The same limbs mean the same element to every arithmetic.
  template <class Other>
  constexpr explicit Field(const Field<Modulus, Other>& other) : v(other.v) {}

  static constexpr Field zero() { return Field(); }
  static constexpr Field one() { return Field(M::one); }

  // From an integer below the prime.
  static Field of_canonical(const Limbs& value) { return Field(value) * Field(M::square); }
  static Field of_int(std::int64_t value) {
    const Limb size = value < 0 ? Limb(0) - Limb(value) : Limb(value);
    const Field positive = of_canonical({size, 0, 0, 0});
    return value < 0 ? -positive : positive;
  }
  Limbs canonical() const { return (*this * Field(Limbs{1, 0, 0, 0})).v; }

  // Read 32 bytes; false where they are not below the prime.
  static bool of_little_endian(const std::uint8_t* bytes, Field& out) {
    Limbs value{};
    for (int i = 0; i < 32; ++i) value[i / 8] |= Limb(bytes[i]) << (8 * (i % 8));
    if (!limbs::less(value, M::p)) return false;
    out = of_canonical(value);
    return true;
  }
  static bool of_big_endian(const std::uint8_t* bytes, Field& out) {
    std::uint8_t reversed[32];
    for (int i = 0; i < 32; ++i) reversed[i] = bytes[31 - i];
    return of_little_endian(reversed, out);
  }
  // The limbs as they stand, R = 2^256; false where they are not below the prime.
  static bool of_montgomery(const std::uint8_t* bytes, Field& out) {
    Limbs value{};
    for (int i = 0; i < 32; ++i) value[i / 8] |= Limb(bytes[i]) << (8 * (i % 8));
    if (!limbs::less(value, M::p)) return false;
    out = Field(value);
    return true;
  }
  void to_little_endian(std::uint8_t* bytes) const {
    const Limbs value = canonical();
    for (int i = 0; i < 32; ++i) bytes[i] = std::uint8_t(value[i / 8] >> (8 * (i % 8)));
  }
  void to_big_endian(std::uint8_t* bytes) const {
    const Limbs value = canonical();
    for (int i = 0; i < 32; ++i) bytes[31 - i] = std::uint8_t(value[i / 8] >> (8 * (i % 8)));
  }

  constexpr bool is_zero() const { return (v[0] | v[1] | v[2] | v[3]) == 0; }
  friend constexpr bool operator==(const Field& a, const Field& b) { return a.v == b.v; }

  friend Field operator+(const Field& a, const Field& b) {
    Field out;
    Arithmetic::template add<M>(out.v, a.v, b.v);
    return out;
  }
  friend Field operator-(const Field& a, const Field& b) {
    Field out;
    Arithmetic::template sub<M>(out.v, a.v, b.v);
    return out;
  }
  friend Field operator*(const Field& a, const Field& b) {
    Field out;
    Arithmetic::template mul<M>(out.v, a.v, b.v);
    return out;
  }
  Field operator-() const { return Field() - *this; }
  Field& operator+=(const Field& o) { return *this = *this + o; }
  Field& operator-=(const Field& o) { return *this = *this - o; }
  Field& operator*=(const Field& o) { return *this = *this * o; }
  Field squared() const { return *this * *this; }
  Field doubled() const { return *this + *this; }

  Field power(const Limbs& exponent) const {
    Field out = one();
    for (int i = 255; i >= 0; --i) {
      out = out.squared();
      if (limbs::bit(exponent, i)) out *= *this;
    }
    return out;
  }
  // The inverse; zero gives zero.
  Field inverse() const {
    return Field(inverse_modulo(v, M::p, M::inverse)) * Field(M::cube);
  }
};

using Fr = Field<FrModulus, Portable>;
using Fq = Field<FqModulus, Portable>;

}  // namespace avow::native

// The inverse modulo a prime by division steps (Bernstein and Yang 2019, "Fast constant-time gcd
// computation and modular inversion", section 8 on 62 steps at a time), in variable time: what is
// inverted here are the prover's own products, not secrets.
#include <bit>

#include "field.hpp"

namespace avow::native {

namespace {

__extension__ using SignedWide = __int128;

constexpr int kSteps = 62;
constexpr std::uint64_t kMask = (std::uint64_t(1) << kSteps) - 1;

// sum v[i] 2^(62 i), the last word signed.
struct Signed {
  std::int64_t v[5];
};

Signed split(const Limbs& a) {
  const auto word = [](Limb value) { return std::int64_t(value & kMask); };
  return {{word(a[0]), word(a[0] >> 62 | a[1] << 2), word(a[1] >> 60 | a[2] << 4),
           word(a[2] >> 58 | a[3] << 6), std::int64_t(a[3] >> 56)}};
}

// 62 division steps in all: 2^62 (f, g) becomes (u f + v g, q f + r g).
struct Matrix {
  std::int64_t u, v, q, r;
};

// Only the lowest 62 bits of f and g matter. `eta` is the negative of the paper's delta.
int steps(int eta, std::uint64_t f, std::uint64_t g, Matrix& out) {
  std::uint64_t u = 1, v = 0, q = 0, r = 1;
  for (int left = kSteps;;) {
    // Halvings of an even g.
    const int zeros = std::countr_zero(g | ~std::uint64_t(0) << left);
    g >>= zeros;
    u <<= zeros;
    v <<= zeros;
    eta -= zeros;
    left -= zeros;
    if (left == 0) break;
    if (eta < 0) {
      eta = -eta;
      std::uint64_t old = f;
      f = g;
      g = 0 - old;
      old = u;
      u = q;
      q = 0 - old;
      old = v;
      v = r;
      r = 0 - old;
    }
    // f stays for eta + 1 steps: cancel as many of g's bits at once, up to six, by a multiple of f.
    const int most = eta + 1 < left ? eta + 1 : left;
    const std::uint64_t mask = (most < 6 ? std::uint64_t(1) << most : 64) - 1;
    const std::uint64_t w = (g * f * (f * f - 2)) & mask;
    g += w * f;
    q += w * u;
    r += w * v;
  }
  out = {std::int64_t(u), std::int64_t(v), std::int64_t(q), std::int64_t(r)};
  return eta;
}

// (a, b) times the matrix, divided by 2^62, which is exact.
void apply(const Matrix& t, Signed& a, Signed& b) {
  SignedWide x = 0, y = 0;
  for (int i = 0; i < 5; ++i) {
    x += SignedWide(t.u) * a.v[i] + SignedWide(t.v) * b.v[i];
    y += SignedWide(t.q) * a.v[i] + SignedWide(t.r) * b.v[i];
    if (i > 0) {
      a.v[i - 1] = std::int64_t(std::uint64_t(x) & kMask);
      b.v[i - 1] = std::int64_t(std::uint64_t(y) & kMask);
    }
    x >>= kSteps;
    y >>= kSteps;
  }
  a.v[4] = std::int64_t(x);
  b.v[4] = std::int64_t(y);
}

// The same modulo p, exact because a multiple of p is added; keeps both in (-2 p, p).
void apply_modulo(const Matrix& t, Signed& a, Signed& b, const Signed& p, std::uint64_t negated) {
  const std::int64_t below_a = a.v[4] >> 63, below_b = b.v[4] >> 63;
  // Multiples of p: one makes negative ones positive, the rest clears the lowest word.
  std::int64_t m = (t.u & below_a) + (t.v & below_b);
  std::int64_t n = (t.q & below_a) + (t.r & below_b);
  const auto low = [&](std::int64_t first, std::int64_t second, std::int64_t multiple) {
    const std::uint64_t word = std::uint64_t(first) * std::uint64_t(a.v[0]) +
                               std::uint64_t(second) * std::uint64_t(b.v[0]);
    // -word / p, less what is there already, and not positive.
    const std::uint64_t wanted = word * negated - std::uint64_t(multiple);
    return multiple - std::int64_t((0 - wanted) & kMask);
  };
  m = low(t.u, t.v, m);
  n = low(t.q, t.r, n);
  SignedWide x = 0, y = 0;
  for (int i = 0; i < 5; ++i) {
    x += SignedWide(t.u) * a.v[i] + SignedWide(t.v) * b.v[i] + SignedWide(m) * p.v[i];
    y += SignedWide(t.q) * a.v[i] + SignedWide(t.r) * b.v[i] + SignedWide(n) * p.v[i];
    if (i > 0) {
      a.v[i - 1] = std::int64_t(std::uint64_t(x) & kMask);
      b.v[i - 1] = std::int64_t(std::uint64_t(y) & kMask);
    }
    x >>= kSteps;
    y >>= kSteps;
  }
  a.v[4] = std::int64_t(x);
  b.v[4] = std::int64_t(y);
}

bool is_zero(const Signed& a) { return (a.v[0] | a.v[1] | a.v[2] | a.v[3] | a.v[4]) == 0; }

// a + b, or b - a where `negated`, with its carries passed on.
Signed sum(const Signed& a, const Signed& b, bool negated) {
  Signed out;
  std::int64_t carry = 0;
  for (int i = 0; i < 5; ++i) {
    carry += b.v[i] + (negated ? -a.v[i] : a.v[i]);
    out.v[i] = i < 4 ? std::int64_t(std::uint64_t(carry) & kMask) : carry;
    carry >>= kSteps;
  }
  return out;
}

}  // namespace

Limbs inverse_modulo(const Limbs& value, const Limbs& prime, Limb negated_inverse) {
  const Signed p = split(prime);
  Signed f = p, g = split(value), d{}, e{};
  e.v[0] = 1;
  // f = d value and g = e value, modulo p and up to a power of two that both updates divide by.
  for (int eta = -1; !is_zero(g);) {
    Matrix t;
    eta = steps(eta, std::uint64_t(f.v[0]), std::uint64_t(g.v[0]), t);
    apply(t, f, g);
    apply_modulo(t, d, e, p, negated_inverse);
  }
  // Now f is 1 or -1, or p where the value was 0; d is in (-2 p, p).
  d = sum(d, Signed{}, f.v[4] < 0);
  while (d.v[4] < 0) d = sum(p, d, false);
  const auto word = [&](int i) { return std::uint64_t(d.v[i]); };
  Limbs out = {word(0) | word(1) << 62, word(1) >> 2 | word(2) << 60, word(2) >> 4 | word(3) << 58,
               word(3) >> 6 | word(4) << 56};
  while (!limbs::less(out, prime)) limbs::sub(out, out, prime);
  return out;
}

}  // namespace avow::native

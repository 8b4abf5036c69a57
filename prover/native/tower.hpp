// The extension fields that pairings of BN254 have their values in, each over the one before:
// Fq2 = Fq[u] / (u^2 + 1), Fq6 = Fq2[v] / (v^3 - (9 + u)), Fq12 = Fq6[w] / (w^2 - v).
#pragma once

#include <cstddef>

#include "field.hpp"

namespace avow::native {

// a + b u.
struct Fq2 {
  Fq a, b;

  static Fq2 one() { return {Fq::one(), Fq::zero()}; }
  bool is_zero() const { return a.is_zero() && b.is_zero(); }
  friend bool operator==(const Fq2&, const Fq2&) = default;

  friend Fq2 operator+(const Fq2& x, const Fq2& y) { return {x.a + y.a, x.b + y.b}; }
  friend Fq2 operator-(const Fq2& x, const Fq2& y) { return {x.a - y.a, x.b - y.b}; }
  friend Fq2 operator*(const Fq2& x, const Fq2& y) {
    const Fq low = x.a * y.a, high = x.b * y.b;
    return {low - high, (x.a + x.b) * (y.a + y.b) - low - high};
  }
  friend Fq2 operator*(const Fq2& x, const Fq& y) { return {x.a * y, x.b * y}; }
  Fq2 operator-() const { return {-a, -b}; }
  Fq2 squared() const { return {(a + b) * (a - b), (a * b).doubled()}; }
  Fq2 doubled() const { return {a.doubled(), b.doubled()}; }

  // The power of the prime q.
  Fq2 conjugate() const { return {a, -b}; }
  // Times 9 + u, of which v is a cube root.
  Fq2 shifted() const {
    const Fq2 eight = doubled().doubled().doubled();
    return {eight.a + a - b, eight.b + b + a};
  }
  // The inverse; zero gives zero.
  Fq2 inverse() const {
    const Fq norm = (a.squared() + b.squared()).inverse();
    return {a * norm, -(b * norm)};
  }
};

// c[0] + c[1] v + c[2] v^2.
struct Fq6 {
  Fq2 c[3];

  static Fq6 one() { return {{Fq2::one(), {}, {}}}; }
  friend bool operator==(const Fq6&, const Fq6&) = default;

  friend Fq6 operator+(const Fq6& x, const Fq6& y) {
    return {{x.c[0] + y.c[0], x.c[1] + y.c[1], x.c[2] + y.c[2]}};
  }
  friend Fq6 operator-(const Fq6& x, const Fq6& y) {
    return {{x.c[0] - y.c[0], x.c[1] - y.c[1], x.c[2] - y.c[2]}};
  }
  friend Fq6 operator*(const Fq6& x, const Fq6& y) {
    const Fq2 p0 = x.c[0] * y.c[0], p1 = x.c[1] * y.c[1], p2 = x.c[2] * y.c[2];
    const Fq2 p12 = (x.c[1] + x.c[2]) * (y.c[1] + y.c[2]) - p1 - p2;
    const Fq2 p01 = (x.c[0] + x.c[1]) * (y.c[0] + y.c[1]) - p0 - p1;
    const Fq2 p02 = (x.c[0] + x.c[2]) * (y.c[0] + y.c[2]) - p0 - p2;
    return {{p0 + p12.shifted(), p01 + p2.shifted(), p02 + p1}};
  }
  Fq6 operator-() const { return {{-c[0], -c[1], -c[2]}}; }
  // Times v.
  Fq6 shifted() const { return {{c[2].shifted(), c[0], c[1]}}; }
  // The inverse; zero gives zero.
  Fq6 inverse() const {
    const Fq2 x = c[0].squared() - (c[1] * c[2]).shifted();
    const Fq2 y = c[2].squared().shifted() - c[0] * c[1];
    const Fq2 z = c[1].squared() - c[0] * c[2];
    const Fq2 norm = (c[0] * x + (c[2] * y + c[1] * z).shifted()).inverse();
    return {{x * norm, y * norm, z * norm}};
  }
};

// a + b w.
struct Fq12 {
  Fq6 a, b;

  static Fq12 one() { return {Fq6::one(), {}}; }
  friend bool operator==(const Fq12&, const Fq12&) = default;

  friend Fq12 operator*(const Fq12& x, const Fq12& y) {
    const Fq6 low = x.a * y.a, high = x.b * y.b;
    return {low + high.shifted(), (x.a + x.b) * (y.a + y.b) - low - high};
  }
  Fq12 squared() const {
    const Fq6 product = a * b;
    return {(a + b) * (a + b.shifted()) - product - product.shifted(), product + product};
  }
  // The power of q^6. Of what has norm 1 over Fq6 it is the inverse.
  Fq12 conjugate() const { return {a, -b}; }
  // The inverse; zero gives zero.
  Fq12 inverse() const {
    const Fq6 norm = (a * a - (b * b).shifted()).inverse();
    return {a * norm, -(b * norm)};
  }
  Fq12 power(Limb exponent) const {
    Fq12 out = one();
    for (int i = 63; i >= 0; --i) {
      out = out.squared();
      if (exponent >> i & 1) out = out * *this;
    }
    return out;
  }
};

}  // namespace avow::native

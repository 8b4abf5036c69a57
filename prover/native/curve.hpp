// The group of BN254: y^2 = x^3 + 3 over Fq, of prime order r, so no point has y = 0.
#pragma once

#include "field.hpp"

namespace avow::native {

// The identity is (0, 0), which is not on the curve.
template <class Arithmetic>
struct Affine {
  using F = Field<FqModulus, Arithmetic>;
  F x, y;

  constexpr bool is_identity() const { return x.is_zero() && y.is_zero(); }
  Affine operator-() const { return {x, -y}; }
  bool on_curve() const { return y.squared() == x.squared() * x + F::of_int(3); }
  friend constexpr bool operator==(const Affine&, const Affine&) = default;
};

// (X / Z^2, Y / Z^3); the identity has Z = 0. Every function is complete: any inputs will do.
template <class Arithmetic>
struct Jacobian {
  using F = Field<FqModulus, Arithmetic>;
  F x, y, z;

  static Jacobian identity() { return {F::one(), F::one(), F::zero()}; }
  static Jacobian of(const Affine<Arithmetic>& point) {
    return point.is_identity() ? identity() : Jacobian{point.x, point.y, F::one()};
  }
  bool is_identity() const { return z.is_zero(); }

  Jacobian doubled() const {
    const F a = x.squared(), b = y.squared(), c = b.squared();
    const F d = ((x + b).squared() - a - c).doubled();
    const F e = a.doubled() + a;
    Jacobian out;
    out.x = e.squared() - d.doubled();
    out.y = e * (d - out.x) - c.doubled().doubled().doubled();
    out.z = (y * z).doubled();
    return out;
  }

  Jacobian operator+(const Affine<Arithmetic>& o) const {
    if (o.is_identity()) return *this;
    if (is_identity()) return of(o);
    const F zz = z.squared();
    return sum(x, y, o.x * zz, o.y * z * zz, z);
  }

  Jacobian operator+(const Jacobian& o) const {
    if (o.is_identity()) return *this;
    if (is_identity()) return o;
    const F zz = z.squared(), ozz = o.z.squared();
    return sum(x * ozz, y * o.z * ozz, o.x * zz, o.y * z * zz, z * o.z);
  }

  // The affine form, given the inverse of z.
  Affine<Arithmetic> affine(const F& inverse) const {
    if (is_identity()) return {};
    const F square = inverse.squared();
    return {x * square, y * square * inverse};
  }
  Affine<Arithmetic> affine() const { return affine(z.inverse()); }

 private:
  // The sum of (u1, s1) and (u2, s2), both over the common denominator z.
  Jacobian sum(const F& u1, const F& s1, const F& u2, const F& s2, const F& denominator) const {
    const F h = u2 - u1, r = s2 - s1;
    if (h.is_zero()) {
      return r.is_zero() ? Jacobian{u1, s1, denominator}.doubled() : identity();
    }
    const F hh = h.squared(), hhh = h * hh, v = u1 * hh;
    Jacobian out;
    out.x = r.squared() - hhh - v.doubled();
    out.y = r * (v - out.x) - s1 * hhh;
    out.z = denominator * h;
    return out;
  }
};

// scalar times point, for an integer scalar of up to 256 bits.
template <class Arithmetic>
Jacobian<Arithmetic> multiplied(const Affine<Arithmetic>& point, const Limbs& scalar) {
  auto out = Jacobian<Arithmetic>::identity();
  for (int i = 255; i >= 0; --i) {
    out = out.doubled();
    if (limbs::bit(scalar, i)) out = out + point;
  }
  return out;
}

}  // namespace avow::native

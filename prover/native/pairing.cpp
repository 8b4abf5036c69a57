// Miller's loop with affine points, whose inversions are cheap beside the products in Fq12.
#include "pairing.hpp"

#include <stdexcept>
#include <vector>

namespace avow::native {

namespace {

// The curve's parameter x: q = 36 x^4 + 36 x^3 + 24 x^2 + 6 x + 1, and r = q - 6 x^2.
constexpr Limb kX = 4965661367192848881;
// 6 x + 2, which has 65 bits, without the highest.
constexpr Limb kLoop = 6 * kX + 2;

// The quotient; what remains is dropped.
constexpr Limbs divided(Limbs value, Limb by) {
  Limb rest = 0;
  for (int i = 3; i >= 0; --i) {
    const Wide part = Wide(rest) << 64 | value[i];
    value[i] = Limb(part / by);
    rest = Limb(part % by);
  }
  return value;
}

// powers[i] = (9 + u)^(i (q - 1) / 6): w^q = powers[1] w.
struct Frobenius {
  Fq2 powers[6];

  Frobenius() {
    const Fq2 base = Fq2::one().shifted();
    const Limbs exponent = divided(FqModulus::p, 6);  // q mod 6 is 1.
    Fq2 root = Fq2::one();
    for (int i = 255; i >= 0; --i) {
      root = root.squared();
      if (limbs::bit(exponent, i)) root = root * base;
    }
    powers[0] = Fq2::one();
    for (int i = 1; i < 6; ++i) powers[i] = powers[i - 1] * root;
  }

  Fq12 operator()(const Fq12& value) const {
    Fq12 out;
    for (int i = 0; i < 3; ++i) {
      out.a.c[i] = value.a.c[i].conjugate() * powers[2 * i];
      out.b.c[i] = value.b.c[i].conjugate() * powers[2 * i + 1];
    }
    return out;
  }
  // A point is (x w^2, y w^3) over Fq12.
  Point2 operator()(const Point2& point) const {
    return {point.x.conjugate() * powers[2], point.y.conjugate() * powers[3]};
  }
};

const Frobenius& frobenius() {
  static const Frobenius once;
  return once;
}

Fq2 tangent(const Point2& at) {
  const Fq2 square = at.x.squared();
  return (square.doubled() + square) * at.y.doubled().inverse();
}

Fq2 secant(const Point2& p, const Point2& q) { return (q.y - p.y) * (q.x - p.x).inverse(); }

// The third point on the line through two, negated.
Point2 beyond(const Point2& p, const Fq2& other_x, const Fq2& slope) {
  const Fq2 x = slope.squared() - p.x - other_x;
  return {x, slope * (p.x - x) - p.y};
}

// The line through `on` at a point of the first group: y - slope x w + (slope on.x - on.y) w^3.
Fq12 line(const Point2& on, const Fq2& slope, const Point& at) {
  Fq12 out{};
  out.a.c[0].a = at.y;
  out.b.c[0] = -(slope * at.x);
  out.b.c[1] = slope * on.x - on.y;
  return out;
}

struct Side {
  Point first;
  Point2 second, running;

  Fq12 doubled() {
    const Fq2 slope = tangent(running);
    const Fq12 out = line(running, slope, first);
    running = beyond(running, running.x, slope);
    return out;
  }
  // In the loop and after it the running point is neither the other one nor its negation: both
  // are of order r, and their multiples differ.
  Fq12 plus(const Point2& other) {
    const Fq2 slope = secant(running, other);
    const Fq12 out = line(running, slope, first);
    running = beyond(running, other.x, slope);
    return out;
  }
};

// The product of the sides' values of Miller's function, before the last power.
Fq12 miller(std::vector<Side>& sides) {
  Fq12 out = Fq12::one();
  for (int i = 63; i >= 0; --i) {
    out = out.squared();
    for (Side& side : sides) out = out * side.doubled();
    if (kLoop >> i & 1) {
      for (Side& side : sides) out = out * side.plus(side.second);
    }
  }
  for (Side& side : sides) {
    const Point2 once = frobenius()(side.second), twice = frobenius()(once);
    out = out * side.plus(once);
    out = out * side.plus({twice.x, -twice.y});
  }
  return out;
}

// Whether the power of (q^12 - 1) / r is one. q^4 - q^2 + 1 over r is a sum of powers of q whose
// factors are polynomials in x: q^3 + (6 x^2 + 1) q^2 - (36 x^3 + 18 x^2 + 12 x - 1) q
// - (36 x^3 + 30 x^2 + 18 x + 2).
bool vanishes(const Fq12& value) {
  const Frobenius& raised = frobenius();
  // (q^6 - 1) (q^2 + 1): afterwards conjugation inverts.
  const Fq12 easy = value.conjugate() * value.inverse();
  const Fq12 f = raised(raised(easy)) * easy;
  const Fq12 x = f.power(kX), xx = x.power(kX), xxx = xx.power(kX);
  const Fq12 six = xx.power(6), cube = xxx.power(36);
  const Fq12 three = six.squared() * six;  // 18 x^2
  const Fq12 factor0 = (cube * six.power(5) * x.power(18) * f.squared()).conjugate();
  const Fq12 factor1 = (cube * three * x.power(12)).conjugate() * f;
  const Fq12 factor2 = six * f;
  return factor0 * raised(factor1 * raised(factor2 * raised(f))) == Fq12::one();
}

Fq word(Limbs value) { return Fq::of_canonical(value); }

Point2 generator2() {
  return {{word({0x46debd5cd992f6ed, 0x674322d4f75edadd, 0x426a00665e5c4479, 0x1800deef121f1e76}),
           word({0x97e485b7aef312c2, 0xf1aa493335a9e712, 0x7260bfb731fb5d25, 0x198e9393920d483a})},
          {word({0x4ce6cc0166fa7daa, 0xe3d1e7690c43d37b, 0x4aab71808dcb408f, 0x12c85ea5db8c6deb}),
           word({0x55acdadcd122975b, 0xbc4b313370b38ef3, 0xec9e99ad690c3395, 0x090689d0585ff075})}};
}

bool on_curve(const Point2& point) {
  const Fq2 b = Fq2{Fq::of_int(3), {}} * Fq2::one().shifted().inverse();
  return point.y.squared() == point.x.squared() * point.x + b;
}

// Whether r times a point of the curve, which has more points than the group, is the identity.
// Nothing is assumed of its order.
bool in_group(const Point2& point) {
  Point2 running = point;
  bool identity = true;
  for (int i = 255; i >= 0; --i) {
    if (!identity && running.y.is_zero()) {
      identity = true;
    } else if (!identity) {
      running = beyond(running, running.x, tangent(running));
    }
    if (!limbs::bit(FrModulus::p, i)) continue;
    if (identity) {
      running = point;
      identity = false;
    } else if (!(running.x == point.x)) {
      running = beyond(running, point.x, secant(running, point));
    } else if (running.y == point.y && !point.y.is_zero()) {
      running = beyond(running, running.x, tangent(running));
    } else {
      identity = true;
    }
  }
  return identity;
}

}  // namespace

Point2 parse_point2(Bytes bytes) {
  Point2 point;
  if (bytes.size() != 128 || !Fq::of_big_endian(bytes.data(), point.x.b) ||
      !Fq::of_big_endian(bytes.data() + 32, point.x.a) ||
      !Fq::of_big_endian(bytes.data() + 64, point.y.b) ||
      !Fq::of_big_endian(bytes.data() + 96, point.y.a) || !on_curve(point) || !in_group(point)) {
    throw std::invalid_argument("point: expected 128 bytes of a point of the second group");
  }
  return point;
}

bool pairing_holds(const Point& left, const Point& right, const Point2& tau_g2) {
  // e(left, G2) e(-right, tau G2) = 1; with the identity a factor is 1.
  std::vector<Side> sides;
  const Point2 generator = generator2();
  if (!left.is_identity()) sides.push_back({left, generator, generator});
  if (!right.is_identity()) sides.push_back({-right, tau_g2, tau_g2});
  return vanishes(miller(sides));
}

}  // namespace avow::native

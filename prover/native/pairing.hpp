// The optimal ate pairing of BN254, for the one equation that a verification ends in.
#pragma once

#include "bases.hpp"
#include "keccak.hpp"
#include "tower.hpp"

namespace avow::native {

// A point of the second group, of order r on y^2 = x^3 + 3 / (9 + u) over Fq2. The identity has no
// affine form; nobody here needs it.
struct Point2 {
  Fq2 x, y;
};

// Reads x.b || x.a || y.b || y.a, 32 bytes big-endian each. Throws std::invalid_argument where that
// is not canonical, not on the curve, not in the group, or the identity.
Point2 parse_point2(Bytes bytes);

// Whether e(left, G2) = e(right, tau_g2), where G2 is the generator of the second group.
bool pairing_holds(const Point& left, const Point& right, const Point2& tau_g2);

}  // namespace avow::native

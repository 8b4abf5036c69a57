// A scalar as kernels take it.
#pragma once

#include "field.hpp"

namespace avow::native {

// Canonical limbs.
struct Scalar {
  Limbs value;
  explicit Scalar(const Fr& a) : value(a.canonical()) {}
  operator const Limb*() const { return value.data(); }
};

}  // namespace avow::native

// Scalars as kernels take them.
#pragma once

#include "kernels.hpp"

namespace avow::native {

// Canonical limbs.
struct Scalar {
  Limbs value;
  explicit Scalar(const Fr& a) : value(a.canonical()) {}
  operator const Limb*() const { return value.data(); }
};

// The same prepared for one backend's kernels.
struct Prepared {
  alignas(64) Limb table[40];
  Prepared(const Kernels& kernels, const Fr& a) { kernels.prepare(table, Scalar(a)); }
};

}  // namespace avow::native

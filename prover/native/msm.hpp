// Multi-scalar multiplication: signed digits, buckets, batch-affine additions.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "curve.hpp"
#include "sums.hpp"

namespace avow::native {

using Point = Affine<Portable>;

// How a row's scalars are cut: `windows` digits of `width` bits, from -2^(width-1) to
// 2^(width-1), or one digit as it is; `digits` is the largest size of one.
struct Cut {
  unsigned windows = 0;
  unsigned width = 0;
  std::uint32_t digits = 0;
};

// The cheapest cut of `count` scalars that are at most `most` in size.
Cut cheapest_cut(std::size_t count, const Limbs& most);

// One sum: scalars for the points `first`, `first + 1`, ... of an array.
class ScalarRow {
 public:
  virtual ~ScalarRow() = default;
  ScalarRow(const ScalarRow&) = delete;
  ScalarRow& operator=(const ScalarRow&) = delete;

  std::size_t count = 0;
  std::size_t first = 0;
  Cut cut;

  // Writes the `count` digits of one window.
  virtual void digits(unsigned window, std::int32_t* out) const = 0;

 protected:
  ScalarRow() = default;
};

// Integers as they lie in memory, not owned.
template <class Integer>
std::unique_ptr<ScalarRow> integer_row(const Integer* values, std::size_t count);

// Canonical elements of Fr; those above r / 2 count as negative.
std::unique_ptr<ScalarRow> field_row(std::span<const Limbs> values);

// The sum of every row, over points that `of_field` wrote, none of them the identity.
std::vector<Point> multiply(Backend backend, const StoredPoint* points,
                            std::span<const std::unique_ptr<ScalarRow>> rows);

}  // namespace avow::native

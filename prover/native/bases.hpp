// The points of a structured reference string, checked, and commitments to rows of values.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include "keccak.hpp"
#include "kernels.hpp"
#include "msm.hpp"

namespace avow::native {

// x || y, big-endian canonical; 64 zero bytes are the identity.
using PointBytes = std::array<std::uint8_t, 64>;

PointBytes point_bytes(const Point& point);

// Throws std::invalid_argument unless the bytes are a point of the curve or the identity.
Point parse_point(Bytes bytes);

class Bases {
 public:
  // x || y, each 32 bytes little-endian in Montgomery form with R = 2^256, as halo2's and
  // snarkjs's files hold them; or each 32 bytes big-endian. Throws std::invalid_argument naming
  // the first point that is not on the curve; the identity is none.
  static Bases of_montgomery(Bytes data);
  static Bases of_canonical(Bytes data);

  std::size_t size() const { return points_.size(); }

  // sum_j values[j] G_j; no more values than points.
  Point commit(std::span<const Limbs> canonical) const;

  // The same for each row of some matrices of integers, all at once.
  struct Matrix {
    Ints ints;
    std::size_t rows, columns;
  };
  std::vector<Point> commit_matrices(std::span<const Matrix> matrices) const;

  // Row r is sum_j values[indices[r, j]] G_j, and index -1 means zero. Points of equal value are
  // added first. Indices must be below the number of values.
  std::vector<Point> commit_values(const std::int32_t* indices, std::size_t rows,
                                   std::size_t columns, std::span<const Limbs> values) const;

 private:
  using Read = std::function<bool(const std::uint8_t*, Point&)>;
  static Bases parse(Bytes data, const Read& read);
  void check_columns(std::size_t columns) const;

  Backend backend_ = Backend::portable;
  std::vector<StoredPoint> points_;
};

// scalars[i] times the generator (1, 2), for canonical scalars.
std::vector<Point> multiples(std::span<const Limbs> scalars);

}  // namespace avow::native

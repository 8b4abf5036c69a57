// Vectors of scalars in the layout of one backend, shared until somebody writes.
#pragma once

#include <array>
#include <cstddef>
#include <memory>
#include <span>
#include <vector>

#include "kernels.hpp"
#include "storage.hpp"

namespace avow::native {

struct Vector {
  const Kernels* kernels = nullptr;
  std::size_t size = 0;
  std::shared_ptr<Storage> storage;

  // Not cleared but for the lanes beyond the end.
  static Vector raw(const Kernels& kernels, std::size_t size);
  static Vector zeros(const Kernels& kernels, std::size_t size);

  std::size_t blocks() const { return (size + kernels->lanes - 1) / kernels->lanes; }
  const Limb* data() const { return storage->data(); }
  Limb* data() { return storage->data(); }
  const Limb* block(std::size_t index) const { return data() + index * kernels->words; }
  Limb* block(std::size_t index) { return data() + index * kernels->words; }
  // The element, canonical.
  Limbs at(std::size_t index) const;
  Fr element(std::size_t index) const { return Fr::of_canonical(at(index)); }
  // A copy where another holder would see what is written.
  void make_own();
};

inline std::size_t blocks_of(const Kernels& kernels, std::size_t size) {
  return (size + kernels.lanes - 1) / kernels.lanes;
}

// Copies elements [from, from + count) to `at` and on, any alignment.
void copy_elements(const Kernels& kernels, Limb* to, std::size_t at, const Limb* from_data,
                   std::size_t from, std::size_t count);

// A vector from scalars, and back.
Vector vector_of(const Kernels& kernels, std::span<const Fr> values);
Vector vector_of_canonical(const Kernels& kernels, std::span<const Limbs> values);
Vector vector_of_bytes(const Kernels& kernels, const std::uint8_t* bytes, std::size_t count);
void vector_to_bytes(const Vector& a, std::uint8_t* out);

// All of one backend and, unless said otherwise, of one length; ValueError where not.
Vector added(const Vector& a, const Vector& b);
Vector subtracted(const Vector& a, const Vector& b);
Vector multiplied(const Vector& a, const Vector& b);
Vector scaled(const Vector& a, const Fr& by);
Vector gathered(const Vector& a, const std::int32_t* index, std::size_t count);
// ValueError naming the first that is neither -1 nor below `size`.
void check_indices(std::span<const std::int32_t> index, std::size_t size, const char* name);
Vector inverted(const Vector& a);
// a += by b, where a is its holder's own.
void add_scaled(Vector& a, const Vector& b, const Fr& by);
void set_range(Vector& a, std::size_t at, const Vector& b);
Fr sum(const Vector& a);
Fr dot(const Vector& a, const Vector& b);

void check_same_backend(const Vector& a, const Vector& b);
void check_same_size(const Vector& a, const Vector& b);

// 2^point.size() values of eq(point, x), variable 1 the most significant bit of x.
Vector eq_table(const Kernels& kernels, std::span<const Fr> point);

// target[at + i] += scale * prod factors[k][i_k], i in row-major order of all i_k.
void outer_add(Vector& target, std::size_t at, const Fr& scale, std::span<const Vector> factors);

// Polynomials by their coefficients, lowest first.
Vector fold_pairs(const Vector& f, const Fr& z);
Fr evaluate(const Vector& f, const Fr& x);
struct Division {
  Vector quotient;
  Fr remainder;
};
Division divide(const Vector& f, const Fr& root);
// By X^8 - x; the quotient is empty where f has no more than eight coefficients.
struct EighthsDivision {
  Vector quotient;
  std::array<Fr, 8> remainder;
};
EighthsDivision divide_eighths(const Vector& f, const Fr& x);

// Integers as they lie in memory.
Vector vector_of_ints(const Kernels& kernels, Ints ints, std::size_t count, const Fr& scale,
                      const Fr& offset);
Fr dot_ints(const Vector& a, Ints ints);
Vector fold_ints(Ints ints, std::size_t rows, std::size_t cols, const Vector& weights);
Vector fold_rows(Ints ints, std::size_t rows, std::size_t cols, const Vector& weights);

// out[o, t, i] = sum over entries e with at_row[e] = t of weights[e] values[o, at_col[e], i].
struct Contraction {
  std::size_t outer, inner, rows, cols;
  std::span<const std::int32_t> at_row, at_col;
};
Vector contracted(const Ints& values, const Contraction& map, const Vector& weights);
Vector contracted(const Vector& values, const Contraction& map, const Vector& weights);

}  // namespace avow::native

// Integers as they lie in memory, against vectors of scalars.
#include <algorithm>
#include <stdexcept>
#include <string>

#include "parts.hpp"
#include "scalar.hpp"
#include "vector.hpp"

namespace avow::native {

Vector vector_of_ints(const Kernels& kernels, Ints ints, std::size_t count, const Fr& scale,
                      const Fr& offset) {
  Vector out = Vector::raw(kernels, count);
  const Scalar by(scale), plus(offset);
  over_blocks(kernels, out.blocks(), [&](std::size_t begin, std::size_t end) {
    const std::size_t first = begin * kernels.lanes;
    kernels.of_ints(out.block(begin), ints, first, std::min(end * kernels.lanes, count) - first,
                    by, plus);
  });
  return out;
}

Fr dot_ints(const Vector& a, Ints ints) {
  const Kernels& kernels = *a.kernels;
  return sum_over_blocks(kernels, a.blocks(), [&](std::size_t begin, std::size_t end) {
    const std::size_t first = begin * kernels.lanes;
    Limbs part{};
    kernels.dot_ints(part.data(), ints, first, a.block(begin),
                     std::min(end * kernels.lanes, a.size) - first);
    return Fr::of_canonical(part);
  });
}

Vector fold_ints(Ints ints, std::size_t rows, std::size_t cols, const Vector& weights) {
  if (weights.size != rows) {
    throw std::invalid_argument("fold_ints: expected a weight for each of " +
                                std::to_string(rows) + " rows, got " +
                                std::to_string(weights.size));
  }
  const Kernels& kernels = *weights.kernels;
  Vector out = Vector::raw(kernels, cols);
  const std::size_t grain = std::max<std::size_t>(kGrain / kernels.lanes / std::max<std::size_t>(rows, 1), 8);
  parallel_for(out.blocks(), grain, [&](std::size_t begin, std::size_t end) {
    const std::size_t first = begin * kernels.lanes;
    kernels.fold_ints(out.block(begin), ints, rows, cols, weights.data(), first,
                      std::min(end * kernels.lanes, cols) - first);
  });
  return out;
}

Vector fold_rows(Ints ints, std::size_t rows, std::size_t cols, const Vector& weights) {
  if (weights.size != cols) {
    throw std::invalid_argument("fold_rows: expected a weight for each of " +
                                std::to_string(cols) + " columns, got " +
                                std::to_string(weights.size));
  }
  const Kernels& kernels = *weights.kernels;
  std::vector<Limbs> sums(rows);
  const std::size_t grain = std::max<std::size_t>(kGrain / std::max<std::size_t>(cols, 1), 4);
  parallel_for(rows, grain, [&](std::size_t begin, std::size_t end) {
    kernels.dot_rows(sums[begin].data(), ints, begin, end - begin, cols, weights.data());
  });
  return vector_of_canonical(kernels, sums);
}

namespace {

// The entries sorted by row, with their weights.
struct Sorted {
  std::vector<std::size_t> start;
  std::vector<std::int32_t> column;
  Vector weights;
  SparseMap map;
};

std::size_t product(std::size_t a, std::size_t b) {
  std::size_t out;
  if (__builtin_mul_overflow(a, b, &out)) {
    throw std::invalid_argument("contract: the sizes are too large");
  }
  return out;
}

Sorted sorted(const Contraction& map, const Vector& weights) {
  const std::size_t entries = map.at_row.size();
  if (map.at_col.size() != entries || weights.size != entries) {
    throw std::invalid_argument("contract: expected as many rows, columns and weights, got " +
                                std::to_string(entries) + ", " + std::to_string(map.at_col.size()) +
                                " and " + std::to_string(weights.size));
  }
  Sorted out;
  out.start.assign(map.rows + 1, 0);
  for (std::size_t e = 0; e < entries; ++e) {
    if (map.at_row[e] < 0 || std::size_t(map.at_row[e]) >= map.rows || map.at_col[e] < 0 ||
        std::size_t(map.at_col[e]) >= map.cols) {
      throw std::invalid_argument("contract: entry " + std::to_string(e) + " at row " +
                                  std::to_string(map.at_row[e]) + ", column " +
                                  std::to_string(map.at_col[e]) + " is not inside " +
                                  std::to_string(map.rows) + " x " + std::to_string(map.cols));
    }
    ++out.start[std::size_t(map.at_row[e]) + 1];
  }
  bool in_order = true;
  for (std::size_t e = 1; e < entries; ++e) in_order &= map.at_row[e - 1] <= map.at_row[e];
  for (std::size_t t = 0; t < map.rows; ++t) out.start[t + 1] += out.start[t];
  if (in_order) {
    out.column.assign(map.at_col.begin(), map.at_col.end());
    out.weights = weights;
  } else {
    std::vector<std::size_t> next(out.start.begin(), out.start.end() - 1);
    out.column.resize(entries);
    out.weights = Vector::raw(*weights.kernels, entries);
    for (std::size_t e = 0; e < entries; ++e) {
      const std::size_t to = next[std::size_t(map.at_row[e])]++;
      out.column[to] = map.at_col[e];
      copy_elements(*weights.kernels, out.weights.data(), to, weights.data(), e, 1);
    }
  }
  out.map = {out.start.data(), out.column.data(), out.weights.data(),
             map.rows,         map.cols,          map.inner};
  return out;
}

// One output, the sum over all columns in their order: plain inner products.
bool is_dense_row(const Contraction& map) {
  if (map.rows != 1 || map.inner != 1 || map.at_col.size() != map.cols ||
      map.at_row.size() != map.cols) {
    return false;
  }
  for (std::size_t e = 0; e < map.cols; ++e) {
    if (map.at_row[e] != 0 || map.at_col[e] != std::int32_t(e)) return false;
  }
  return true;
}

Vector dots_with(const Vector& values, std::size_t count, const Vector& weights) {
  check_same_backend(values, weights);
  const std::size_t blocks = weights.blocks();
  std::vector<Limbs> sums(count);
  parallel_for(count, std::max<std::size_t>(kGrain / weights.size, 1),
               [&](std::size_t begin, std::size_t end) {
                 for (std::size_t i = begin; i < end; ++i) {
                   values.kernels->dot(sums[i].data(), values.block(i * blocks), weights.data(),
                                       blocks);
                 }
               });
  return vector_of_canonical(*values.kernels, sums);
}

template <class Kernel>
Vector contracted_by(const Contraction& map, const Vector& weights, Kernel kernel) {
  const Kernels& kernels = *weights.kernels;
  const Sorted entries = sorted(map, weights);
  Vector out = Vector::raw(kernels, product(product(map.outer, map.rows), map.inner));
  const std::size_t each = std::max<std::size_t>(map.at_row.size() / std::max<std::size_t>(map.rows, 1), 1);
  const std::size_t grain = std::max<std::size_t>(kGrain / kernels.lanes / each, 8);
  parallel_for(out.blocks(), grain, [&](std::size_t begin, std::size_t end) {
    const std::size_t first = begin * kernels.lanes;
    kernel(out.block(begin), entries.map, first, std::min(end * kernels.lanes, out.size) - first);
  });
  return out;
}

}  // namespace

Vector contracted(const Ints& values, const Contraction& map, const Vector& weights) {
  return contracted_by(map, weights, [&](Limb* out, const SparseMap& entries, std::size_t first,
                                         std::size_t count) {
    weights.kernels->contract_ints(out, values, entries, first, count);
  });
}

Vector contracted(const Vector& values, const Contraction& map, const Vector& weights) {
  check_same_backend(values, weights);
  if (values.size != product(product(map.outer, map.cols), map.inner)) {
    throw std::invalid_argument("contract: expected outer x cols x inner values, got " +
                                std::to_string(values.size));
  }
  if (weights.size == map.cols && is_dense_row(map) && map.cols % values.kernels->lanes == 0) {
    return dots_with(values, map.outer, weights);
  }
  return contracted_by(map, weights, [&](Limb* out, const SparseMap& entries, std::size_t first,
                                         std::size_t count) {
    weights.kernels->contract(out, values.data(), entries, first, count);
  });
}

}  // namespace avow::native

// How the chunks of a round are shared among threads.
#pragma once

#include <algorithm>
#include <cstring>
#include <span>
#include <vector>

#include "parts.hpp"
#include "vector.hpp"

namespace avow::native {

// A table of eq over the last `variables` of a point: one of a chunk, and one element a chunk.
struct EqTables {
  Vector low, high;
  EqTables(const Kernels& kernels, std::span<const Fr> point, std::size_t variables) {
    const std::size_t inside = std::min<std::size_t>(variables, 7);
    const auto last = point.last(variables);
    low = eq_table(kernels, last.last(inside));
    high = eq_table(kernels, last.first(variables - inside));
  }
};

// Of each, and zero of zero, with one inversion.
inline std::vector<Fr> inverses(const std::vector<Fr>& values) {
  std::vector<Fr> out;
  Fr product = Fr::one();
  for (const Fr& one : values) {
    out.push_back(product);
    if (!one.is_zero()) product *= one;
  }
  Fr rest = product.inverse();
  for (std::size_t i = values.size(); i-- > 0;) {
    if (values[i].is_zero()) {
      out[i] = Fr();
      continue;
    }
    out[i] *= rest;
    rest *= values[i];
  }
  return out;
}

// Calls body(chunk, first, blocks, totals) for every chunk of `blocks` blocks in all, where a
// thread's totals are as many blocks as asked for, zero at first; returns what each sums to.
template <class Body>
std::vector<Fr> chunk_totals(const Kernels& kernels, std::size_t blocks, std::size_t columns,
                             std::size_t totals, const Body& body) {
  const std::size_t each = kernels.chunk_blocks;
  const std::size_t chunks = (blocks + each - 1) / each;
  std::vector<Fr> sums(totals);
  std::mutex mutex;
  const std::size_t grain =
      std::max<std::size_t>(1, kGrain / (each * kernels.lanes * std::max<std::size_t>(columns, 1)));
  parallel_for(chunks, grain, [&](std::size_t begin, std::size_t end) {
    Vector own = Vector::raw(kernels, totals * kernels.lanes);
    std::memset(own.data(), 0, totals * kernels.words * sizeof(Limb));
    for (std::size_t chunk = begin; chunk < end; ++chunk) {
      body(chunk, chunk * each, std::min(each, blocks - chunk * each), own.data());
    }
    const std::lock_guard lock(mutex);
    for (std::size_t i = 0; i < totals; ++i) {
      Limbs total{};
      kernels.sum(total.data(), own.block(i), 1);
      sums[i] += Fr::of_canonical(total);
    }
  });
  return sums;
}

}  // namespace avow::native

// How the chunks of a round are shared among threads.
#pragma once

#include <algorithm>
#include <cstring>
#include <vector>

#include "parts.hpp"
#include "vector.hpp"

namespace avow::native {

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

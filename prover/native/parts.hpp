// How work over blocks is shared among threads.
#pragma once

#include <mutex>

#include "kernels.hpp"
#include "pool.hpp"

namespace avow::native {

// Fewer elements than this are not worth a thread.
constexpr std::size_t kGrain = std::size_t(1) << 11;

// Runs body(begin, end) over parts of [0, blocks).
template <class Body>
void over_blocks(const Kernels& kernels, std::size_t blocks, const Body& body) {
  const std::size_t grain = kGrain / kernels.lanes;
  if (blocks <= grain) {
    if (blocks) body(std::size_t(0), blocks);
    return;
  }
  parallel_for(blocks, grain, body);
}

// The sum of body(begin, end) over parts.
template <class Body>
Fr sum_over_blocks(const Kernels& kernels, std::size_t blocks, const Body& body) {
  Fr total;
  std::mutex mutex;
  over_blocks(kernels, blocks, [&](std::size_t begin, std::size_t end) {
    const Fr part = body(begin, end);
    const std::lock_guard lock(mutex);
    total += part;
  });
  return total;
}

}  // namespace avow::native

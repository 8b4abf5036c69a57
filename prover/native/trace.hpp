// Roots over tensors and over runs, as `verifier.trace` defines them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "keccak.hpp"
#include "trace_kernels.hpp"

namespace avow::native {

// Integers in memory, whatever type carries them, and the order in which a trace stores them:
// element (i0, i1, ...) of `lengths` stands at sum i steps of `data` and is stored row-major in
// `width` bytes (1, 2, 4 or 8), big-endian.
struct Stored {
  const void* data;
  NumberKind kind;
  unsigned width;
  std::vector<std::size_t> lengths;
  std::vector<std::size_t> steps;
};

// The root over chunks of 256 bytes, the last one padded with zeros. Throws std::invalid_argument
// for a number that is no integer of that width.
Digest tensor_root(const Stored& tensor);

// The root over a run's tensors, whose roots lie one after the other in order.
Digest trace_root(const Digest& statement, Bytes roots);

}  // namespace avow::native

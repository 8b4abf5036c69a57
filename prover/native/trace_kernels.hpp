// What a backend does for a trace: plain functions over raw memory, as in kernels.hpp.
#pragma once

#include <cstddef>
#include <cstdint>

#include "dispatch.hpp"

namespace avow::native {

enum class NumberKind { int8, int16, int32, int64, float32, float64 };

// Writes `count` numbers that lie one after the other as big-endian integers of one width; false
// where one is no integer of that width, and then what is written says nothing.
using Convert = bool (*)(std::uint8_t* out, const void* data, std::size_t first,
                         std::size_t count);

struct TraceKernels {
  static constexpr std::size_t kRate = 136;

  // Keccak-256 of messages that lie one after the other, each padded to `blocks` blocks of the
  // rate; 32 bytes come out for each. `out` may not overlap `padded`.
  void (*hash)(std::uint8_t* out, const std::uint8_t* padded, std::size_t blocks,
               std::size_t count);
  // Null for a width that is none of 1, 2, 4 and 8.
  Convert (*converter)(NumberKind kind, unsigned width);
};

const TraceKernels& trace_kernels_of(Backend backend);

extern const TraceKernels kPortableTraceKernels;
extern const TraceKernels kIfmaTraceKernels;

}  // namespace avow::native

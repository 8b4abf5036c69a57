// One message after the other, for any processor; and which implementation a backend has.
#include "trace_kernels.hpp"

#include <cstring>

#include "keccak.hpp"
#include "numbers.hpp"

namespace avow::native {

namespace {

void hash(std::uint8_t* out, const std::uint8_t* padded, std::size_t blocks, std::size_t count) {
  for (std::size_t at = 0; at < count; ++at) {
    const Digest digest = keccak256_padded(padded + at * blocks * TraceKernels::kRate, blocks);
    std::memcpy(out + 32 * at, digest.data(), 32);
  }
}

}  // namespace

const TraceKernels kPortableTraceKernels{hash, converter_of};

const TraceKernels& trace_kernels_of(Backend backend) {
#if defined(__x86_64__)
  if (backend == Backend::ifma) return kIfmaTraceKernels;
#endif
  (void)backend;
  return kPortableTraceKernels;
}

}  // namespace avow::native

// The kernels of the portable and the mulx backend. Compiled for any processor: what mulx needs is
// in assembly.
#include "engine_scalar.hpp"
#include "kernels_table.hpp"

namespace avow::native {

const Kernels kPortableKernels = kernels_with<ScalarEngine<Portable>>(Backend::portable);
#if defined(__x86_64__)
const Kernels kMulxKernels = kernels_with<ScalarEngine<Mulx>>(Backend::mulx);
#endif

const Kernels& kernels_of(Backend backend) {
  switch (backend) {
#if defined(__x86_64__)
    case Backend::mulx:
      return kMulxKernels;
    case Backend::ifma:
      return kIfmaKernels;
#endif
    default:
      return kPortableKernels;
  }
}

}  // namespace avow::native

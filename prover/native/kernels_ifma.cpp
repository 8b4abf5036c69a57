// The kernels of the ifma backend.
#include "engine_ifma.hpp"
#include "kernels_table.hpp"

namespace avow::native {

const Kernels kIfmaKernels = kernels_with<IfmaEngine>(Backend::ifma);

}  // namespace avow::native

// The extension module `_core`: names only; every part binds its own.
#include <nanobind/nanobind.h>

#include <cstdlib>

#include "bind.hpp"
#include "dispatch.hpp"

NB_MODULE(_core, module) {
  module.doc() = "The native core of the sumcheck prover.";
  if (const char* name = std::getenv("AVOW_NATIVE_BACKEND")) avow::native::set_backend(name);
  avow::native::bind_arith(module);
  avow::native::bind_field(module);
  avow::native::bind_transcript(module);
  avow::native::bind_trace(module);
  avow::native::bind_bases(module);
  avow::native::bind_pairing(module);
#ifdef AVOW_FRS
  avow::native::bind_frs(module);
  avow::native::bind_lazy(module);
#endif
#ifdef AVOW_SUMCHECK
  avow::native::bind_sumcheck(module);
#endif
}

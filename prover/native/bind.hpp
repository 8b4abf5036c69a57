// What each file of bindings adds to the module.
#pragma once

#include <nanobind/nanobind.h>

#include "keccak.hpp"

namespace avow::native {

inline Bytes view(const nanobind::bytes& data) {
  return {static_cast<const std::uint8_t*>(data.data()), data.size()};
}

void bind_arith(nanobind::module_& module);
void bind_field(nanobind::module_& module);
void bind_transcript(nanobind::module_& module);
void bind_trace(nanobind::module_& module);
void bind_bases(nanobind::module_& module);
void bind_pairing(nanobind::module_& module);
void bind_frs(nanobind::module_& module);
void bind_lazy(nanobind::module_& module);
void bind_sumcheck(nanobind::module_& module);

}  // namespace avow::native

// Bindings of the choice of backend and threads.
#include <nanobind/stl/string.h>
#include <nanobind/stl/vector.h>

#include "bind.hpp"
#include "dispatch.hpp"
#include "pool.hpp"

namespace nb = nanobind;

namespace avow::native {

void bind_arith(nb::module_& module) {
  module.def("backends", [] {
    std::vector<std::string> names;
    for (Backend one : available_backends()) names.emplace_back(backend_name(one));
    return names;
  });
  module.def("backend", [] { return std::string(backend_name(backend())); });
  module.def("set_backend", &set_backend, nb::arg("name"));
  module.def("threads", &threads);
  module.def("set_threads", &set_threads, nb::arg("count"));
}

}  // namespace avow::native

// Bindings of vectors that are not written out.
#include <nanobind/nanobind.h>
#include <nanobind/stl/optional.h>
#include <nanobind/stl/shared_ptr.h>

#include <algorithm>

#include "arrays.hpp"
#include "bind.hpp"
#include "frs.hpp"
#include "lazy.hpp"
#include "parts.hpp"

namespace nb = nanobind;

namespace avow::native {

namespace {

using Rest = std::optional<std::int32_t>;

std::shared_ptr<Picked> picked(const Frs& table, nb::handle array, Rest rest) {
  const IntArray own = index_array(array, "Picked");
  const Vector values = table.read();
  const nb::gil_scoped_release released;
  // A copy, because the caller's memory may change.
  const auto index = indices(own);
  auto copy = std::make_shared<Indices>(index.size());
  parallel_for(index.size(), kGrain, [&](std::size_t begin, std::size_t end) {
    std::copy(index.begin() + begin, index.begin() + end, copy->data() + begin);
  });
  return std::make_shared<Picked>(values, std::move(copy), rest.value_or(-1));
}

std::shared_ptr<Picked> picked_of(const Picked& self, const Frs& table, Rest rest) {
  const Vector values = table.read();
  const nb::gil_scoped_release released;
  return std::make_shared<Picked>(values, self.index(), rest.value_or(-1));
}

std::shared_ptr<Integers> integers(nb::handle array) {
  const IntArray own = int_array(array, "Integers", 1);
  const nb::gil_scoped_release released;
  return std::make_shared<Integers>(kernels_of(backend()), own.ints, own.size);
}

template <Vector (Picked::*operation)(const Vector&) const>
Frs weighed(const Picked& self, const Frs& weights) {
  const Vector read = weights.read();
  const nb::gil_scoped_release released;
  return Frs((self.*operation)(read));
}

}  // namespace

void bind_lazy(nb::module_& module) {
  nb::class_<Lazy>(module, "Lazy")
      .def("__len__", &Lazy::size)
      .def("written", [](const Lazy& self) {
        const nb::gil_scoped_release released;
        return Frs(self.written());
      });
  nb::class_<Picked, Lazy>(module, "Picked")
      .def(nb::new_(&picked), nb::arg("table"), nb::arg("index"), nb::arg("rest") = nb::none())
      .def("of", &picked_of, nb::arg("table"), nb::arg("rest") = nb::none())
      .def("dots", &weighed<&Picked::dots>, nb::arg("weights"))
      .def("fold_rows", &weighed<&Picked::fold_rows>, nb::arg("weights"));
  nb::class_<Integers, Lazy>(module, "Integers").def(nb::new_(&integers), nb::arg("array"));
}

}  // namespace avow::native

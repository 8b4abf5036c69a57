// Bindings of the pairing.
#include "bind.hpp"
#include "pairing.hpp"

namespace nb = nanobind;

namespace avow::native {

namespace {

}  // namespace

void bind_pairing(nb::module_& module) {
  module.def(
      "pairing_holds",
      [](const nb::bytes& left, const nb::bytes& right, const nb::bytes& tau_g2) {
        const Bytes first = view(left), second = view(right), tau = view(tau_g2);
        const nb::gil_scoped_release released;
        return pairing_holds(parse_point(first), parse_point(second), parse_point2(tau));
      },
      nb::arg("left"), nb::arg("right"), nb::arg("tau_g2"));
  module.def(
      "check_point2",
      [](const nb::bytes& point) {
        const Bytes data = view(point);
        const nb::gil_scoped_release released;
        parse_point2(data);
      },
      nb::arg("point"));
}

}  // namespace avow::native

// Bindings of single operations, by which the scalar arithmetic is tested.
#include <nanobind/stl/string.h>

#include "bind.hpp"
#include "dispatch.hpp"
#include "python_int.hpp"

namespace nb = nanobind;

namespace avow::native {

namespace {

template <class F>
F element(const nb::bytes& data) {
  F value;
  if (data.size() != 32 ||
      !F::of_little_endian(static_cast<const std::uint8_t*>(data.data()), value)) {
    throw std::invalid_argument("element: expected 32 bytes of an integer below the prime");
  }
  return value;
}

template <class F>
nb::list results(const nb::bytes& first, const nb::bytes& second) {
  const F a = element<F>(first), b = element<F>(second);
  nb::list out;
  for (const F& value : {a + b, a - b, a * b, -a, a.squared(), a.inverse()}) {
    std::uint8_t bytes[32];
    value.to_little_endian(bytes);
    out.append(bytes_of(bytes, 32));
  }
  return out;
}

template <class Modulus>
nb::list chosen(const nb::bytes& a, const nb::bytes& b) {
#if defined(__x86_64__)
  if (backend() != Backend::portable) return results<Field<Modulus, Mulx>>(a, b);
#endif
  return results<Field<Modulus, Portable>>(a, b);
}

}  // namespace

void bind_field(nb::module_& module) {
  module.def(
      "field_operations",
      [](const std::string& field, const nb::bytes& a, const nb::bytes& b) {
        if (field == "r") return chosen<FrModulus>(a, b);
        if (field == "q") return chosen<FqModulus>(a, b);
        throw std::invalid_argument("field: expected r or q, got " + field);
      },
      nb::arg("field"), nb::arg("a"), nb::arg("b"));
}

}  // namespace avow::native

// Bindings of the roots over tensors and runs.
#include <nanobind/nanobind.h>
#include <nanobind/ndarray.h>
#include <nanobind/stl/vector.h>

#include <stdexcept>
#include <string>

#include "bind.hpp"
#include "python_int.hpp"
#include "trace.hpp"

namespace nb = nanobind;

namespace avow::native {

namespace {

using AnyArray = nb::ndarray<nb::ro, nb::device::cpu>;

NumberKind kind_of(const nb::dlpack::dtype& type) {
  if (type.lanes == 1 && type.code == std::uint8_t(nb::dlpack::dtype_code::Int)) {
    switch (type.bits) {
      case 8: return NumberKind::int8;
      case 16: return NumberKind::int16;
      case 32: return NumberKind::int32;
      case 64: return NumberKind::int64;
    }
  }
  if (type.lanes == 1 && type.code == std::uint8_t(nb::dlpack::dtype_code::Float)) {
    switch (type.bits) {
      case 32: return NumberKind::float32;
      case 64: return NumberKind::float64;
    }
  }
  throw std::invalid_argument("trace: expected an array of signed integers or floats");
}

nb::bytes root_of_array(const AnyArray& array, unsigned width,
                        const std::vector<std::size_t>& lengths,
                        const std::vector<std::size_t>& steps) {
  const NumberKind kind = kind_of(array.dtype());
  std::int64_t stride = 1;
  for (std::size_t axis = array.ndim(); axis-- > 0;) {
    if (array.shape(axis) != 1 && array.stride(axis) != stride) {
      throw std::invalid_argument("trace: expected a contiguous array");
    }
    stride *= std::int64_t(array.shape(axis));
  }
  std::size_t count = 1, last = 0;
  if (lengths.size() != steps.size()) {
    throw std::invalid_argument("trace: expected a step for each length");
  }
  for (std::size_t axis = 0; axis < lengths.size(); ++axis) {
    if (lengths[axis] == 0 || lengths[axis] > array.size() || steps[axis] > array.size()) {
      throw std::invalid_argument("trace: lengths and steps leave the array");
    }
    count *= lengths[axis];
    last += (lengths[axis] - 1) * steps[axis];
    if (count > array.size() || last >= array.size()) {
      throw std::invalid_argument("trace: lengths and steps leave the array");
    }
  }
  if (count != array.size()) {
    throw std::invalid_argument("trace: lengths and steps leave out elements of the array");
  }
  Digest root;
  {
    const nb::gil_scoped_release released;
    root = tensor_root({array.data(), kind, width, lengths, steps});
  }
  return bytes_of(root.data(), root.size());
}

}  // namespace

void bind_trace(nb::module_& module) {
  module.def("tensor_root", root_of_array, nb::arg("array"), nb::arg("width"),
             nb::arg("lengths"), nb::arg("steps"));
  module.def(
      "trace_root",
      [](const nb::bytes& statement, const nb::bytes& roots) {
        Digest first;
        if (statement.size() != first.size()) {
          throw std::invalid_argument("trace: expected a statement of 32 bytes");
        }
        std::memcpy(first.data(), statement.data(), first.size());
        const Bytes all{static_cast<const std::uint8_t*>(roots.data()), roots.size()};
        Digest root;
        {
          const nb::gil_scoped_release released;
          root = trace_root(first, all);
        }
        return bytes_of(root.data(), root.size());
      },
      nb::arg("statement"), nb::arg("roots"));
}

}  // namespace avow::native

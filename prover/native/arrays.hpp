// numpy arrays of integers, checked.
#pragma once

#include <nanobind/nanobind.h>
#include <nanobind/ndarray.h>
#include <nanobind/stl/string.h>

#include <span>
#include <stdexcept>
#include <string>

#include "kernels.hpp"

namespace avow::native {

using AnyArray = nanobind::ndarray<nanobind::ro, nanobind::device::cpu>;

struct IntArray {
  AnyArray owner;  // keeps the memory
  Ints ints{};
  std::size_t size = 1;
  std::size_t shape[2] = {0, 0};
};

// A contiguous array of int8, int16, int32 or int64 of `dimensions` axes (any number for -1);
// throws std::invalid_argument otherwise, naming the argument.
inline IntArray int_array(nanobind::handle object, const char* name, int dimensions) {
  const std::string expected = std::string(name) + ": expected a contiguous array of int8, int16, "
                                                   "int32 or int64";
  IntArray out;
  if (!nanobind::try_cast<AnyArray>(object, out.owner, false)) {
    throw std::invalid_argument(expected + ", got " +
                                nanobind::cast<std::string>(nanobind::str(object.type())));
  }
  const AnyArray& array = out.owner;
  const auto type = array.dtype();
  if (type.code != std::uint8_t(nanobind::dlpack::dtype_code::Int) || type.lanes != 1) {
    throw std::invalid_argument(expected);
  }
  switch (type.bits) {
    case 8: out.ints.kind = IntKind::int8; break;
    case 16: out.ints.kind = IntKind::int16; break;
    case 32: out.ints.kind = IntKind::int32; break;
    case 64: out.ints.kind = IntKind::int64; break;
    default: throw std::invalid_argument(expected);
  }
  if (dimensions >= 0 && array.ndim() != std::size_t(dimensions)) {
    throw std::invalid_argument(std::string(name) + ": expected " + std::to_string(dimensions) +
                                " axes, got " + std::to_string(array.ndim()));
  }
  std::int64_t stride = 1;
  for (std::size_t axis = array.ndim(); axis-- > 0;) {
    if (array.shape(axis) != 1 && array.stride(axis) != stride && array.size() != 0) {
      throw std::invalid_argument(expected);
    }
    stride *= std::int64_t(array.shape(axis));
    if (axis < 2) out.shape[axis] = array.shape(axis);
  }
  out.size = array.size();
  out.ints.data = array.data();
  return out;
}

// Indices: one axis of int32.
inline IntArray index_array(nanobind::handle object, const char* name) {
  IntArray out = int_array(object, name, 1);
  if (out.ints.kind != IntKind::int32) {
    throw std::invalid_argument(std::string(name) + ": expected int32");
  }
  return out;
}

inline std::span<const std::int32_t> indices(const IntArray& array) {
  return {static_cast<const std::int32_t*>(array.ints.data), array.size};
}

}  // namespace avow::native

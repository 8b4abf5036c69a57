// Scalars between Python and the core: ints in [0, r).
#pragma once

#include <nanobind/nanobind.h>

#include <stdexcept>
#include <string>

#include "field.hpp"

namespace avow::native {

// Throws std::invalid_argument unless the object is an int in [0, r); `name` says which argument.
inline Fr scalar_of(nanobind::handle object, const char* name) {
  if (!PyLong_Check(object.ptr())) {
    throw std::invalid_argument(std::string(name) + ": expected an int, got " +
                                Py_TYPE(object.ptr())->tp_name);
  }
  PyObject* made = PyObject_CallMethod(object.ptr(), "to_bytes", "is", 32, "little");
  Fr scalar;
  bool below = false;
  if (made) {
    below = Fr::of_little_endian(reinterpret_cast<const std::uint8_t*>(PyBytes_AS_STRING(made)),
                                 scalar);
    Py_DECREF(made);
  } else if (PyErr_ExceptionMatches(PyExc_OverflowError)) {
    PyErr_Clear();
  } else {
    nanobind::raise_python_error();
  }
  if (!below) {
    throw std::invalid_argument(std::string(name) +
                                ": expected an integer from 0 to below the field's order r");
  }
  return scalar;
}

// An int from the limbs of an integer, not of a Montgomery form.
inline nanobind::object int_of_canonical(const Limbs& value) {
  std::uint8_t bytes[32];
  for (int i = 0; i < 32; ++i) bytes[i] = std::uint8_t(value[i / 8] >> (8 * (i % 8)));
  const nanobind::bytes packed(reinterpret_cast<const char*>(bytes), 32);
  PyObject* made = PyObject_CallMethod(reinterpret_cast<PyObject*>(&PyLong_Type), "from_bytes",
                                       "Os", packed.ptr(), "little");
  if (!made) nanobind::raise_python_error();
  return nanobind::steal(made);
}

inline nanobind::object int_of(const Fr& scalar) { return int_of_canonical(scalar.canonical()); }

inline nanobind::bytes bytes_of(const std::uint8_t* data, std::size_t size) {
  return nanobind::bytes(reinterpret_cast<const char*>(data), size);
}

}  // namespace avow::native

// Bindings of vectors of scalars.
#include <nanobind/nanobind.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/vector.h>

#include <bit>

#include <optional>

#include "arrays.hpp"
#include "bind.hpp"
#include "frs.hpp"
#include "python_int.hpp"

namespace nb = nanobind;

namespace avow::native {

namespace {

const Kernels& current() { return kernels_of(backend()); }

// f() without the interpreter's lock.
template <class F>
auto unlocked(F f) {
  const nb::gil_scoped_release released;
  return f();
}

Frs of_ints(nb::handle array, nb::handle scale, nb::handle offset) {
  const IntArray ints = int_array(array, "of_ints", 1);
  const Fr by = scalar_of(scale, "scale"), plus = scalar_of(offset, "offset");
  return Frs(unlocked([&] { return vector_of_ints(current(), ints.ints, ints.size, by, plus); }));
}

Frs of_bytes(const nb::bytes& data) {
  if (data.size() % 32) {
    throw std::invalid_argument("of_bytes: expected 32 bytes each, got " +
                                std::to_string(data.size()) + " bytes");
  }
  const auto* bytes = static_cast<const std::uint8_t*>(data.data());
  const std::size_t count = data.size() / 32;
  return Frs(unlocked([&] { return vector_of_bytes(current(), bytes, count); }));
}

nb::object to_bytes(const Frs& self) {
  const Vector a = self.read();
  nb::object out = nb::steal(PyBytes_FromStringAndSize(nullptr, Py_ssize_t(32 * a.size)));
  if (!out.is_valid()) nb::raise_python_error();
  auto* bytes = reinterpret_cast<std::uint8_t*>(PyBytes_AS_STRING(out.ptr()));
  unlocked([&] { vector_to_bytes(a, bytes); });
  return out;
}

nb::object at(const Frs& self, Py_ssize_t index) {
  const Vector a = self.read();
  if (index < 0 || std::size_t(index) >= a.size) {
    throw std::invalid_argument("at: expected an index below " + std::to_string(a.size) +
                                ", got " + std::to_string(index));
  }
  return int_of_canonical(a.at(std::size_t(index)));
}

Frs gather(const Frs& self, nb::handle array) {
  const IntArray index = index_array(array, "gather");
  const Vector a = self.read();
  return Frs(unlocked([&] { return gathered(a, indices(index).data(), index.size); }));
}

template <Vector (*operation)(const Vector&, const Vector&)>
Frs binary(const Frs& self, const Frs& other) {
  const Vector a = self.read(), b = other.read();
  return Frs(unlocked([&] { return operation(a, b); }));
}

Frs scale(const Frs& self, nb::handle by) {
  const Vector a = self.read();
  const Fr factor = scalar_of(by, "scale");
  return Frs(unlocked([&] { return scaled(a, factor); }));
}

void addmul(Frs& self, const Frs& other, nb::handle by) {
  const Fr factor = scalar_of(by, "addmul");
  const Vector b = other.read();
  Frs::Change change(self);
  unlocked([&] {
    change.vector.make_own();
    add_scaled(change.vector, b, factor);
  });
}

void set_frs_range(Frs& self, std::size_t at, const Frs& other) {
  const Vector b = other.read();
  Frs::Change change(self);
  unlocked([&] {
    change.vector.make_own();
    set_range(change.vector, at, b);
  });
}

nb::object frs_dot_ints(const Frs& self, nb::handle array) {
  const IntArray ints = int_array(array, "dot_ints", 1);
  const Vector a = self.read();
  if (ints.size != a.size) {
    throw std::invalid_argument("dot_ints: expected " + std::to_string(a.size) +
                                " integers, got " + std::to_string(ints.size));
  }
  return int_of(unlocked([&] { return dot_ints(a, ints.ints); }));
}

IntArray matrix(nb::handle array, const char* name) {
  IntArray out = int_array(array, name, 2);
  if (out.size == 0) {
    throw std::invalid_argument(std::string(name) + ": expected a matrix that is not empty");
  }
  return out;
}

Frs contract(nb::handle values, std::size_t outer, std::size_t inner, std::size_t rows,
             std::size_t cols, nb::handle at_row, nb::handle at_col, const Frs& weights) {
  const IntArray row = index_array(at_row, "contract, at_row");
  const IntArray column = index_array(at_col, "contract, at_col");
  const Contraction map{outer, inner, rows, cols, indices(row), indices(column)};
  if (outer < 1 || inner < 1 || rows < 1 || cols < 1) {
    throw std::invalid_argument("contract: expected sizes of at least 1");
  }
  const Vector w = weights.read();
  if (nb::isinstance<Frs>(values)) {
    const Vector a = nb::cast<const Frs&>(values).read();
    return Frs(unlocked([&] { return contracted(a, map, w); }));
  }
  const IntArray ints = int_array(values, "contract, values", -1);
  std::size_t expected;
  if (__builtin_mul_overflow(outer, inner, &expected) ||
      __builtin_mul_overflow(expected, cols, &expected) || expected != ints.size) {
    throw std::invalid_argument("contract: expected outer x cols x inner values, got " +
                                std::to_string(ints.size));
  }
  return Frs(unlocked([&] { return contracted(ints.ints, map, w); }));
}

std::vector<Fr> scalars(const nb::list& list, const char* name) {
  std::vector<Fr> out;
  for (nb::handle one : list) out.push_back(scalar_of(one, name));
  return out;
}

void frs_outer_add(Frs& target, std::size_t at, nb::handle scale, const nb::list& factors) {
  const Fr by = scalar_of(scale, "outer_add, scale");
  std::vector<Vector> vectors;
  for (nb::handle one : factors) vectors.push_back(nb::cast<const Frs&>(one).read());
  Frs::Change change(target);
  unlocked([&] {
    change.vector.make_own();
    outer_add(change.vector, at, by, vectors);
  });
}

}  // namespace

std::vector<Limbs> canonical_elements(const Vector& a) {
  static_assert(sizeof(Limbs) == 32);
  if constexpr (std::endian::native == std::endian::little) {
    std::vector<Limbs> same(a.size);
    vector_to_bytes(a, reinterpret_cast<std::uint8_t*>(same.data()));
    return same;
  }
  std::vector<std::uint8_t> bytes(32 * a.size);
  vector_to_bytes(a, bytes.data());
  std::vector<Limbs> out(a.size);
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    out[i / 32][i % 32 / 8] |= Limb(bytes[i]) << (8 * (i % 8));
  }
  return out;
}

void bind_frs(nb::module_& module) {
  nb::class_<Frs>(module, "Frs")
      .def_static(
          "zeros",
          [](std::size_t size) {
            return Frs(unlocked([&] { return Vector::zeros(current(), size); }));
          },
          nb::arg("size"))
      .def_static("of_ints", &of_ints, nb::arg("array"), nb::arg("scale") = 1,
                  nb::arg("offset") = 0)
      .def_static("of_bytes", &of_bytes, nb::arg("data"))
      .def("to_bytes", &to_bytes)
      .def("__len__", &Frs::size)
      .def_prop_ro("backend",
                   [](const Frs& self) {
                     return std::string(backend_name(self.read().kernels->backend));
                   })
      .def("at", &at, nb::arg("index"))
      .def("gather", &gather, nb::arg("index"))
      .def("inverse",
           [](const Frs& self) {
             const Vector a = self.read();
             return Frs(unlocked([&] { return inverted(a); }));
           })
      .def("add", &binary<added>, nb::arg("other"))
      .def("sub", &binary<subtracted>, nb::arg("other"))
      .def("mul", &binary<multiplied>, nb::arg("other"))
      .def("scale", &scale, nb::arg("by"))
      .def("addmul", &addmul, nb::arg("other"), nb::arg("by"))
      .def("set_range", &set_frs_range, nb::arg("at"), nb::arg("other"))
      .def("sum",
           [](const Frs& self) {
             const Vector a = self.read();
             return int_of(unlocked([&] { return sum(a); }));
           })
      .def(
          "dot",
          [](const Frs& self, const Frs& other) {
            const Vector a = self.read(), b = other.read();
            return int_of(unlocked([&] { return dot(a, b); }));
          },
          nb::arg("other"))
      .def("dot_ints", &frs_dot_ints, nb::arg("array"));

  module.def(
      "eq_table",
      [](const nb::list& point) {
        const std::vector<Fr> z = scalars(point, "eq_table");
        return Frs(unlocked([&] { return eq_table(current(), z); }));
      },
      nb::arg("point"));
  module.def(
      "fold_ints",
      [](nb::handle array, const Frs& weights) {
        const IntArray ints = matrix(array, "fold_ints");
        const Vector w = weights.read();
        return Frs(unlocked([&] { return fold_ints(ints.ints, ints.shape[0], ints.shape[1], w); }));
      },
      nb::arg("array"), nb::arg("weights"));
  module.def(
      "fold_rows",
      [](nb::handle array, const Frs& weights) {
        const IntArray ints = matrix(array, "fold_rows");
        const Vector w = weights.read();
        return Frs(unlocked([&] { return fold_rows(ints.ints, ints.shape[0], ints.shape[1], w); }));
      },
      nb::arg("array"), nb::arg("weights"));
  module.def("contract", &contract, nb::arg("values"), nb::arg("outer"), nb::arg("inner"),
             nb::arg("rows"), nb::arg("cols"), nb::arg("at_row"), nb::arg("at_col"),
             nb::arg("weights"));
  module.def("outer_add", &frs_outer_add, nb::arg("target"), nb::arg("at"), nb::arg("scale"),
             nb::arg("factors"));
  module.def(
      "fold_pairs",
      [](const Frs& f, nb::handle z) {
        const Vector a = f.read();
        const Fr by = scalar_of(z, "fold_pairs");
        return Frs(unlocked([&] { return fold_pairs(a, by); }));
      },
      nb::arg("f"), nb::arg("z"));
  module.def(
      "evaluate",
      [](const Frs& f, nb::handle x) {
        const Vector a = f.read();
        const Fr at = scalar_of(x, "evaluate");
        return int_of(unlocked([&] { return evaluate(a, at); }));
      },
      nb::arg("f"), nb::arg("x"));
  module.def(
      "divide",
      [](const Frs& f, nb::handle root) {
        const Vector a = f.read();
        const Fr at = scalar_of(root, "divide");
        Division division = unlocked([&] { return divide(a, at); });
        return nb::make_tuple(Frs(std::move(division.quotient)), int_of(division.remainder));
      },
      nb::arg("f"), nb::arg("root"));
  module.def(
      "divide_eighths",
      [](const Frs& f, nb::handle x) {
        const Vector a = f.read();
        const Fr at = scalar_of(x, "divide_eighths");
        EighthsDivision division = unlocked([&] { return divide_eighths(a, at); });
        nb::list remainder;
        for (const Fr& one : division.remainder) remainder.append(int_of(one));
        return nb::make_tuple(Frs(std::move(division.quotient)), remainder);
      },
      nb::arg("f"), nb::arg("x"));
}

}  // namespace avow::native

// Bindings of points and commitments.
#include <nanobind/ndarray.h>
#include <nanobind/stl/vector.h>

#include "arrays.hpp"
#include "bases.hpp"
#include "bind.hpp"
#include "frs.hpp"
#include "python_int.hpp"

namespace nb = nanobind;

namespace avow::native {

namespace {

template <class T>
using Matrix = nb::ndarray<const T, nb::ndim<2>, nb::c_contig, nb::device::cpu>;

nb::bytes python(const Point& point) {
  const PointBytes bytes = point_bytes(point);
  return bytes_of(bytes.data(), bytes.size());
}

nb::list python(const std::vector<Point>& points) {
  nb::list out;
  for (const Point& point : points) out.append(python(point));
  return out;
}

// Canonical elements of Fr, 32 bytes little-endian each.
std::vector<Limbs> scalars_of(Bytes data) {
  if (data.size() % 32 != 0) {
    throw std::invalid_argument("scalars: expected 32 bytes each, got " +
                                std::to_string(data.size()) + " bytes");
  }
  std::vector<Limbs> scalars(data.size() / 32);
  for (std::size_t i = 0; i < data.size(); ++i) {
    scalars[i / 32][i % 32 / 8] |= Limb(data[i]) << (8 * (i % 8));
  }
  for (std::size_t i = 0; i < scalars.size(); ++i) {
    if (!limbs::less(scalars[i], FrModulus::p)) {
      throw std::invalid_argument("scalars: expected integers below the field's order r, got "
                                  "another at " + std::to_string(i));
    }
  }
  return scalars;
}

template <class T>
nb::list commit_integers(const Bases& self, Matrix<T> rows) {
  constexpr IntKind kind = sizeof(T) == 1   ? IntKind::int8
                           : sizeof(T) == 2 ? IntKind::int16
                           : sizeof(T) == 4 ? IntKind::int32
                                            : IntKind::int64;
  const Bases::Matrix own{{rows.data(), kind}, rows.shape(0), rows.shape(1)};
  std::vector<Point> points;
  {
    nb::gil_scoped_release released;
    points = self.commit_matrices({&own, 1});
  }
  return python(points);
}

}  // namespace

void bind_bases(nb::module_& module) {
  nb::class_<Bases>(module, "Bases")
      .def(
          "__init__",
          [](Bases* self, const nb::bytes& points) {
            const Bytes data = view(points);
            nb::gil_scoped_release released;
            new (self) Bases(Bases::of_montgomery(data));
          },
          nb::arg("points"))
      .def_static(
          "of_canonical",
          [](const nb::bytes& points) {
            const Bytes data = view(points);
            nb::gil_scoped_release released;
            return Bases::of_canonical(data);
          },
          nb::arg("points"))
      .def("__len__", &Bases::size)
      .def(
          "commit_bytes",
          [](const Bases& self, const nb::bytes& scalars) {
            const Bytes data = view(scalars);
            Point point;
            {
              nb::gil_scoped_release released;
              point = self.commit(scalars_of(data));
            }
            return python(point);
          },
          nb::arg("scalars"))
      .def(
          "commit",
          [](const Bases& self, const Frs& scalars) {
            const Vector vector = scalars.read();
            Point point;
            {
              nb::gil_scoped_release released;
              point = self.commit(canonical_elements(vector));
            }
            return python(point);
          },
          nb::arg("scalars"))
      .def("commit_ints", &commit_integers<std::int8_t>, nb::arg("rows").noconvert())
      .def("commit_ints", &commit_integers<std::int16_t>, nb::arg("rows").noconvert())
      .def("commit_ints", &commit_integers<std::int32_t>, nb::arg("rows").noconvert())
      .def("commit_ints", &commit_integers<std::int64_t>, nb::arg("rows").noconvert())
      .def(
          "commit_matrices",
          [](const Bases& self, const nb::list& matrices) {
            std::vector<IntArray> owners;
            std::vector<Bases::Matrix> own;
            for (const nb::handle matrix : matrices) {
              const IntArray array = int_array(matrix, "commit_matrices", 2);
              owners.push_back(array);
              own.push_back({array.ints, array.shape[0], array.shape[1]});
            }
            std::vector<Point> points;
            {
              nb::gil_scoped_release released;
              points = self.commit_matrices(own);
            }
            return python(points);
          },
          nb::arg("matrices"))
      .def(
          "commit_values_bytes",
          [](const Bases& self, Matrix<std::int32_t> indices, const nb::bytes& values) {
            const Bytes data = view(values);
            std::vector<Point> points;
            {
              nb::gil_scoped_release released;
              points = self.commit_values(indices.data(), indices.shape(0), indices.shape(1),
                                          scalars_of(data));
            }
            return python(points);
          },
          nb::arg("indices").noconvert(), nb::arg("values"))
      .def(
          "commit_values",
          [](const Bases& self, Matrix<std::int32_t> indices, const Frs& values) {
            const Vector vector = values.read();
            std::vector<Point> points;
            {
              nb::gil_scoped_release released;
              points = self.commit_values(indices.data(), indices.shape(0), indices.shape(1),
                                          canonical_elements(vector));
            }
            return python(points);
          },
          nb::arg("indices").noconvert(), nb::arg("values"));

  module.def(
      "multiples",
      [](const nb::bytes& scalars) {
        const Bytes data = view(scalars);
        std::vector<std::uint8_t> out;
        {
          nb::gil_scoped_release released;
          const std::vector<Point> points = multiples(scalars_of(data));
          out.resize(64 * points.size());
          for (std::size_t i = 0; i < points.size(); ++i) {
            for (std::size_t k = 0; k < 32; ++k) {
              out[64 * i + k] = std::uint8_t(points[i].x.v[k / 8] >> (8 * (k % 8)));
              out[64 * i + 32 + k] = std::uint8_t(points[i].y.v[k / 8] >> (8 * (k % 8)));
            }
          }
        }
        return bytes_of(out.data(), out.size());
      },
      nb::arg("scalars"));
  module.def(
      "point_add",
      [](const nb::bytes& a, const nb::bytes& b) {
        return python((Jacobian<Portable>::of(parse_point(view(a))) + parse_point(view(b))).affine());
      },
      nb::arg("a"), nb::arg("b"));
  module.def(
      "point_mul",
      [](const nb::bytes& point, nb::handle scalar) {
        const Fr factor = scalar_of(scalar, "scalar");
        return python(multiplied(parse_point(view(point)), factor.canonical()).affine());
      },
      nb::arg("point"), nb::arg("scalar"));
}

}  // namespace avow::native

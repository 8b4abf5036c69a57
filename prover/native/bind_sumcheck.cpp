// Bindings of the sumcheck provers.
#include <nanobind/nanobind.h>
#include <nanobind/stl/shared_ptr.h>

#include "bind.hpp"
#include "fractions.hpp"
#include "frs.hpp"
#include "python_int.hpp"
#include "sumcheck.hpp"

namespace nb = nanobind;

namespace avow::native {

namespace {

// A prover, by one thread at a time: a call while another runs is an error, not a wait.
template <class Prover>
class Exclusive {
 public:
  template <class... Arguments>
  explicit Exclusive(Arguments&&... arguments) : prover_(std::forward<Arguments>(arguments)...) {}

  template <class F>
  auto run(F f) {
    if (busy_) throw std::invalid_argument("sumcheck: another thread is at work on it");
    const Guard guard(busy_);
    const nb::gil_scoped_release released;
    return f(prover_);
  }

 private:
  // Taken and given back with the interpreter's lock held.
  struct Guard {
    bool& busy;
    explicit Guard(bool& flag) : busy(flag) { busy = true; }
    ~Guard() { busy = false; }
  };
  Prover prover_;
  bool busy_ = false;
};

using PyZeroCheck = Exclusive<ZeroCheck>;
using PyProductSum = Exclusive<ProductSum>;
using PyFractionTree = Exclusive<FractionTree>;

nb::tuple term_of(nb::handle object, std::size_t least, std::size_t most, const char* expected) {
  if (!PyTuple_Check(object.ptr()) || nb::len(object) < least || nb::len(object) > most) {
    throw std::invalid_argument(expected);
  }
  return nb::borrow<nb::tuple>(object);
}

Vector vector_of_object(nb::handle object, const char* expected) {
  if (!nb::isinstance<Frs>(object)) throw std::invalid_argument(expected);
  return nb::cast<const Frs&>(object).read();
}

Factor factor_of_object(nb::handle object, const char* expected) {
  if (nb::isinstance<Lazy>(object)) {
    return {Vector(), nb::cast<std::shared_ptr<const Lazy>>(object)};
  }
  return {vector_of_object(object, expected), nullptr};
}

std::vector<LinearTerm> linear_terms(const nb::list& list, const char* expected) {
  std::vector<LinearTerm> out;
  for (nb::handle one : list) {
    const nb::tuple term = term_of(one, 2, 2, expected);
    out.push_back({scalar_of(term[0], "coefficient"), factor_of_object(term[1], expected)});
  }
  return out;
}

void make_zero_check(PyZeroCheck* self, std::size_t variables, const nb::list& rho,
                     const nb::list& products, const nb::list& linear, const nb::list& sums) {
  constexpr const char* expected = "ZeroCheck: expected products (int, vector, vector)";
  std::vector<Fr> point;
  for (nb::handle one : rho) point.push_back(scalar_of(one, "rho"));
  std::vector<PairTerm> pairs;
  for (nb::handle one : products) {
    const nb::tuple term = term_of(one, 3, 3, expected);
    pairs.push_back({scalar_of(term[0], "coefficient"), factor_of_object(term[1], expected),
                     factor_of_object(term[2], expected)});
  }
  auto lines = linear_terms(linear, "ZeroCheck: expected linear terms (int, vector)");
  auto plain = linear_terms(sums, "ZeroCheck: expected sums (int, vector)");
  const nb::gil_scoped_release released;
  new (self) PyZeroCheck(variables, std::move(point), std::move(pairs), std::move(lines),
                         std::move(plain));
}

void make_product_sum(PyProductSum* self, std::size_t variables, const nb::list& terms) {
  constexpr const char* expected = "ProductSum: expected terms (int, Frs, Frs, Frs or None)";
  std::vector<ProductTerm> products;
  for (nb::handle one : terms) {
    const nb::tuple term = term_of(one, 3, 4, expected);
    ProductTerm product{scalar_of(term[0], "coefficient"), vector_of_object(term[1], expected),
                        vector_of_object(term[2], expected), Vector()};
    if (nb::len(term) == 4 && !term[3].is_none()) {
      product.c = vector_of_object(term[3], expected);
    }
    products.push_back(std::move(product));
  }
  const nb::gil_scoped_release released;
  new (self) PyProductSum(variables, std::move(products));
}

template <class Scalars>
nb::tuple tuple_of(const Scalars& scalars) {
  nb::list out;
  for (const Fr& one : scalars) out.append(int_of(one));
  return nb::tuple(out);
}

template <class Prover>
void bind(Exclusive<Prover>& self, nb::handle r) {
  const Fr challenge = scalar_of(r, "bind");
  self.run([&](Prover& prover) {
    prover.bind(challenge);
    return 0;
  });
}

template <class Prover>
nb::tuple round(Exclusive<Prover>& self) {
  return tuple_of(self.run([](Prover& prover) { return prover.round(); }));
}

nb::list values(PyProductSum& self) {
  const auto found = self.run([](ProductSum& prover) { return prover.values(); });
  nb::list out;
  for (const auto& [a, b, c] : found) {
    out.append(nb::make_tuple(int_of(*a), int_of(*b), c ? int_of(*c) : nb::object(nb::none())));
  }
  return out;
}

constexpr unsigned kMostStride = 30;

void make_fraction_tree(PyFractionTree* self, nb::handle p, nb::handle q, unsigned stride) {
  constexpr const char* expected = "FractionTree: expected two vectors";
  if (stride > kMostStride) throw std::invalid_argument("FractionTree: expected a stride to 30");
  Factor tops = factor_of_object(p, expected), bottoms = factor_of_object(q, expected);
  const nb::gil_scoped_release released;
  new (self) PyFractionTree(std::move(tops), std::move(bottoms), stride);
}

void descend(PyFractionTree& self, nb::handle u, nb::handle mu) {
  const Fr last = scalar_of(u, "u"), mix = scalar_of(mu, "mu");
  self.run([&](FractionTree& tree) {
    tree.descend(last, mix);
    return 0;
  });
}

}  // namespace

void bind_sumcheck(nb::module_& module) {
  nb::class_<PyZeroCheck>(module, "ZeroCheck")
      .def("__init__", &make_zero_check, nb::arg("variables"), nb::arg("rho"),
           nb::arg("products"), nb::arg("linear"), nb::arg("sums"))
      .def("round", &round<ZeroCheck>)
      .def("bind", &bind<ZeroCheck>, nb::arg("r"));
  nb::class_<PyProductSum>(module, "ProductSum")
      .def("__init__", &make_product_sum, nb::arg("variables"), nb::arg("terms"))
      .def("round", &round<ProductSum>)
      .def("bind", &bind<ProductSum>, nb::arg("r"))
      .def("values", &values);
  nb::class_<PyFractionTree>(module, "FractionTree")
      .def("__init__", &make_fraction_tree, nb::arg("p"), nb::arg("q"), nb::arg("stride") = 0)
      .def_prop_ro("depth",
                   [](PyFractionTree& self) {
                     return self.run([](FractionTree& tree) { return tree.depth(); });
                   })
      .def("nodes",
           [](PyFractionTree& self) {
             return tuple_of(self.run([](FractionTree& tree) { return tree.nodes(); }));
           })
      .def("descend", &descend, nb::arg("u"), nb::arg("mu"))
      .def("round", &round<FractionTree>)
      .def("bind", &bind<FractionTree>, nb::arg("x"));
}

}  // namespace avow::native

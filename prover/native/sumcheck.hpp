// Provers of sumchecks: one whose terms carry eq(rho, x), and one of plain sums of products.
//
// Over n variables; variable 1 is the most significant bit of an index and is bound first. A
// vector of 2^m elements, m <= n, is a function of the last m variables. Nothing is taken for
// granted of the sums: they may belong to a false claim.
#pragma once

#include <array>
#include <memory>
#include <optional>
#include <span>
#include <variant>
#include <vector>

#include "columns.hpp"
#include "vector.hpp"

namespace avow::native {

// A vector, or one that is not written out.
struct Factor {
  Vector vector;
  std::shared_ptr<const Lazy> lazy;

  std::size_t size() const { return lazy ? lazy->size() : vector.size; }
  // Length and backend alone.
  Vector shape() const { return {lazy ? &lazy->kernels() : vector.kernels, size(), nullptr}; }
  void write() {
    if (lazy) vector = lazy->written();
    lazy = nullptr;
  }
};

struct PairTerm {
  Fr coefficient;
  Factor a, b;
};

struct LinearTerm {
  Fr coefficient;
  Factor a;
};

struct ProductTerm {
  Fr coefficient;
  Vector a, b;
  Vector c;  // no kernels where there is none
};

struct EqTables;

// Of sum_x [eq(rho, x) (sum coef a b + sum coef l) + sum coef 2^-(n-m) s].
class ZeroCheck {
 public:
  ZeroCheck(std::size_t variables, std::vector<Fr> rho, std::vector<PairTerm> products,
            std::vector<LinearTerm> linear, std::vector<LinearTerm> sums);

  // The round's polynomial at 0, 2 and 3.
  std::array<Fr, 3> round();
  void bind(const Fr& r);
  std::size_t left() const { return variables_ - bound_; }

 private:
  struct Pending {
    std::vector<PairTerm> products;
    Vector linear, plain;  // no kernels where there is none
    Fr zero_sum, plain_sum;
  };
  struct Pair {
    std::size_t a, b;
  };

  void summarise();
  Fr zero_sum(std::size_t m, const Pending& pending) const;
  void activate(Pending& pending);
  void evaluate();
  void add_chunk(const EqTables& eq, Points points, std::size_t chunk, std::size_t first,
                 std::size_t blocks, Limb* totals) const;

  const Kernels* kernels_;
  std::size_t variables_, bound_ = 0;
  std::vector<Fr> rho_, rho_inverse_;
  std::vector<Pending> pending_;  // by the number of variables
  Columns columns_;
  std::vector<Pair> pairs_;
  std::optional<std::size_t> linear_, plain_;
  bool summarised_ = false;
  Fr waiting_;         // what the products and linear terms that wait sum to, with eq
  Fr waiting_plain_;   // and the plain ones, by 2^-bound
  Fr prefix_;          // eq of what is bound
  Fr power_;           // 2^-bound
  std::optional<Fr> claim_;  // of what carries eq, without the prefix
  Fr plain_claim_;
  std::optional<std::array<Fr, 5>> values_;  // q(0), q(1), leading; plain(0), plain(1)
};

// Of sum_x sum coef 2^-(n-m) a b [c].
class ProductSum {
 public:
  ProductSum(std::size_t variables, std::vector<ProductTerm> terms);

  // The round's polynomial at 0 and 2, and at 3 where a term has three factors.
  std::vector<Fr> round();
  void bind(const Fr& r);
  std::size_t left() const { return variables_ - bound_; }
  // The factors of every term at the challenges, once all variables are bound.
  std::vector<std::array<std::optional<Fr>, 3>> values();

 private:
  struct Active {
    Fr coefficient;
    std::size_t a, b;
    std::optional<std::size_t> c;
    std::size_t term;
  };
  // Of the terms of two factors, or of three.
  struct Group {
    bool any = false;
    Fr waiting;               // what the terms that wait sum to
    std::optional<Fr> claim;  // this round's
    Fr coefficients[4];
    Fr at(const Fr& x) const;
  };

  void summarise();
  void activate();
  void evaluate();

  const Kernels* kernels_;
  std::size_t variables_, bound_ = 0;
  std::vector<ProductTerm> terms_;   // those that wait keep their vectors
  std::vector<std::size_t> order_;   // the terms by falling number of variables
  std::size_t begun_ = 0;            // how many of them are active
  std::vector<std::size_t> sizes_;   // variables of each term
  std::vector<Fr> sums_;             // of those that wait
  Columns columns_;
  std::vector<Active> active_;
  std::vector<std::array<std::size_t, 3>> places_;
  Group two_, three_;
  Fr power_;  // 2^-bound
  bool summarised_ = false, evaluated_ = false, final_ = false;
};

// Checks of the arguments, shared: every vector of 2^m elements, m <= variables, one backend.
const Kernels& checked_kernels(std::span<const Vector* const> vectors, std::size_t variables,
                               const char* name);
std::size_t variables_of(const Vector& a);
// a, or a repeated so that it is a function of `variables`.
Vector widened(const Vector& a, std::size_t variables);

}  // namespace avow::native

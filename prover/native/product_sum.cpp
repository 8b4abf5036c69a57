// Sums of products. Terms of two factors and of three are two sums, each with its own claim, so
// that one value of each round's polynomial need not be computed.
#include <algorithm>
#include <bit>
#include <stdexcept>
#include <string>

#include "chunks.hpp"
#include "sumcheck.hpp"

namespace avow::native {

namespace {

constexpr std::size_t kMostVariables = 40;
const Fr kHalf = Fr::of_int(2).inverse();

}  // namespace

const Kernels& checked_kernels(std::span<const Vector* const> vectors, std::size_t variables,
                               const char* name) {
  if (variables > kMostVariables) {
    throw std::invalid_argument(std::string(name) + ": expected at most 40 variables, got " +
                                std::to_string(variables));
  }
  for (const Vector* vector : vectors) {
    check_same_backend(*vectors.front(), *vector);
    if (!std::has_single_bit(vector->size) || vector->size >> variables > 1) {
      throw std::invalid_argument(std::string(name) + ": expected vectors of a power of two up to "
                                  "2^" + std::to_string(variables) + ", got " +
                                  std::to_string(vector->size));
    }
  }
  return vectors.empty() ? kernels_of(backend()) : *vectors.front()->kernels;
}

std::size_t variables_of(const Vector& a) { return std::size_t(std::countr_zero(a.size)); }

Vector widened(const Vector& a, std::size_t variables) {
  const std::size_t size = std::size_t(1) << variables;
  if (a.size == size) return a;
  Vector out = Vector::raw(*a.kernels, size);
  for (std::size_t at = 0; at < size; at += a.size) {
    copy_elements(*a.kernels, out.data(), at, a.data(), 0, a.size);
  }
  return out;
}

ProductSum::ProductSum(std::size_t variables, std::vector<ProductTerm> terms)
    : kernels_([&]() -> const Kernels* {
        std::vector<const Vector*> all;
        for (const ProductTerm& term : terms) {
          all.insert(all.end(), {&term.a, &term.b});
          if (term.c.kernels) all.push_back(&term.c);
        }
        return &checked_kernels(all, variables, "ProductSum");
      }()),
      variables_(variables),
      terms_(std::move(terms)),
      sums_(terms_.size()),
      columns_(*kernels_),
      places_(terms_.size()),
      power_(Fr::one()) {
  for (std::size_t k = 0; k < terms_.size(); ++k) {
    ProductTerm& term = terms_[k];
    std::size_t m = std::max(variables_of(term.a), variables_of(term.b));
    if (term.c.kernels) m = std::max(m, variables_of(term.c));
    term.a = widened(term.a, m);
    term.b = widened(term.b, m);
    if (term.c.kernels) term.c = widened(term.c, m);
    (term.c.kernels ? three_ : two_).any = true;
    sizes_.push_back(m);
    order_.push_back(k);
  }
  std::stable_sort(order_.begin(), order_.end(),
                   [&](std::size_t a, std::size_t b) { return sizes_[a] > sizes_[b]; });
}

void ProductSum::summarise() {
  summarised_ = true;
  for (std::size_t k = 0; k < terms_.size(); ++k) {
    const ProductTerm& term = terms_[k];
    if (sizes_[k] == variables_) continue;
    const ProductView view{term.a.data(), nullptr, term.b.data(), nullptr,
                           term.c.kernels ? term.c.data() : nullptr, nullptr};
    const Vector coefficient = vector_of(*kernels_, std::span(&term.coefficient, 1));
    const std::vector<Fr> totals =
        chunk_totals(*kernels_, term.a.blocks(), 1, 7,
                     [&](std::size_t, std::size_t first, std::size_t blocks, Limb* own) {
                       kernels_->product_chunk({.products = &view,
                                                .coefficients = coefficient.data(),
                                                .count = 1,
                                                .first = first,
                                                .blocks = blocks,
                                                .points = Points::zero,
                                                .totals = own});
                     });
    sums_[k] = totals[term.c.kernels ? 3 : 0];
    (term.c.kernels ? three_ : two_).waiting += sums_[k];
  }
}

void ProductSum::activate() {
  const std::size_t left = variables_ - bound_;
  for (; begun_ < order_.size() && sizes_[order_[begun_]] == left; ++begun_) {
    const std::size_t k = order_[begun_];
    ProductTerm& term = terms_[k];
    Active active{term.coefficient * power_, 0, 0, std::nullopt, k};
    active.a = columns_.add(term.a);
    active.b = columns_.add(term.b);
    if (term.c.kernels) active.c = columns_.add(term.c);
    if (sizes_[k] != variables_) (active.c ? three_ : two_).waiting -= sums_[k];
    places_[k] = {active.a, active.b, active.c.value_or(0)};
    active_.push_back(active);
    term.a = term.b = Vector();
    if (active.c) term.c = Vector{kernels_, 0, nullptr};
  }
}

void ProductSum::evaluate() {
  if (bound_ == variables_) {
    throw std::invalid_argument("ProductSum: all variables are bound");
  }
  if (!summarised_) summarise();
  activate();
  columns_.start(std::size_t(1) << (variables_ - bound_));
  std::vector<ProductView> views;
  std::vector<Fr> coefficients;
  for (const Active& one : active_) {
    views.push_back({columns_.low(one.a), columns_.high(one.a), columns_.low(one.b),
                     columns_.high(one.b), columns_.low(one.c), columns_.high(one.c)});
    coefficients.push_back(one.coefficient);
  }
  const Vector factors = vector_of(*kernels_, coefficients);
  const bool first_round = bound_ == 0;
  const std::vector<Fr> totals = chunk_totals(
      *kernels_, columns_.pair_blocks(), columns_.count(), 7,
      [&](std::size_t, std::size_t first, std::size_t blocks, Limb* own) {
        columns_.fold_chunk(first, blocks);
        kernels_->product_chunk({.products = views.data(),
                                 .coefficients = factors.data(),
                                 .count = views.size(),
                                 .first = first,
                                 .blocks = blocks,
                                 .points = first_round ? Points::zero_top_one : Points::zero_top,
                                 .totals = own});
      });
  columns_.finish();
  for (Group* group : {&two_, &three_}) {
    const bool cubic = group == &three_;
    const Fr* own = totals.data() + (cubic ? 3 : 0);
    const Fr constant = group->waiting * power_ * kHalf;
    const Fr g0 = own[0] + constant;
    const Fr g1 = first_round ? own[2] + constant : *group->claim - g0;
    Fr* c = group->coefficients;
    c[0] = g0;
    c[2] = cubic ? (g1 + own[3] + constant) * kHalf - g0 : own[1];
    c[3] = cubic ? own[1] : Fr();
    c[1] = g1 - c[0] - c[2] - c[3];
  }
  evaluated_ = true;
}

Fr ProductSum::Group::at(const Fr& x) const {
  return coefficients[0] + x * (coefficients[1] + x * (coefficients[2] + x * coefficients[3]));
}

std::vector<Fr> ProductSum::round() {
  if (!evaluated_) evaluate();
  std::vector<Fr> out;
  for (const int x : {0, 2, 3}) {
    if (x == 3 && !three_.any) break;
    const Fr at = Fr::of_int(x);
    out.push_back(two_.at(at) + three_.at(at));
  }
  return out;
}

void ProductSum::bind(const Fr& r) {
  if (!evaluated_) evaluate();
  for (Group* group : {&two_, &three_}) group->claim = group->at(r);
  columns_.bind(r);
  power_ *= kHalf;
  ++bound_;
  evaluated_ = false;
}

std::vector<std::array<std::optional<Fr>, 3>> ProductSum::values() {
  if (bound_ != variables_) {
    throw std::invalid_argument("ProductSum: " + std::to_string(left()) +
                                " variables are not bound yet");
  }
  if (!final_) {
    activate();
    columns_.start(1);
    columns_.finish();
    final_ = true;
  }
  std::vector<std::array<std::optional<Fr>, 3>> out(terms_.size());
  for (std::size_t k = 0; k < terms_.size(); ++k) {
    const auto& [a, b, c] = places_[k];
    out[k] = {columns_.value(a), columns_.value(b), std::nullopt};
    if (terms_[k].c.kernels) out[k][2] = columns_.value(c);
  }
  return out;
}

}  // namespace avow::native

// The zero-check: eq split off after Gruen (2024), products before sums.
//
// With i variables bound, what carries eq is prefix * eq_1(rho_{i+1}, X) * q(X), where
// q(X) = sum_x eq(rho_{>i+1}, x) Z(r, X, x) is of degree 2. q(0) and its leading coefficient are
// computed, q(1) follows from the claim; in the first round, whose claim nobody has stated, and
// where rho_{i+1} = 0, it is computed too.
#include <stdexcept>
#include <string>

#include "chunks.hpp"
#include "sumcheck.hpp"

namespace avow::native {

namespace {

// A table of eq over the last `variables` of rho: one of a chunk, and one element a chunk.
struct EqTables {
  Vector low, high;
  EqTables(const Kernels& kernels, std::span<const Fr> rho, std::size_t variables) {
    const std::size_t inside = std::min<std::size_t>(variables, 7);
    const auto last = rho.last(variables);
    low = eq_table(kernels, last.last(inside));
    high = eq_table(kernels, last.first(variables - inside));
  }
};

// Of each, and zero of zero, with one inversion.
std::vector<Fr> inverses(const std::vector<Fr>& values) {
  std::vector<Fr> out;
  Fr product = Fr::one();
  for (const Fr& one : values) {
    out.push_back(product);
    if (!one.is_zero()) product *= one;
  }
  Fr rest = product.inverse();
  for (std::size_t i = values.size(); i-- > 0;) {
    if (values[i].is_zero()) {
      out[i] = Fr();
      continue;
    }
    out[i] *= rest;
    rest *= values[i];
  }
  return out;
}

const Fr kHalf = Fr::of_int(2).inverse();

}  // namespace

ZeroCheck::ZeroCheck(std::size_t variables, std::vector<Fr> rho, std::vector<PairTerm> products,
                     std::vector<LinearTerm> linear, std::vector<LinearTerm> sums)
    : kernels_([&]() -> const Kernels* {
        std::vector<const Vector*> all;
        for (const PairTerm& term : products) all.insert(all.end(), {&term.a, &term.b});
        for (const LinearTerm& term : linear) all.push_back(&term.a);
        for (const LinearTerm& term : sums) all.push_back(&term.a);
        return &checked_kernels(all, variables, "ZeroCheck");
      }()),
      variables_(variables),
      rho_(std::move(rho)),
      pending_(variables + 1),
      columns_(*kernels_),
      prefix_(Fr::one()),
      power_(Fr::one()) {
  if (rho_.size() != variables) {
    throw std::invalid_argument("ZeroCheck: expected rho of " + std::to_string(variables) +
                                " scalars, got " + std::to_string(rho_.size()));
  }
  rho_inverse_ = inverses(rho_);
  for (PairTerm& term : products) {
    if (term.coefficient.is_zero()) continue;
    const std::size_t m = std::max(variables_of(term.a), variables_of(term.b));
    term.a = widened(term.a, m);
    term.b = widened(term.b, m);
    pending_[m].products.push_back(std::move(term));
  }
  // Terms that are not products are added up at once: one vector of each length.
  const auto merge = [&](std::vector<LinearTerm>& terms, Vector Pending::*into) {
    for (LinearTerm& term : terms) {
      Vector& total = pending_[variables_of(term.a)].*into;
      if (total.kernels) add_scaled(total, term.a, term.coefficient);
      else total = scaled(term.a, term.coefficient);
      term.a = Vector();
    }
  };
  merge(linear, &Pending::linear);
  merge(sums, &Pending::plain);
}

Fr ZeroCheck::zero_sum(std::size_t m, const Pending& pending) const {
  if (pending.products.empty() && !pending.linear.kernels) return Fr();
  const EqTables eq(*kernels_, rho_, m);
  std::vector<PairView> views;
  std::vector<Prepared> scales;
  scales.reserve(pending.products.size());
  for (const PairTerm& term : pending.products) {
    scales.emplace_back(*kernels_, term.coefficient);
    views.push_back({term.a.data(), nullptr, term.b.data(), nullptr, scales.back().table});
  }
  const std::size_t blocks = blocks_of(*kernels_, std::size_t(1) << m);
  return chunk_totals(*kernels_, blocks, 2 * views.size() + 1, 4,
                      [&](std::size_t chunk, std::size_t, std::size_t some, Limb* totals) {
                        kernels_->zero_chunk(
                            {.pairs = views.data(),
                             .count = views.size(),
                             .linear0 = pending.linear.kernels ? pending.linear.data() : nullptr,
                             .linear1 = nullptr,
                             .plain0 = nullptr,
                             .eq_low = eq.low.data(),
                             .eq_high = eq.high.data(),
                             .chunk = chunk,
                             .blocks = some,
                             .points = Points::zero,
                             .totals = totals});
                      })[0];
}

// What the shorter vectors sum to: constant until their first variable's turn.
void ZeroCheck::summarise() {
  summarised_ = true;
  for (std::size_t m = 0; m <= variables_; ++m) {
    Pending& pending = pending_[m];
    if (m < variables_) {
      pending.zero_sum = zero_sum(m, pending);
      waiting_ += pending.zero_sum;
    }
    if (pending.plain.kernels) {
      pending.plain_sum = sum(pending.plain);
      waiting_plain_ += pending.plain_sum;
    }
  }
  plain_claim_ = waiting_plain_;
}

void ZeroCheck::activate(Pending& pending) {
  std::map<const Storage*, std::size_t> uses;
  for (const PairTerm& term : pending.products) {
    ++uses[term.a.storage.get()];
    ++uses[term.b.storage.get()];
  }
  for (PairTerm& term : pending.products) {
    // The coefficient goes with the factor that fewer products share.
    if (uses[term.a.storage.get()] > uses[term.b.storage.get()]) std::swap(term.a, term.b);
    std::optional<Fr> scale;
    if (!(term.coefficient == Fr::one())) scale = term.coefficient;
    const std::size_t a = columns_.add(term.a, scale);
    pairs_.push_back({a, columns_.add(term.b)});
  }
  pending.products.clear();
  const auto join = [&](Vector& vector, std::optional<std::size_t>& column) {
    if (!vector.kernels) return;
    if (column) columns_.add_to(*column, std::move(vector));
    else column = columns_.add(vector);
    vector = Vector();
  };
  if (pending.plain.kernels) {
    if (bound_) pending.plain = scaled(pending.plain, power_);
    waiting_plain_ -= pending.plain_sum;
  }
  waiting_ -= pending.zero_sum;
  join(pending.linear, linear_);
  join(pending.plain, plain_);
}

void ZeroCheck::evaluate() {
  if (bound_ == variables_) {
    throw std::invalid_argument("ZeroCheck: all variables are bound");
  }
  if (!summarised_) summarise();
  const std::size_t left = variables_ - bound_;
  const Fr& rho = rho_[bound_];
  activate(pending_[left]);
  columns_.start(std::size_t(1) << left);
  std::vector<PairView> views;
  for (const Pair& pair : pairs_) {
    views.push_back({columns_.low(pair.a), columns_.high(pair.a), columns_.low(pair.b),
                     columns_.high(pair.b), columns_.scale(pair.a)});
  }
  const EqTables eq(*kernels_, rho_, left - 1);
  const bool all = !claim_ || rho.is_zero();
  const std::vector<Fr> totals = chunk_totals(
      *kernels_, columns_.pair_blocks(), columns_.count(), 4,
      [&](std::size_t chunk, std::size_t first, std::size_t blocks, Limb* own) {
        columns_.fold_chunk(first, blocks);
        kernels_->zero_chunk({.pairs = views.data(),
                              .count = views.size(),
                              .linear0 = columns_.low(linear_),
                              .linear1 = columns_.high(linear_),
                              .plain0 = columns_.low(plain_),
                              .eq_low = eq.low.data(),
                              .eq_high = eq.high.data(),
                              .chunk = chunk,
                              .blocks = blocks,
                              .points = all ? Points::zero_top_one : Points::zero_top,
                              .totals = own});
      });
  columns_.finish();
  const Fr q0 = totals[0] + waiting_, top = totals[1];
  const Fr q1 = all ? totals[2] + waiting_
                    : (*claim_ - (Fr::one() - rho) * q0) * rho_inverse_[bound_];
  const Fr plain0 = totals[3] + waiting_plain_ * power_ * kHalf;
  values_ = {q0, q1, top, plain0, plain_claim_ - plain0};
}

std::array<Fr, 3> ZeroCheck::round() {
  if (!values_) evaluate();
  const auto& [q0, q1, top, plain0, plain1] = *values_;
  const Fr rho = rho_[bound_];
  const Fr slope = q1 - q0 - top, eq_slope = rho.doubled() - Fr::one();
  std::array<Fr, 3> out;
  for (const int x : {0, 2, 3}) {
    const Fr at = Fr::of_int(x);
    const Fr eq = Fr::one() - rho + eq_slope * at;
    out[x ? x - 1 : 0] = prefix_ * eq * (q0 + at * (slope + at * top)) + plain0 +
                         at * (plain1 - plain0);
  }
  return out;
}

void ZeroCheck::bind(const Fr& r) {
  if (!values_) evaluate();
  const auto& [q0, q1, top, plain0, plain1] = *values_;
  const Fr rho = rho_[bound_];
  claim_ = q0 + r * (q1 - q0 - top + r * top);
  plain_claim_ = plain0 + r * (plain1 - plain0);
  prefix_ *= Fr::one() - rho + (rho.doubled() - Fr::one()) * r;
  power_ *= kHalf;
  columns_.bind(r);
  ++bound_;
  values_.reset();
}

}  // namespace avow::native

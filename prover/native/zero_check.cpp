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

// Pairs that are read together: what they hold at one chunk should stay in cache.
constexpr std::size_t kLazyPairs = 16;

const Fr kHalf = Fr::of_int(2).inverse();

}  // namespace

ZeroCheck::ZeroCheck(std::size_t variables, std::vector<Fr> rho, std::vector<PairTerm> products,
                     std::vector<LinearTerm> linear, std::vector<LinearTerm> sums)
    : kernels_([&]() -> const Kernels* {
        std::vector<Vector> shapes;
        for (const PairTerm& term : products) {
          shapes.insert(shapes.end(), {term.a.shape(), term.b.shape()});
        }
        for (const LinearTerm& term : linear) shapes.push_back(term.a.shape());
        for (const LinearTerm& term : sums) shapes.push_back(term.a.shape());
        std::vector<const Vector*> all;
        for (const Vector& shape : shapes) all.push_back(&shape);
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
    const std::size_t m = std::max(variables_of(term.a.shape()), variables_of(term.b.shape()));
    for (Factor* factor : {&term.a, &term.b}) {
      if (factor->size() >> m == 0) factor->write();
      if (!factor->lazy) factor->vector = widened(factor->vector, m);
    }
    pending_[m].products.push_back(std::move(term));
  }
  // Terms that are not products are added up at once: one vector of each length.
  const auto merge = [&](std::vector<LinearTerm>& terms, Vector Pending::*into) {
    for (LinearTerm& term : terms) {
      Vector& total = pending_[variables_of(term.a.shape())].*into;
      if (!total.kernels) total = Vector::zeros(*kernels_, term.a.size());
      if (term.a.lazy) add_scaled(total, *term.a.lazy, term.coefficient);
      else add_scaled(total, term.a.vector, term.coefficient);
      term.a = Factor();
    }
  };
  merge(linear, &Pending::linear);
  merge(sums, &Pending::plain);
}

Fr ZeroCheck::zero_sum(std::size_t m, const Pending& pending) const {
  if (pending.products.empty() && !pending.linear.kernels) return Fr();
  const EqTables eq(*kernels_, rho_, m);
  std::vector<Prepared> scales;
  scales.reserve(pending.products.size());
  for (const PairTerm& term : pending.products) scales.emplace_back(*kernels_, term.coefficient);
  const std::size_t all = blocks_of(*kernels_, std::size_t(1) << m), words = kernels_->words;
  return chunk_totals(
      *kernels_, all, 2 * scales.size() + 1, 4,
      [&](std::size_t chunk, std::size_t first, std::size_t blocks, Limb* totals) {
        Vector read_out;
        const Limb* linear = pending.linear.kernels ? pending.linear.block(first) : nullptr;
        std::vector<PairView> views;
        std::size_t held = 0;
        const auto add = [&] {
          if (views.empty() && !linear) return;
          kernels_->zero_chunk({.pairs = views.data(),
                                .count = views.size(),
                                .linear0 = linear,
                                .linear1 = nullptr,
                                .plain0 = nullptr,
                                .eq_low = eq.low.data(),
                                .eq_high = eq.high.data(),
                                .chunk = chunk,
                                .blocks = blocks,
                                .points = Points::zero,
                                .totals = totals});
          linear = nullptr;
          views.clear();
          held = 0;
        };
        const auto read = [&](const Factor& factor) -> const Limb* {
          if (!factor.lazy) return factor.vector.block(first);
          if (!read_out.kernels) {
            read_out = Vector::raw(*kernels_, 2 * kLazyPairs * blocks * kernels_->lanes);
          }
          Limb* out = read_out.data() + held++ * blocks * words;
          const std::size_t at = first * kernels_->lanes;
          factor.lazy->read(out, at, std::min(blocks * kernels_->lanes, factor.size() - at));
          return out;
        };
        for (std::size_t k = 0; k < scales.size(); ++k) {
          const PairTerm& term = pending.products[k];
          const std::size_t at = first * kernels_->lanes;
          const std::size_t count = std::min(blocks * kernels_->lanes, term.a.size() - at);
          if (term.a.lazy && term.a.lazy->nothing(at, count)) continue;
          if (term.b.lazy && term.b.lazy->nothing(at, count)) continue;
          if (held + 2 > 2 * kLazyPairs) add();
          const Limb* a = read(term.a);
          views.push_back({a, nullptr, read(term.b), nullptr, scales[k].table});
        }
        add();
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
    for (const Factor* factor : {&term.a, &term.b}) ++uses[factor->vector.storage.get()];
  }
  for (PairTerm& term : pending.products) {
    // The coefficient goes with the factor that fewer products share.
    if (!term.a.lazy && !term.b.lazy &&
        uses[term.a.vector.storage.get()] > uses[term.b.vector.storage.get()]) {
      std::swap(term.a, term.b);
    }
    std::optional<Fr> scale;
    if (!(term.coefficient == Fr::one())) scale = term.coefficient;
    const auto add = [&](Factor& factor, const std::optional<Fr>& by) {
      return factor.lazy ? columns_.add(std::move(factor.lazy), by)
                         : columns_.add(factor.vector, by);
    };
    const std::size_t a = add(term.a, scale);
    pairs_.push_back({a, add(term.b, std::nullopt)});
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
  const EqTables eq(*kernels_, rho_, left - 1);
  const bool all = !claim_ || rho.is_zero();
  const std::vector<Fr> totals = chunk_totals(
      *kernels_, columns_.pair_blocks(), columns_.count(), 4,
      [&](std::size_t chunk, std::size_t first, std::size_t blocks, Limb* own) {
        columns_.fold_chunk(first, blocks);
        add_chunk(eq, all ? Points::zero_top_one : Points::zero_top, chunk, first, blocks, own);
      });
  columns_.finish();
  const Fr q0 = totals[0] + waiting_, top = totals[1];
  const Fr q1 = all ? totals[2] + waiting_
                    : (*claim_ - (Fr::one() - rho) * q0) * rho_inverse_[bound_];
  const Fr plain0 = totals[3] + waiting_plain_ * power_ * kHalf;
  values_ = {q0, q1, top, plain0, plain_claim_ - plain0};
}

void ZeroCheck::add_chunk(const EqTables& eq, Points points, std::size_t chunk, std::size_t first,
                          std::size_t blocks, Limb* totals) const {
  const std::size_t offset = first * kernels_->words, size = blocks * kernels_->words;
  const auto moved = [&](const Limb* at) { return at ? at + offset : nullptr; };
  const Limb *linear0 = moved(columns_.low(linear_)), *linear1 = moved(columns_.high(linear_));
  const Limb* plain0 = moved(columns_.low(plain_));
  Vector read_out;
  std::vector<PairView> views;
  std::size_t held = 0;
  const auto add = [&] {
    if (views.empty() && !linear0 && !plain0) return;
    kernels_->zero_chunk({.pairs = views.data(),
                          .count = views.size(),
                          .linear0 = linear0,
                          .linear1 = linear1,
                          .plain0 = plain0,
                          .eq_low = eq.low.data(),
                          .eq_high = eq.high.data(),
                          .chunk = chunk,
                          .blocks = blocks,
                          .points = points,
                          .totals = totals});
    linear0 = linear1 = plain0 = nullptr;
    views.clear();
    held = 0;
  };
  // The halves of a column; memory of its own for one that is not written out.
  const auto halves = [&](std::size_t column) -> std::pair<const Limb*, const Limb*> {
    if (!columns_.lazy(column)) {
      return {moved(columns_.low(column)), moved(columns_.high(column))};
    }
    if (!read_out.kernels) {
      read_out = Vector::raw(*kernels_, 4 * kLazyPairs * blocks * kernels_->lanes);
    }
    Limb* out = read_out.data() + 2 * held++ * size;
    columns_.read(column, out, first, blocks);
    return {out, out + size};
  };
  for (const Pair& pair : pairs_) {
    if (columns_.idle(pair.a, first, blocks) || columns_.idle(pair.b, first, blocks)) continue;
    if (held + 2 > 2 * kLazyPairs) add();
    const auto [a0, a1] = halves(pair.a);
    const auto [b0, b1] = halves(pair.b);
    views.push_back({a0, a1, b0, b1, columns_.scale(pair.a)});
  }
  add();
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

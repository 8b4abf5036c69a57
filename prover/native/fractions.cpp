// The tree's layers and the rounds of one after the other.
#include "fractions.hpp"

#include <cstring>
#include <stdexcept>

#include "chunks.hpp"
#include "scalar.hpp"

namespace avow::native {

namespace {

// Vectors are as long as whole groups of so many; fewer than half of them are points in scalars.
constexpr std::size_t kUnit = 32;

std::size_t rounded(std::size_t count, std::size_t unit) { return (count + unit - 1) / unit * unit; }

// Writes one value from a place on a block's boundary to the end.
void fill(Vector& vector, std::size_t from, const Fr& value) {
  const Kernels& kernels = *vector.kernels;
  if (from >= vector.size) return;
  const std::vector<Fr> same(kernels.lanes, value);
  const Vector pattern = vector_of(kernels, same);
  for (std::size_t at = from / kernels.lanes; at < vector.blocks(); ++at) {
    std::memcpy(vector.block(at), pattern.data(), kernels.words * sizeof(Limb));
  }
}

// A copy with the value behind it.
Vector padded(const Vector& source, const Fr& value) {
  const Kernels& kernels = *source.kernels;
  Vector out = Vector::raw(kernels, rounded(source.size, kUnit));
  const std::size_t whole = source.size / kernels.lanes;
  fill(out, whole * kernels.lanes, value);
  copy_elements(kernels, out.data(), 0, source.data(), 0, source.size);
  return out;
}

// sum of eq(point, x) over the first `count` corners.
Fr eq_of_first(std::span<const Fr> point, std::size_t count) {
  Fr total, path = Fr::one();
  for (std::size_t i = 0; i < point.size(); ++i) {
    if (count >> point.size() & 1) return Fr::one();
    const Fr with = path * point[i], without = path - with;
    if (count >> (point.size() - 1 - i) & 1) {
      total += without;
      path = with;
    } else {
      path = without;
    }
  }
  return point.empty() && count ? Fr::one() : total;
}

}  // namespace

FractionTree::FractionTree(const Vector& p, const Vector& q) : kernels_(p.kernels) {
  check_same_backend(p, q);
  check_same_size(p, q);
  if (p.size < 2) throw std::invalid_argument("FractionTree: expected at least two leaves");
  std::size_t depth = 0;
  while (std::size_t(1) << depth < p.size) ++depth;
  layers_.resize(depth + 1);
  layers_[depth] = {padded(p, Fr()), padded(q, Fr::one()), p.size};
  for (std::size_t k = depth; k-- > 1;) {
    const Layer& below = layers_[k + 1];
    Layer& own = layers_[k];
    own.count = (below.count + 1) / 2;
    const std::size_t made = below.p.size / 2, size = rounded(own.count, kUnit);
    own.p = Vector::raw(*kernels_, size);
    own.q = Vector::raw(*kernels_, size);
    over_blocks(*kernels_, made / kernels_->lanes, [&](std::size_t begin, std::size_t end) {
      kernels_->add_fractions(own.p.block(begin), own.q.block(begin), below.p.block(2 * begin),
                              below.q.block(2 * begin), end - begin);
    });
    fill(own.p, made, Fr());
    fill(own.q, made, Fr::one());
  }
}

std::array<Fr, 4> FractionTree::nodes() {
  if (left_) throw std::invalid_argument("FractionTree: not all variables are bound");
  if (layer_ == 0) {
    const Layer& top = layers_[1];
    return {node(top.p, 0), node(top.p, 1), node(top.q, 0), node(top.q, 1)};
  }
  std::array<Fr, 4> out;
  for (std::size_t k = 0; k < 4; ++k) {
    out[k] = few_[k][0];
    if (r_) out[k] += *r_ * (few_[k][1] - few_[k][0]);
  }
  out[0] -= mu_ * out[2];
  return out;
}

void FractionTree::descend(const Fr& u, const Fr& mu) {
  if (layer_ + 1 >= depth()) throw std::invalid_argument("FractionTree: these are the leaves");
  const std::array<Fr, 4> last = nodes();
  const Fr p = last[0] + u * (last[1] - last[0]), q = last[2] + u * (last[3] - last[2]);
  point_.assign(drawn_.rbegin(), drawn_.rend());
  point_.push_back(u);
  inverse_ = inverses(point_);
  drawn_.clear();
  layers_[layer_ + 1] = Layer();
  left_ = ++layer_;
  mu_ = mu;
  claim_ = p + mu * q;
  open_ = true;
  r_.reset();
  round_.reset();
}

void FractionTree::to_scalars() {
  for (auto& few : few_) few.clear();
  const std::size_t points = std::size_t(1) << left_;
  if (open_) {
    const Layer& below = layers_[layer_ + 1];
    for (std::size_t x = 0; x < points; ++x) {
      few_[2].push_back(node(below.q, 2 * x));
      few_[3].push_back(node(below.q, 2 * x + 1));
      few_[0].push_back(node(below.p, 2 * x) + mu_ * few_[2].back());
      few_[1].push_back(node(below.p, 2 * x + 1));
    }
    return;
  }
  for (std::size_t k = 0; k < 4; ++k) {
    for (std::size_t x = 0; x < 2 * points; ++x) few_[k].push_back(now_[k].element(x));
  }
}

std::array<Fr, 3> FractionTree::sums_of_scalars() {
  if (open_ || now_[0].kernels) to_scalars();
  now_ = spare_ = {};
  const std::size_t points = std::size_t(1) << left_;
  if (r_) {
    for (auto& few : few_) {
      for (std::size_t x = 0; x < points; ++x) {
        few[x] = few[2 * x] + *r_ * (few[2 * x + 1] - few[2 * x]);
      }
      few.resize(points);
    }
  }
  std::vector<Fr> eq = {Fr::one()};
  for (std::size_t i = 0; i + 1 < left_; ++i) {
    eq.resize(2 * eq.size());
    for (std::size_t x = eq.size() / 2; x-- > 0;) {
      eq[2 * x + 1] = eq[x] * point_[i];
      eq[2 * x] = eq[x] - eq[2 * x + 1];
    }
  }
  std::array<Fr, 3> out;
  for (std::size_t x = 0; x < points / 2; ++x) {
    std::array<Fr, 4> zero, one, slope;
    for (std::size_t k = 0; k < 4; ++k) {
      zero[k] = few_[k][2 * x];
      one[k] = few_[k][2 * x + 1];
      slope[k] = one[k] - zero[k];
    }
    out[0] += eq[x] * (zero[0] * zero[3] + zero[1] * zero[2]);
    out[1] += eq[x] * (slope[0] * slope[3] + slope[1] * slope[2]);
    out[2] += eq[x] * (one[0] * one[3] + one[1] * one[2]);
  }
  return out;
}

std::array<Fr, 3> FractionTree::sums_of_vectors(bool all) {
  const Layer& below = layers_[layer_ + 1];
  count_ = ((open_ ? below.count : count_) + 1) / 2;
  const std::size_t made = rounded(count_, kUnit / 2), size = rounded(count_, kUnit);
  for (Vector& one : spare_) one = Vector::raw(*kernels_, size);
  const Prepared by(*kernels_, open_ ? mu_ : *r_);
  const std::span<const Fr> rest(point_.data(), left_ - 1);
  const EqTables eq(*kernels_, rest, left_ - 1);
  const std::vector<Fr> totals = chunk_totals(
      *kernels_, made / 2 / kernels_->lanes, 4, 3,
      [&](std::size_t chunk, std::size_t, std::size_t blocks, Limb* own) {
        FractionChunk work{.from = {below.p.data(), below.q.data()},
                           .to = {},
                           .by = by.table,
                           .open = open_,
                           .eq_low = eq.low.data(),
                           .eq_high = eq.high.data(),
                           .chunk = chunk,
                           .blocks = blocks,
                           .all = all,
                           .totals = own};
        for (std::size_t k = 0; k < 4; ++k) {
          if (!open_) work.from[k] = now_[k].data();
          work.to[k] = spare_[k].storage->data();
        }
        kernels_->fraction_chunk(work);
      });
  const std::array<Fr, 4> behind = {mu_, Fr(), Fr::one(), Fr::one()};
  for (std::size_t k = 0; k < 4; ++k) fill(spare_[k], made, behind[k]);
  std::swap(now_, spare_);
  const Fr tail = mu_ * (Fr::one() - eq_of_first(rest, made / 2));
  return {totals[0] + tail, totals[1], totals[2] + tail};
}

void FractionTree::evaluate() {
  if (left_ == 0) throw std::invalid_argument("FractionTree: all variables are bound");
  const Fr& rho = point_[left_ - 1];
  const bool few = std::size_t(1) << left_ < kUnit / 2;
  const auto [at_zero, top, at_one] = few ? sums_of_scalars() : sums_of_vectors(rho.is_zero());
  open_ = false;
  // The claim is (1 - rho) q(0) + rho q(1).
  const Fr slope = rho.is_zero() ? at_one - at_zero : (claim_ - at_zero) * inverse_[left_ - 1];
  round_ = Round{at_zero, slope, top};
}

std::array<Fr, 2> FractionTree::round() {
  if (!round_) evaluate();
  return {round_->slope, round_->top};
}

void FractionTree::bind(const Fr& x) {
  if (!round_) evaluate();
  claim_ = round_->at_zero + x * (round_->slope - round_->top + x * round_->top);
  drawn_.push_back(x);
  r_ = x;
  --left_;
  round_.reset();
}

}  // namespace avow::native

// The tree's layers and the rounds of one after the other.
#include "fractions.hpp"

#include <algorithm>
#include <bit>
#include <cstring>
#include <stdexcept>

#include "chunks.hpp"
#include "scalar.hpp"

namespace avow::native {

namespace {

// Fewer points than this are bound in scalars.
constexpr std::size_t kFew = 16;
// Blocks whose parents are made at once.
constexpr std::size_t kParents = 32;

// Writes one value in all lanes of a block.
void fill(const Kernels& kernels, Limb* block, const Fr& value) {
  const std::vector<Fr> same(kernels.lanes, value);
  std::memcpy(block, vector_of(kernels, same).data(), kernels.words * sizeof(Limb));
}

Limb* room_of(const Vector& room) { return room.kernels ? room.storage->data() : nullptr; }

// That of blocks that two blocks each are made into.
unsigned halved(unsigned stride) { return stride ? stride - 1 : 0; }

// Gives every block that repeats nothing a place; returns how many there are.
std::size_t place(std::vector<std::int32_t>& slots) {
  std::int32_t next = 0;
  for (std::int32_t& slot : slots) {
    if (slot >= 0) slot = next++;
  }
  return std::size_t(next);
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

FractionTree::FractionTree(Factor p, Factor q, unsigned stride)
    : kernels_(p.shape().kernels), leaves_(std::move(p), std::move(q), stride) {
  std::size_t depth = 0;
  while (std::size_t(1) << depth < leaves_.blocks().count) ++depth;
  layers_.resize(depth);
  // Each is made of the one below as if that were being summed.
  for (layer_ = depth; --layer_ > 0;) layers_[layer_] = parents();
  constants_ = constants_of(blocks_below());
}

const FractionBlocks& FractionTree::blocks_below() const {
  return layer_ + 1 == depth() ? leaves_.blocks() : layers_[layer_ + 1];
}

// p and q of every constant.
Vector FractionTree::constants_of(const FractionBlocks& blocks) const {
  Vector out = Vector::raw(*kernels_, 2 * blocks.constants.size() * kernels_->lanes);
  for (std::size_t k = 0; k < blocks.constants.size(); ++k) {
    fill(*kernels_, out.block(2 * k), Fr());
    fill(*kernels_, out.block(2 * k + 1), blocks.constants[k]);
  }
  return out;
}

void FractionTree::read_below(std::size_t first, std::size_t count, Limb* room,
                              FractionBlock* out) const {
  if (layer_ + 1 == depth()) return leaves_.read(first, count, constants_.data(), room, out);
  const Layer& below = layers_[layer_ + 1];
  for (std::size_t i = 0; i < count; ++i) {
    const std::int32_t slot = below.slot(first + i);
    const Vector& from = slot < 0 ? constants_ : below.stored;
    const Limb* at = from.block(2 * std::size_t(slot < 0 ? ~slot : slot));
    out[i] = {at, at + kernels_->words};
  }
}

FractionTree::Layer FractionTree::parents() {
  const FractionBlocks& below = blocks_below();
  constants_ = constants_of(below);
  Layer own;
  own.count = (below.count + 1) / 2;
  own.stride = halved(below.stride);
  own.slots.resize(grouped(*kernels_, own.count, own.stride));
  for (std::size_t b = 0; b < own.slots.size(); ++b) own.slots[b] = below.same(2 * b, 2);
  for (const Fr& one : below.constants) own.constants.push_back(one * one);
  own.stored = Vector::raw(*kernels_, 2 * kernels_->lanes * place(own.slots));
  over_blocks(*kernels_, own.slots.size(), [&](std::size_t begin, std::size_t end) {
    std::array<Limb*, kParents> to;
    std::array<FractionBlock, 2 * kParents> from;
    const Vector room = room_for(2 * kParents);
    for (std::size_t b = begin; b < end; b += kParents) {
      const std::size_t some = std::min(kParents, end - b);
      for (std::size_t i = 0; i < some; ++i) {
        const std::int32_t slot = own.slots[b + i];
        to[i] = slot < 0 ? nullptr : own.stored.block(2 * std::size_t(slot));
      }
      read_below(2 * b, 2 * some, room_of(room), from.data());
      kernels_->add_fractions(to.data(), from.data(), some, below.stride > 0,
                              constants_.block(1));
    }
  });
  return own;
}

// Memory for so many blocks of leaves; none where those of another layer are read.
Vector FractionTree::room_for(std::size_t blocks) const {
  const std::size_t needed = layer_ + 1 == depth() ? leaves_.room(blocks) : 0;
  return needed ? Vector::raw(*kernels_, needed / kernels_->words * kernels_->lanes) : Vector();
}

// p and q of a node of the layer below.
std::array<Fr, 2> FractionTree::node(std::size_t index) const {
  const std::size_t lanes = kernels_->lanes;
  const auto [block, lane] = blocks_below().place(index, lanes);
  const Vector room = room_for(1);
  FractionBlock found;
  read_below(block, 1, room_of(room), &found);
  Vector both = Vector::raw(*kernels_, 2 * lanes);
  std::memcpy(both.block(0), found.p, kernels_->words * sizeof(Limb));
  std::memcpy(both.block(1), found.q, kernels_->words * sizeof(Limb));
  return {both.element(lane), both.element(lanes + lane)};
}

std::array<Fr, 4> FractionTree::nodes() {
  if (left_) throw std::invalid_argument("FractionTree: not all variables are bound");
  if (layer_ == 0) {
    const auto [p0, q0] = node(0);
    const auto [p1, q1] = node(1);
    return {p0, p1, q0, q1};
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
  left_ = ++layer_;
  layers_[layer_] = Layer();
  mu_ = mu;
  claim_ = p + mu * q;
  constants_ = constants_of(blocks_below());
  points_ = Vector::raw(*kernels_, 2 * constants_.size);
  for (std::size_t k = 0; k < blocks_below().constants.size(); ++k) {
    const Fr& own = blocks_below().constants[k];
    const std::array<Fr, 4> values = {mu_ * own, Fr(), own, own};
    for (std::size_t i = 0; i < 4; ++i) fill(*kernels_, points_.block(4 * k + i), values[i]);
  }
  open_ = true;
  r_.reset();
  round_.reset();
}

// Those that are still to be folded, where a challenge waits.
void FractionTree::to_scalars() {
  for (auto& few : few_) few.clear();
  const std::size_t points = std::size_t(1) << (left_ + (r_ ? 1 : 0)), lanes = kernels_->lanes;
  for (std::size_t x = 0; x < points; ++x) {
    if (open_) {
      const auto [p0, q0] = node(2 * x);
      const auto [p1, q1] = node(2 * x + 1);
      const std::array<Fr, 4> values = {p0 + mu_ * q0, p1, q0, q1};
      for (std::size_t k = 0; k < 4; ++k) few_[k].push_back(values[k]);
      continue;
    }
    const auto [block, lane] = now_.place(x, lanes);
    const std::int32_t slot = now_.slot(block);
    const Vector& from = slot < 0 ? points_ : now_.stored;
    const std::size_t at = 4 * std::size_t(slot < 0 ? ~slot : slot);
    for (std::size_t k = 0; k < 4; ++k) {
      few_[k].push_back(from.element((at + k) * lanes + lane));
    }
  }
}

std::array<Fr, 3> FractionTree::sums_of_scalars() {
  if (open_ || now_.stored.kernels) to_scalars();
  now_ = {};
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

// Where the points go that this round folds; in the first one they are not kept.
FractionTree::Layer FractionTree::folded() const {
  Layer own;
  const FractionBlocks& below = blocks_below();
  own.count = (count_ + 1) / 2;
  own.stride = halved(open_ ? halved(below.stride) : now_.stride);
  // Whole pairs of blocks.
  const std::size_t blocks = 2 * grouped(*kernels_, (own.count + 1) / 2, halved(own.stride));
  own.slots.resize(blocks);
  for (std::size_t b = 0; b < blocks; ++b) {
    own.slots[b] = open_ ? below.same(4 * b, 4) : now_.same(2 * b, 2);
  }
  own.stored = Vector::raw(*kernels_, 4 * kernels_->lanes * place(own.slots));
  return own;
}

std::array<Fr, 3> FractionTree::sums_of_vectors(bool all) {
  const FractionBlocks& below = blocks_below();
  const std::size_t lanes = kernels_->lanes, each = kernels_->chunk_blocks;
  const unsigned before = open_ ? below.stride : now_.stride;
  Layer next = r_ ? folded() : Layer();
  count_ = r_ ? next.count : (below.count + 1) / 2;
  const unsigned stride = halved(r_ ? next.stride : halved(below.stride));
  const std::size_t pairs = grouped(*kernels_, (count_ + 1) / 2, stride);
  const Prepared by_mu(*kernels_, mu_);
  const std::optional<Prepared> by_r =
      r_ ? std::optional<Prepared>(std::in_place, *kernels_, *r_) : std::nullopt;
  const std::span<const Fr> rest(point_.data(), left_ - 1);
  // In the order of the blocks: the variables of the lanes come last.
  std::vector<Fr> arranged(rest.begin(), rest.end());
  std::rotate(arranged.end() - stride - std::bit_width(lanes - 1), arranged.end() - stride,
              arranged.end());
  const EqTables eq(*kernels_, arranged, left_ - 1);
  // Blocks of nodes, or of points, that a pair of blocks of points is made of.
  const std::size_t many = r_ && open_ ? 8 : 4;
  const std::vector<Fr> totals = chunk_totals(
      *kernels_, pairs, 4, 3 + below.constants.size(),
      [&](std::size_t chunk, std::size_t first, std::size_t blocks, Limb* own) {
        const Vector room = open_ ? room_for(many * each) : Vector();
        std::vector<FractionBlock> nodes(open_ ? many * blocks : 0);
        std::vector<const Limb*> points(open_ ? 0 : many * blocks);
        std::vector<Limb*> to(r_ ? 2 * blocks : 0);
        std::vector<std::int32_t> same(blocks, -1);
        if (open_) read_below(many * first, many * blocks, room_of(room), nodes.data());
        for (std::size_t i = 0; i < points.size(); ++i) {
          const std::int32_t slot = now_.slot(many * first + i);
          const Vector& from = slot < 0 ? points_ : now_.stored;
          points[i] = from.block(4 * std::size_t(slot < 0 ? ~slot : slot));
        }
        for (std::size_t b = 0; b < blocks; ++b) {
          const std::int32_t one = r_ ? next.same(2 * (first + b), 2) : below.same(4 * (first + b), 4);
          if (one < 0) same[b] = ~one;
        }
        for (std::size_t i = 0; i < to.size(); ++i) {
          const std::int32_t slot = next.slot(2 * first + i);
          to[i] = slot < 0 ? nullptr : next.stored.block(4 * std::size_t(slot));
        }
        kernels_->fraction_chunk({.below = open_ ? nodes.data() : nullptr,
                                  .one = constants_.block(1),
                                  .points = points.data(),
                                  .to = r_ ? to.data() : nullptr,
                                  .same = same.data(),
                                  .apart = before,
                                  .mu = by_mu.table,
                                  .r = by_r ? by_r->table : nullptr,
                                  .eq_low = eq.low.data(),
                                  .eq_high = eq.high.data(),
                                  .chunk = chunk,
                                  .blocks = blocks,
                                  .all = all,
                                  .totals = own});
      });
  if (r_) now_ = std::move(next);
  // Of 0 / c every value of the sum is mu c^2, at 0 and at 1.
  Fr tail = Fr::one() - eq_of_first(rest, pairs * lanes);
  for (std::size_t k = 0; k < below.constants.size(); ++k) {
    tail += below.constants[k] * below.constants[k] * totals[3 + k];
  }
  tail *= mu_;
  return {totals[0] + tail, totals[1], totals[2] + tail};
}

void FractionTree::evaluate() {
  if (left_ == 0) throw std::invalid_argument("FractionTree: all variables are bound");
  const Fr& rho = point_[left_ - 1];
  const bool few = std::size_t(1) << left_ < kFew;
  const auto [at_zero, top, at_one] = few ? sums_of_scalars() : sums_of_vectors(rho.is_zero());
  // Made anew, and folded, in the second round: then they are half as many to be kept.
  if (few || r_) open_ = false;
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

// Finds the blocks of leaves that are alike, and reads the others.
#include "fraction_leaves.hpp"

#include <algorithm>
#include <map>
#include <stdexcept>

#include "parts.hpp"

namespace avow::native {

namespace {

// More constants than this are not worth the table: their blocks are read like any other.
constexpr std::size_t kMostConstants = 64;
// Of a block that repeats nothing, and of one whose every p is 1.
constexpr std::int32_t kNothing = -2, kOnes = -3;
// Its slot.
constexpr std::int32_t kOnesSlot = 1;

}  // namespace

FractionLeaves::FractionLeaves(Factor p, Factor q, unsigned stride)
    : kernels_(p.shape().kernels) {
  const std::size_t size = p.size(), lanes = kernels_->lanes;
  check_same_size(p.shape(), q.shape());
  if (size < 2) throw std::invalid_argument("FractionTree: expected at least two leaves");
  if (lanes == 1) stride = 0;
  while (stride && lanes << stride > size) --stride;
  blocks_.count = size;
  blocks_.constants = {Fr::one()};
  blocks_.stride = stride;
  blocks_.slots.assign(grouped(*kernels_, size, stride), 0);
  p_ = std::move(p);
  q_ = std::move(q);
  arrange();
  if (p_.lazy) find_same();
}

// Elements in the order of the blocks, 0 / 1 behind them.
void FractionLeaves::arrange() {
  const std::size_t lanes = kernels_->lanes, size = blocks_.slots.size() * lanes;
  auto top = std::dynamic_pointer_cast<const Picked>(p_.lazy);
  auto bottom = std::dynamic_pointer_cast<const Picked>(q_.lazy);
  const bool picked = top && bottom && top->index() == bottom->index() &&
                      top->table().size == bottom->table().size;
  if (!picked) {
    p_.write();
    q_.write();
    if (blocks_.stride == 0 && p_.size() == size) return;
    const auto every = std::make_shared<Indices>(blocks_.count);
    for (std::size_t i = 0; i < blocks_.count; ++i) every->data()[i] = std::int32_t(i);
    top = std::make_shared<const Picked>(p_.vector, every, -1);
    bottom = std::make_shared<const Picked>(q_.vector, every, -1);
  }
  const auto index = std::make_shared<Indices>(size);
  const Indices& from = *top->index();
  const auto end = std::int32_t(top->table().size);
  const std::size_t group = lanes << blocks_.stride;
  const std::size_t grain = std::max<std::size_t>(1, kGrain / group);
  parallel_for(size / group, grain, [&](std::size_t begin, std::size_t stop) {
    for (std::size_t first = begin * group; first < stop * group; first += group) {
      std::int32_t* to = index->data() + first;
      for (std::size_t l = 0; l < std::size_t(1) << blocks_.stride; ++l) {
        for (std::size_t i = 0; i < lanes; ++i) {
          const std::size_t at = first + (i << blocks_.stride) + l;
          *to++ = at < blocks_.count ? from.data()[at] : end;
        }
      }
    }
  });
  p_.lazy = top->with(Fr(), index);
  q_.lazy = bottom->with(Fr::one(), index);
  if (picked) return;
  p_.write();
  q_.write();
}

// Of each element of the table of numerators whether it is 1.
std::vector<std::uint8_t> FractionLeaves::find_ones() const {
  const Vector& table = static_cast<const Picked&>(*p_.lazy).table();
  constexpr std::size_t kBytes = 32;
  std::vector<std::uint8_t> bytes(kBytes * table.size), one(kBytes), found(table.size);
  const Fr unit = Fr::one();
  vector_to_bytes(vector_of(*kernels_, {&unit, 1}), one.data());
  vector_to_bytes(table, bytes.data());
  for (std::size_t i = 0; i < table.size; ++i) {
    found[i] = std::equal(one.begin(), one.end(), bytes.begin() + kBytes * i);
  }
  return found;
}

// A block of zeros over one element of a table, or of ones over any.
void FractionLeaves::find_same() {
  const std::size_t lanes = kernels_->lanes;
  std::vector<std::int32_t>& slots = blocks_.slots;
  const std::vector<std::uint8_t> ones = find_ones();
  const std::int32_t* index = static_cast<const Picked&>(*p_.lazy).index()->data();
  over_blocks(*kernels_, slots.size(), [&](std::size_t begin, std::size_t end) {
    for (std::size_t b = begin; b < end; ++b) {
      const std::int32_t* own = index + b * lanes;
      const auto is_one = [&](std::int32_t at) { return at >= 0 && ones[std::size_t(at)]; };
      slots[b] = std::all_of(own, own + lanes, is_one)
                     ? kOnes
                     : q_.lazy->same(b * lanes, lanes).value_or(kNothing);
    }
  });
  std::map<std::int32_t, std::int32_t> known{{kNothing, 0}, {kOnes, kOnesSlot}};
  Vector one = Vector::raw(*kernels_, lanes);
  std::int32_t last = kNothing, slot = 0;
  for (std::size_t b = 0; b < slots.size(); ++b) {
    const std::int32_t same = slots[b];
    if (same != last) {
      last = same;
      auto found = known.find(same);
      if (found == known.end()) {
        p_.lazy->read(one.data(), b * lanes, lanes);
        found = known.emplace(same, 0).first;
        if (one.element(0).is_zero() && blocks_.constants.size() < kMostConstants) {
          q_.lazy->read(one.data(), b * lanes, lanes);
          found->second = ~std::int32_t(blocks_.constants.size());
          blocks_.constants.push_back(one.element(0));
        }
      }
      slot = found->second;
    }
    slots[b] = slot;
  }
}

void FractionLeaves::read(std::size_t first, std::size_t count, const Limb* constants, Limb* room,
                          FractionBlock* out) const {
  const std::size_t words = kernels_->words, lanes = kernels_->lanes;
  for (std::size_t i = 0; i < count;) {
    const std::size_t b = first + i;
    if (const std::int32_t slot = blocks_.slot(b); slot < 0) {
      const Limb* at = constants + 2 * std::size_t(~slot) * words;
      out[i++] = {at, at + words};
      continue;
    }
    // As many at once as there are.
    const std::int32_t slot = blocks_.slot(b);
    std::size_t some = 1;
    while (i + some < count && blocks_.slot(b + some) == slot) ++some;
    const auto place = [&](const Factor& factor) -> const Limb* {
      if (!factor.lazy) return factor.vector.block(b);
      Limb* own = room;
      room += some * words;
      factor.lazy->read(own, b * lanes, some * lanes);
      return own;
    };
    const bool ones = slot == kOnesSlot;
    const Limb *p = ones ? constants + words : place(p_), *q = place(q_);
    for (std::size_t k = 0; k < some; ++k) out[i + k] = {ones ? p : p + k * words, q + k * words};
    i += some;
  }
}

}  // namespace avow::native

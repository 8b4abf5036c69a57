// Reading, adding up and folding what is not written out.
#include "lazy.hpp"

#include <algorithm>
#include <stdexcept>
#include <string>

#include "parts.hpp"
#include "scalar.hpp"

namespace avow::native {

namespace {

// In 32 bits; empty where one does not fit.
template <class Int>
std::vector<std::int32_t> narrowed(const void* data, std::size_t count) {
  const Int* values = static_cast<const Int*>(data);
  std::vector<std::int32_t> out(count);
  Int lost = 0;
  for (std::size_t i = 0; i < count; ++i) {
    // Once, because the caller's memory may change.
    const Int value = values[i];
    out[i] = std::int32_t(value);
    lost = Int(lost | (value ^ Int(out[i])));
  }
  if (lost) out.clear();
  return out;
}

}  // namespace

Vector Lazy::written() const {
  const Kernels& kernels = *kernels_;
  Vector out = Vector::raw(kernels, size());
  over_blocks(kernels, out.blocks(), [&](std::size_t begin, std::size_t end) {
    const std::size_t first = begin * kernels.lanes;
    read(out.block(begin), first, std::min(end * kernels.lanes, size()) - first);
  });
  return out;
}

Picked::Picked(Vector table, Index index, std::int32_t rest)
    : Lazy(*table.kernels), table_(std::move(table)), index_(std::move(index)), rest_(rest) {
  if (table_.size == 0) throw std::invalid_argument("Picked: expected a table that is not empty");
  check_indices({index_->data(), index_->size()}, table_.size, "Picked");
  check_indices({&rest_, 1}, table_.size, "Picked, rest");
}

void Picked::read(Limb* out, std::size_t first, std::size_t count) const {
  kernels().pick(out, table_.data(), index_->data() + first, rest_, count);
}

bool Picked::nothing(std::size_t first, std::size_t count) const {
  if (rest_ >= 0) return false;
  // -1 has every bit, no other index has the highest one.
  std::int32_t all = -1;
  for (std::size_t i = first; i < first + count; ++i) all &= index_->data()[i];
  return all == -1;
}

std::optional<std::int32_t> Picked::same(std::size_t first, std::size_t count) const {
  const std::int32_t* at = index_->data() + first;
  std::int32_t different = 0;
  for (std::size_t i = 1; i < count; ++i) different |= at[i] ^ at[0];
  return different ? std::nullopt : std::optional(at[0]);
}

std::shared_ptr<const Picked> Picked::with(const Fr& behind, Index index) const {
  Vector table = Vector::raw(kernels(), table_.size + 1);
  set_range(table, 0, table_);
  set_range(table, table_.size, vector_of(kernels(), {&behind, 1}));
  return std::shared_ptr<const Picked>(
      new Picked(kernels(), std::move(table), std::move(index), rest_));
}

std::size_t Picked::runs(const Vector& weights, const char* name) const {
  if (rest_ >= 0) {
    throw std::invalid_argument(std::string(name) + ": expected nothing in place of -1");
  }
  check_same_backend(table_, weights);
  if (weights.size == 0 || size() % weights.size) {
    throw std::invalid_argument(std::string(name) + ": expected a divisor of " +
                                std::to_string(size()) + " weights, got " +
                                std::to_string(weights.size));
  }
  return size() / weights.size;
}

Vector Picked::dots(const Vector& weights) const {
  std::vector<Limbs> sums(runs(weights, "dots"));
  const std::size_t grain = std::max<std::size_t>(1, kGrain / weights.size);
  parallel_for(sums.size(), grain, [&](std::size_t begin, std::size_t end) {
    for (std::size_t k = begin; k < end; ++k) {
      kernels().dot_picked(sums[k].data(), table_.data(), index_->data() + k * weights.size,
                           weights.data(), weights.size);
    }
  });
  return vector_of_canonical(kernels(), sums);
}

Vector Picked::fold_rows(const Vector& weights) const {
  const std::size_t columns = runs(weights, "fold_rows"), lanes = kernels().lanes;
  Vector out = Vector::raw(kernels(), columns);
  const std::size_t grain = std::max<std::size_t>(1, kGrain / weights.size / lanes);
  parallel_for(out.blocks(), grain, [&](std::size_t begin, std::size_t end) {
    const std::size_t first = begin * lanes;
    kernels().fold_picked(out.block(begin), table_.data(), index_->data() + first, weights.size,
                          columns, weights.data(), std::min(end * lanes, columns) - first);
  });
  return out;
}

Integers::Integers(const Kernels& kernels, Ints ints, std::size_t count)
    : Lazy(kernels), count_(count) {
  switch (ints.kind) {
    case IntKind::int8:
      narrow_ = narrowed<std::int8_t>(ints.data, count);
      break;
    case IntKind::int16:
      narrow_ = narrowed<std::int16_t>(ints.data, count);
      break;
    case IntKind::int32:
      narrow_ = narrowed<std::int32_t>(ints.data, count);
      break;
    case IntKind::int64:
      narrow_ = narrowed<std::int64_t>(ints.data, count);
      break;
  }
  if (narrow_.size() == count) return;
  const auto* values = static_cast<const std::int64_t*>(ints.data);
  wide_.assign(values, values + count);
}

void Integers::read(Limb* out, std::size_t first, std::size_t count) const {
  static const Scalar one(Fr::one()), zero{Fr()};
  const bool wide = !wide_.empty();
  const Ints ints{wide ? static_cast<const void*>(wide_.data()) : narrow_.data(),
                  wide ? IntKind::int64 : IntKind::int32};
  kernels().of_ints(out, ints, first, count, one, zero);
}

bool Integers::nothing(std::size_t first, std::size_t count) const {
  std::int64_t any = 0;
  if (wide_.empty()) {
    for (std::size_t i = first; i < first + count; ++i) any |= narrow_[i];
  } else {
    for (std::size_t i = first; i < first + count; ++i) any |= wide_[i];
  }
  return any == 0;
}

void add_scaled(Vector& a, const Lazy& b, const Fr& by) {
  const Kernels& kernels = *a.kernels;
  if (&kernels != &b.kernels() || a.size != b.size()) {
    throw std::invalid_argument("vectors: expected one backend and one length");
  }
  const Scalar factor(by);
  over_blocks(kernels, a.blocks(), [&](std::size_t begin, std::size_t end) {
    const std::size_t each = kernels.chunk_blocks, lanes = kernels.lanes;
    Vector read;
    for (std::size_t block = begin; block < end; block += each) {
      const std::size_t some = std::min(each, end - block), first = block * lanes;
      const std::size_t count = std::min(some * lanes, a.size - first);
      if (b.nothing(first, count)) continue;
      if (!read.kernels) read = Vector::raw(kernels, each * lanes);
      b.read(read.data(), first, count);
      kernels.addmul(a.block(block), read.data(), factor, some);
    }
  });
}

}  // namespace avow::native

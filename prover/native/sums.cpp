// Halves every segment in each round, so that all additions of a round are independent.
#include "sums.hpp"

#include <cstring>
#include <new>
#include <stdexcept>

namespace avow::native {

namespace {

// The points that are copied are canonical, so the negated y is a plain difference of integers.
void copy(const StoredPoint& from, StoredPoint& to, bool negated) {
  to = from;
  if (!negated) return;
  Limbs y;
  std::memcpy(y.data(), from.words + 4, sizeof y);
  limbs::sub(y, FqModulus::p, y);
  std::memcpy(to.words + 4, y.data(), sizeof y);
}

}  // namespace

PointSums::PointSums(const PointKernels& kernels)
    : kernels_(kernels), scratch_(new (std::align_val_t(64)) std::uint8_t[kernels.scratch]) {}

std::uint32_t PointSums::reserve(std::size_t count) {
  const std::size_t first = slots_.size();
  if (first + count >= kNegated) throw std::bad_alloc();
  slots_.resize(first + count);
  return std::uint32_t(first);
}

void PointSums::add(const StoredPoint* from) {
  if (pairs_.empty()) return;
  const Limb* words = from ? from->words : slots_.data()->words;
  if (kernels_.add(words, slots_.data()->words, pairs_.data(), pairs_.size(), careful_,
                   scratch_.get())) {
    careful_ = true;
  }
  pairs_.clear();
}

// Adds the second half of a segment to the first, where it lies.
void PointSums::halve(Segment& segment) {
  const std::uint32_t half = segment.size / 2, rest = segment.size - half;
  for (std::uint32_t i = 0; i < half; ++i) {
    const std::uint32_t at = segment.first + i;
    pairs_.push_back({at, at + rest, at});
  }
  segment.size = rest;
}

void PointSums::finish(std::vector<Segment>& segments) {
  while (!segments.empty()) {
    for (Segment& segment : segments) halve(segment);
    add(nullptr);
    std::erase_if(segments, [](const Segment& segment) { return segment.size == 1; });
  }
}

std::vector<std::uint32_t> PointSums::sum(const StoredPoint* from,
                                          std::span<const std::uint32_t> refs,
                                          std::span<const std::uint32_t> starts) {
  slots_.clear();
  careful_ = false;
  std::size_t needed = 0;
  for (std::size_t s = 0; s + 1 < starts.size(); ++s) {
    needed += (starts[s + 1] - starts[s] + 1) / 2;
  }
  std::uint32_t at = reserve(needed);
  std::vector<std::uint32_t> found(starts.size() - 1, kNone);
  std::vector<Segment> open;
  pairs_.clear();
  pairs_.reserve(refs.size() / 2);
  for (std::size_t s = 0; s + 1 < starts.size(); ++s) {
    const std::uint32_t size = starts[s + 1] - starts[s];
    if (size == 0) continue;
    const std::uint32_t* own = refs.data() + starts[s];
    found[s] = at;
    for (std::uint32_t i = 0; i + 1 < size; i += 2) pairs_.push_back({own[i], own[i + 1], at++});
    if (size % 2) {
      const std::uint32_t last = own[size - 1];
      copy(from[last & ~kNegated], slots_[at++], (last & kNegated) != 0);
    }
    if (size > 2) open.push_back({found[s], (size + 1) / 2});
  }
  add(from);
  finish(open);
  return found;
}

std::vector<std::vector<std::uint32_t>> PointSums::weigh(std::vector<std::uint32_t> slots,
                                                         std::span<const Window> windows) {
  // At level i, entry k of a window is the sum of the B_d with d / 2^i = k; the odd entries are
  // those whose digits have bit i, and O_i is their sum.
  std::vector<std::vector<std::uint32_t>> found(windows.size());
  std::vector<std::uint32_t> odd;
  std::vector<Segment> open;
  for (unsigned level = 0;; ++level) {
    bool any = false;
    for (Segment& segment : open) halve(segment);
    for (std::size_t w = 0; w < windows.size(); ++w) {
      const std::uint32_t digits = windows[w].digits >> level;
      if (digits == 0) continue;
      any = true;
      std::uint32_t* entry = slots.data() + windows[w].first;
      odd.clear();
      for (std::uint32_t k = 1; k <= digits; k += 2) {
        if (entry[k] != kNone) odd.push_back(entry[k]);
      }
      std::uint32_t at = kNone;
      if (!odd.empty()) {
        // In slots of its own, because the entries live on in the next level.
        const auto size = std::uint32_t(odd.size() + 1) / 2;
        at = reserve(size);
        for (std::uint32_t i = 0; i + 1 < odd.size(); i += 2) {
          pairs_.push_back({odd[i], odd[i + 1], at + i / 2});
        }
        if (odd.size() % 2) slots_[at + size - 1] = slots_[odd.back()];
        if (size > 1) open.push_back({at, size});
      }
      found[w].push_back(at);
      for (std::uint32_t k = 1; 2 * k <= digits; ++k) {
        const std::uint32_t even = entry[2 * k];
        const std::uint32_t next = 2 * k + 1 <= digits ? entry[2 * k + 1] : kNone;
        if (even != kNone && next != kNone) pairs_.push_back({even, next, even});
        entry[k] = even != kNone ? even : next;
      }
    }
    if (!any) break;
    add(nullptr);
    std::erase_if(open, [](const Segment& segment) { return segment.size == 1; });
  }
  add(nullptr);
  std::erase_if(open, [](const Segment& segment) { return segment.size == 1; });
  finish(open);
  return found;
}

void PointSums::read(std::span<const std::uint32_t> slots, Limb* to) const {
  std::vector<StoredPoint> own(slots.size());
  for (std::size_t i = 0; i < slots.size(); ++i) {
    if (slots[i] != kNone) own[i] = slots_[slots[i]];
  }
  if (!own.empty()) kernels_.to_field(own.data()->words, to, own.size());
}

}  // namespace avow::native

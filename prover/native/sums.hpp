// Sums of many segments of points, round by round, every round one batch of additions.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "points.hpp"

namespace avow::native {

struct alignas(64) StoredPoint {
  Limb words[kPointWords];
};

// Says that there is no point: an empty segment.
constexpr std::uint32_t kNone = ~std::uint32_t(0);

// One task's memory: points in numbered slots.
class PointSums {
 public:
  explicit PointSums(const PointKernels& kernels);

  // Sums segment s, the points that refs[starts[s]] to refs[starts[s + 1] - 1] name in `from`
  // (written by `of_field`, no identity), and returns the slot of every sum, kNone where empty.
  // What an earlier call left in the slots is gone.
  std::vector<std::uint32_t> sum(const StoredPoint* from, std::span<const std::uint32_t> refs,
                                 std::span<const std::uint32_t> starts);

  // For each window, where slots[first + d] holds the sum of the points of digit d for d from 1 to
  // `digits`: the slots of points O_0, O_1, ... such that sum d B_d = sum 2^i O_i. Uses them up.
  struct Window {
    std::size_t first;
    std::uint32_t digits;
  };
  std::vector<std::vector<std::uint32_t>> weigh(std::vector<std::uint32_t> slots,
                                                std::span<const Window> windows);

  // Writes points of slots in Field's form: (0, 0) for the identity and for kNone.
  void read(std::span<const std::uint32_t> slots, Limb* to) const;

 private:
  struct Segment {
    std::uint32_t first;
    std::uint32_t size;
  };
  struct Unaligned {
    void operator()(std::uint8_t* memory) const { ::operator delete[](memory, std::align_val_t(64)); }
  };

  std::uint32_t reserve(std::size_t count);
  void halve(Segment& segment);
  void add(const StoredPoint* from);
  void finish(std::vector<Segment>& segments);

  const PointKernels& kernels_;
  std::unique_ptr<std::uint8_t[], Unaligned> scratch_;
  std::vector<StoredPoint> slots_;
  std::vector<Pair> pairs_;
  bool careful_ = false;
};

}  // namespace avow::native

// Additions of many affine points at once, one inversion for all: a table of kernels per backend.
#pragma once

#include <cstddef>
#include <cstdint>

#include "dispatch.hpp"
#include "field.hpp"

namespace avow::native {

// A point is eight words on a boundary of 64 bytes, x before y, in a form that is the backend's
// own; eight zero words are the identity, and the eight words of another point are never zero.
constexpr std::size_t kPointWords = 8;

// to[target] = from[a] + from[b].
struct Pair {
  std::uint32_t a, b, target;
};

// A reference with this bit means the negated point.
constexpr std::uint32_t kNegated = std::uint32_t(1) << 31;

struct PointKernels {
  // Bytes of scratch memory, on a boundary of 64, that `add` needs.
  std::size_t scratch;

  // Adds the pairs; no target may be a source of another pair, but `from` may be `to`. Neither
  // doubling nor a cancelling pair disturbs the others. With `careful`, sources may be the
  // identity; without, none may be. Returns true where a sum may have become the identity.
  bool (*add)(const Limb* from, Limb* to, const Pair* pairs, std::size_t count, bool careful,
              void* scratch);

  // Between this form and Field's: x and y in Montgomery form with R = 2^256, below the prime.
  // What `of_field` writes may be negated by subtracting y from the prime.
  void (*of_field)(const Limb* from, Limb* to, std::size_t count);
  void (*to_field)(const Limb* from, Limb* to, std::size_t count);
};

const PointKernels& point_kernels(Backend backend);

// Of the separate files.
extern const PointKernels kPointsPortable;
#if defined(__x86_64__)
extern const PointKernels kPointsMulx;
extern const PointKernels kPointsIfma;
#endif

}  // namespace avow::native

// The kernels of the scalar backends; assembly needs no compiler flags of its own.
#include "points.hpp"

#include <cstring>

#include "points_batch.hpp"

namespace avow::native {

namespace {

template <class Arithmetic>
struct One {
  using Element = Field<FqModulus, Arithmetic>;
  using Mask = unsigned;
  static constexpr std::size_t kWidth = 1;

  static void load(const Limb* from, const std::uint32_t* refs, Element& x, Element& y) {
    const Limb* at = from + kPointWords * (refs[0] & ~kNegated);
    std::memcpy(x.v.data(), at, 32);
    std::memcpy(y.v.data(), at + 4, 32);
    if (refs[0] & kNegated) y = -y;
  }
  static void store(Limb* to, const Pair* pairs, std::size_t, const Element& x,
                    const Element& y) {
    Limb* at = to + kPointWords * pairs[0].target;
    std::memcpy(at, x.v.data(), 32);
    std::memcpy(at + 4, y.v.data(), 32);
  }
  static Element add(const Element& a, const Element& b) { return a + b; }
  static Element sub(const Element& a, const Element& b) { return a - b; }
  static Element factor(const Element& a, const Element& b) { return a - b; }
  static Element mul(const Element& a, const Element& b) { return a * b; }
  static Element squared(const Element& a) { return a.squared(); }
  static Mask zeros(const Element& a) { return a.is_zero() ? 1 : 0; }
  static Element blend(Mask second, const Element& a, const Element& b) {
    return second & 1 ? b : a;
  }
  static Element zero() { return Element::zero(); }
  static Element one() { return Element::one(); }
  static Element inverse(const Element& a) { return a.inverse(); }
};

void copy(const Limb* from, Limb* to, std::size_t count) {
  std::memcpy(to, from, count * kPointWords * sizeof(Limb));
}

template <class Arithmetic>
constexpr PointKernels kernels() {
  using Batch = BatchAddition<One<Arithmetic>>;
  return {sizeof(typename Batch::Scratch), &Batch::add, &copy, &copy};
}

}  // namespace

const PointKernels kPointsPortable = kernels<Portable>();
#if defined(__x86_64__)
const PointKernels kPointsMulx = kernels<Mulx>();
#endif

const PointKernels& point_kernels(Backend backend) {
  switch (backend) {
#if defined(__x86_64__)
    case Backend::mulx:
      return kPointsMulx;
    case Backend::ifma:
      return kPointsIfma;
#endif
    default:
      return kPointsPortable;
  }
}

}  // namespace avow::native

// The kernels of the scalar backends; assembly needs no compiler flags of its own.
#include "points.hpp"

#include <cstring>

#include "points_batch.hpp"

namespace avow::native {

namespace {

// Some elements side by side: the processor overlaps neighbours that do not wait for each other.
template <class Arithmetic>
struct Few {
  using F = Field<FqModulus, Arithmetic>;
  using Mask = unsigned;
  static constexpr std::size_t kWidth = 3;
  static constexpr std::size_t kChains = 1;
  struct Element {
    F v[kWidth];
  };

  template <class Operation>
  static Element each(const Operation& operation) {
    Element out;
    for (std::size_t i = 0; i < kWidth; ++i) out.v[i] = operation(i);
    return out;
  }

  static void load(const Limb* from, const std::uint32_t* refs, Element& x, Element& y) {
    for (std::size_t i = 0; i < kWidth; ++i) {
      const Limb* at = from + kPointWords * (refs[i] & ~kNegated);
      std::memcpy(x.v[i].v.data(), at, 32);
      std::memcpy(y.v[i].v.data(), at + 4, 32);
      if (refs[i] & kNegated) y.v[i] = -y.v[i];
    }
  }
  static Element load_x(const Limb* from, const std::uint32_t* refs) {
    Element x;
    for (std::size_t i = 0; i < kWidth; ++i) {
      std::memcpy(x.v[i].v.data(), from + kPointWords * (refs[i] & ~kNegated), 32);
    }
    return x;
  }
  static void store(Limb* to, const Pair* pairs, std::size_t count, const Element& x,
                    const Element& y) {
    for (std::size_t i = 0; i < count; ++i) {
      Limb* at = to + kPointWords * pairs[i].target;
      std::memcpy(at, x.v[i].v.data(), 32);
      std::memcpy(at + 4, y.v[i].v.data(), 32);
    }
  }
  static Element add(const Element& a, const Element& b) {
    return each([&](std::size_t i) { return a.v[i] + b.v[i]; });
  }
  static Element sub(const Element& a, const Element& b) {
    return each([&](std::size_t i) { return a.v[i] - b.v[i]; });
  }
  static Element factor(const Element& a, const Element& b) { return sub(a, b); }
  static Element mul(const Element& a, const Element& b) {
    return each([&](std::size_t i) { return a.v[i] * b.v[i]; });
  }
  static Element squared(const Element& a) { return mul(a, a); }
  static Mask zeros(const Element& a) {
    Mask out = 0;
    for (std::size_t i = 0; i < kWidth; ++i) out |= Mask(a.v[i].is_zero()) << i;
    return out;
  }
  static Element blend(Mask second, const Element& a, const Element& b) {
    return each([&](std::size_t i) { return second >> i & 1 ? b.v[i] : a.v[i]; });
  }
  static Element zero() { return Element(); }
  static Element one() {
    return each([](std::size_t) { return F::one(); });
  }
  // One inversion for all; none of them is zero.
  static Element inverse(const Element& a) {
    Element before;
    F product = F::one();
    for (std::size_t i = 0; i < kWidth; ++i) {
      before.v[i] = product;
      product *= a.v[i];
    }
    Element out;
    F rest = product.inverse();
    for (std::size_t i = kWidth; i-- > 0;) {
      out.v[i] = rest * before.v[i];
      rest *= a.v[i];
    }
    return out;
  }
};

void copy(const Limb* from, Limb* to, std::size_t count) {
  std::memcpy(to, from, count * kPointWords * sizeof(Limb));
}

template <class Arithmetic>
constexpr PointKernels kernels() {
  using Batch = BatchAddition<Few<Arithmetic>>;
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

// Tables of products: of eq over a point, and of outer products.
#include <algorithm>
#include <stdexcept>
#include <string>

#include "parts.hpp"
#include "scalar.hpp"
#include "vector.hpp"

namespace avow::native {

Vector eq_table(const Kernels& kernels, std::span<const Fr> point) {
  if (point.size() > 40) {
    throw std::invalid_argument("eq_table: expected at most 40 variables, got " +
                                std::to_string(point.size()));
  }
  // From the last variable to the first, doubling: the first block in scalars, the rest in place.
  std::size_t inside = 0;
  while (inside < point.size() && (std::size_t(2) << inside) <= kernels.lanes) ++inside;
  Fr first[8];
  first[0] = Fr::one();
  for (std::size_t k = 0; k < inside; ++k) {
    const Fr z = point[point.size() - 1 - k];
    const std::size_t half = std::size_t(1) << k;
    for (std::size_t i = 0; i < half; ++i) {
      first[half + i] = first[i] * z;
      first[i] -= first[half + i];
    }
  }
  Vector out = Vector::raw(kernels, std::size_t(1) << point.size());
  const Vector start = vector_of(kernels, std::span(first, std::size_t(1) << inside));
  copy_elements(kernels, out.data(), 0, start.data(), 0, start.size);
  for (std::size_t k = inside; k < point.size(); ++k) {
    const Scalar z(point[point.size() - 1 - k]);
    const std::size_t half = (std::size_t(1) << k) / kernels.lanes;
    over_blocks(kernels, half, [&](std::size_t begin, std::size_t end) {
      kernels.eq_step(out.block(begin), out.block(half + begin), z, end - begin);
    });
  }
  return out;
}

void outer_add(Vector& target, std::size_t at, const Fr& scale, std::span<const Vector> factors) {
  const Kernels& kernels = *target.kernels;
  std::size_t size = 1;
  for (const Vector& factor : factors) {
    check_same_backend(target, factor);
    if (factor.size == 0) {
      throw std::invalid_argument("outer_add: expected factors that are not empty");
    }
    if (size > target.size / factor.size) size = target.size + 1;
    else size *= factor.size;
  }
  if (at > target.size || size > target.size - at) {
    throw std::invalid_argument("outer_add: the product of the lengths, at " + std::to_string(at) +
                                ", does not fit in " + std::to_string(target.size));
  }
  const Fr one[1] = {scale};
  Vector product = vector_of(kernels, one);
  for (const Vector& factor : factors) {
    Vector wider = Vector::raw(kernels, product.size * factor.size);
    over_blocks(kernels, wider.blocks(), [&](std::size_t begin, std::size_t end) {
      const std::size_t first = begin * kernels.lanes;
      kernels.outer(wider.block(begin), product.data(), factor.data(), factor.size, first,
                    std::min(end * kernels.lanes, wider.size) - first);
    });
    product = std::move(wider);
  }
  const std::size_t shift = at % kernels.lanes;
  if (shift) {
    Vector moved = Vector::zeros(kernels, product.size + shift);
    copy_elements(kernels, moved.data(), shift, product.data(), 0, product.size);
    product = std::move(moved);
  }
  Limb* to = target.block(at / kernels.lanes);
  over_blocks(kernels, product.blocks(), [&](std::size_t begin, std::size_t end) {
    Limb* own = to + begin * kernels.words;
    kernels.add(own, own, product.block(begin), end - begin);
  });
}

}  // namespace avow::native

// Univariate polynomials by their coefficients, lowest first.
#include <algorithm>
#include <stdexcept>
#include <string>

#include "parts.hpp"
#include "scalar.hpp"
#include "vector.hpp"

namespace avow::native {

namespace {

void check_not_empty(const Vector& f, const char* what) {
  if (f.size == 0) {
    throw std::invalid_argument(std::string(what) + ": expected a polynomial that is not empty");
  }
}

Fr power(const Fr& x, std::size_t exponent) { return x.power({Limb(exponent), 0, 0, 0}); }

}  // namespace

Vector fold_pairs(const Vector& f, const Fr& z) {
  if (f.size == 0 || f.size % 2) {
    throw std::invalid_argument("fold_pairs: expected an even length, got " +
                                std::to_string(f.size));
  }
  const Kernels& kernels = *f.kernels;
  Vector out = Vector::raw(kernels, f.size / 2);
  const Scalar factor(z);
  over_blocks(kernels, out.blocks(), [&](std::size_t begin, std::size_t end) {
    const std::size_t first = begin * kernels.lanes;
    kernels.fold_pairs(out.block(begin), f.block(2 * begin), factor,
                       std::min(end * kernels.lanes, out.size) - first);
  });
  return out;
}

Fr evaluate(const Vector& f, const Fr& x) {
  check_not_empty(f, "evaluate");
  const Kernels& kernels = *f.kernels;
  const Scalar at(x);
  return sum_over_blocks(kernels, f.blocks(), [&](std::size_t begin, std::size_t end) {
    Limbs part{};
    kernels.evaluate(part.data(), f.block(begin), at, end - begin);
    return Fr::of_canonical(part) * power(x, begin * kernels.lanes);
  });
}

Division divide(const Vector& f, const Fr& root) {
  check_not_empty(f, "divide");
  const Kernels& kernels = *f.kernels;
  const Scalar at(root);
  // The quotient's coefficient i is what Horner's rule has after f's coefficient i + 1. Parts are
  // first evaluated, so that each knows what comes in from behind.
  const std::size_t blocks = f.blocks();
  const std::size_t part = std::max<std::size_t>(kGrain / kernels.lanes,
                                                 (blocks + 4 * threads() - 1) / (4 * threads()));
  const std::size_t parts = (blocks + part - 1) / part;
  std::vector<Fr> carries(parts + 1);
  const auto end_of = [&](std::size_t k) { return std::min((k + 1) * part, blocks); };
  parallel_for(parts, 1, [&](std::size_t begin, std::size_t end) {
    for (std::size_t k = begin; k < end; ++k) {
      Limbs value{};
      kernels.evaluate(value.data(), f.block(k * part), at, end_of(k) - k * part);
      carries[k] = Fr::of_canonical(value);
    }
  });
  for (std::size_t k = parts; k-- > 0;) {
    const std::size_t length = (end_of(k) - k * part) * kernels.lanes;
    carries[k] += power(root, length) * carries[k + 1];
  }
  // The last block's empty lanes are zero coefficients, and scanning from behind leaves them so.
  Vector scanned = Vector::raw(kernels, f.size);
  parallel_for(parts, 1, [&](std::size_t begin, std::size_t end) {
    for (std::size_t k = begin; k < end; ++k) {
      kernels.suffix_scan(scanned.block(k * part), f.block(k * part), at, Scalar(carries[k + 1]),
                          end_of(k) - k * part);
    }
  });
  Division out{Vector::raw(kernels, f.size - 1), carries[0]};
  over_blocks(kernels, out.quotient.blocks(), [&](std::size_t begin, std::size_t end) {
    const std::size_t first = begin * kernels.lanes;
    copy_elements(kernels, out.quotient.data(), first, scanned.data(), first + 1,
                  std::min(end * kernels.lanes, f.size - 1) - first);
  });
  return out;
}

EighthsDivision divide_eighths(const Vector& f, const Fr& x) {
  check_not_empty(f, "divide_eighths");
  const Kernels& kernels = *f.kernels;
  const std::size_t head = std::min<std::size_t>(f.size, 8);
  Vector scanned = Vector::raw(kernels, f.size);
  kernels.scan_eighths(scanned.data(), f.data(), Scalar(x), f.blocks());
  EighthsDivision out{Vector::raw(kernels, f.size - head), {}};
  for (std::size_t i = 0; i < head; ++i) out.remainder[i] = scanned.element(i);
  if (f.size > head) {
    copy_elements(kernels, out.quotient.data(), 0, scanned.data(), head, f.size - head);
  }
  return out;
}

}  // namespace avow::native

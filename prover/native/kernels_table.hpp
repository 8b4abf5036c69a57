// Gathers an engine's kernels in one table.
#pragma once

#include "kernels_fractions.hpp"
#include "kernels_integer.hpp"
#include "kernels_sumcheck.hpp"
#include "kernels_vector.hpp"

namespace avow::native {

template <class E>
constexpr Kernels kernels_with(Backend backend) {
  using Vector = VectorKernels<E>;
  using Integer = IntegerKernels<E>;
  using Sumcheck = SumcheckKernels<E>;
  using Fractions = FractionKernels<E>;
  static_assert(E::chunk_blocks * E::lanes == 128);
  return {.backend = backend,
          .lanes = E::lanes,
          .words = E::words,
          .limbs = E::words / E::lanes,
          .chunk_blocks = E::chunk_blocks,
          .of_ints = Integer::of_ints,
          .of_bytes = Vector::of_bytes,
          .inverse = Vector::inverse,
          .to_bytes = Vector::to_bytes,
          .add = Vector::add,
          .sub = Vector::sub,
          .mul = Vector::mul,
          .scale = Vector::scale,
          .addmul = Vector::addmul,
          .sum = Vector::sum,
          .dot = Vector::dot,
          .pick = Vector::pick,
          .dot_picked = Vector::dot_picked,
          .fold_picked = Vector::fold_picked,
          .eq_step = Vector::eq_step,
          .outer = Vector::outer,
          .fold_ints = Integer::fold_ints,
          .dot_ints = Integer::dot_ints,
          .dot_rows = Integer::dot_rows,
          .contract_ints = Integer::contract_ints,
          .contract = Integer::contract,
          .fold_pairs = Vector::fold_pairs,
          .scan_eighths = Vector::scan_eighths,
          .evaluate = Vector::evaluate,
          .suffix_scan = Vector::suffix_scan,
          .split = E::split,
          .prepare = E::prepare,
          .fold = Sumcheck::fold,
          .combine = Sumcheck::combine,
          .zero_chunk = Sumcheck::zero_chunk,
          .product_chunk = Sumcheck::product_chunk,
          .add_fractions = Fractions::add_fractions,
          .fraction_chunk = Fractions::fraction_chunk};
}

}  // namespace avow::native

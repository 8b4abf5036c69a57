// Prover of a sum of fractions that is folded layer by layer (GKR): the lookups' layered argument.
//
// Node x of layer k adds up nodes 2 x and 2 x + 1 of layer k + 1; the leaves are followed by 0 / 1.
// A layer's sumcheck, of sum_x eq(t, x) (p0 q1 + p1 q0 + mu q0 q1)(x), binds its last variable
// first, so that what follows the leaves stays behind them and costs nothing. Neither do blocks of
// 0 / c with one c: so are their parents, and the points that they are folded to.
#pragma once

#include <array>
#include <optional>
#include <vector>

#include "fraction_leaves.hpp"

namespace avow::native {

class FractionTree {
 public:
  // Leaves p / q, at least two. The stride, as of `FractionBlocks`, changes nothing but the time.
  FractionTree(Factor p, Factor q, unsigned stride);

  // The number of variables of the leaves.
  std::size_t depth() const { return layers_.size(); }
  // p0, p1, q0, q1: two children of the layer's node at the challenges, of the root at first.
  std::array<Fr, 4> nodes();
  // Goes on to the next layer, whose last variable is u, and to the claim p + mu q about it.
  void descend(const Fr& u, const Fr& mu);
  // Of the round's polynomial q without the eq of what is bound: q(1) - q(0), and the leading
  // coefficient.
  std::array<Fr, 2> round();
  void bind(const Fr& x);

 private:
  // Of nodes each block is p and q; of points p0 + mu q0, p1, q0, q1, and the constants are those
  // of the layer below.
  struct Layer : FractionBlocks {
    Vector stored;
  };
  struct Round {
    Fr at_zero, slope, top;
  };

  const FractionBlocks& blocks_below() const;
  void read_below(std::size_t first, std::size_t count, Limb* room, FractionBlock* out) const;
  Vector room_for(std::size_t blocks) const;
  std::array<Fr, 2> node(std::size_t index) const;
  Layer parents();
  Vector constants_of(const FractionBlocks& blocks) const;
  void evaluate();
  // The sums at 0 and 1 and the leading coefficient, points in vectors or in scalars.
  std::array<Fr, 3> sums_of_vectors(bool all);
  std::array<Fr, 3> sums_of_scalars();
  void to_scalars();
  Layer folded() const;

  const Kernels* kernels_;
  FractionLeaves leaves_;
  std::vector<Layer> layers_;  // by k, the leaves not among them; given back once they are used
  std::size_t layer_ = 0, left_ = 0;
  std::vector<Fr> point_, inverse_, drawn_;
  Fr mu_, claim_;
  std::optional<Fr> r_;         // the challenge by which the points are still to be folded
  bool open_ = false;           // the points are still to be made
  std::size_t count_ = 0;       // points that are not p0 = p1 = 0, q0 = q1 = 1
  Vector constants_, points_;   // of the layer below: p, q of each, and its points
  Layer now_;
  std::array<std::vector<Fr>, 4> few_;  // points, once they are few
  std::optional<Round> round_;
};

}  // namespace avow::native

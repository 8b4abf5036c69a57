// What a backend does with vectors of scalars: plain functions over raw memory, so that a file
// compiled for newer processors shares no inline function of the standard library with the rest.
//
// A vector of n elements is kept in blocks of `lanes` elements and `words` 64-bit words, limb by
// limb inside a block; lanes beyond n are zero, always. Limb j of element i stands at word
// (i / lanes) * words + j * lanes + i % lanes. Pointers to blocks are on boundaries of 64 bytes.
// Scalars go in and out as canonical integers of four limbs.
#pragma once

#include <cstddef>
#include <cstdint>

#include "dispatch.hpp"
#include "field.hpp"

namespace avow::native {

enum class IntKind { int8, int16, int32, int64 };

// Integers as they lie in memory, of `kind`.
struct Ints {
  const void* data;
  IntKind kind;
};

// A sparse map along one axis: entries sorted by row, `start[t]` to `start[t + 1]` those of row t.
struct SparseMap {
  const std::size_t* start;
  const std::int32_t* column;
  const Limb* weights;  // in the order of the entries
  std::size_t rows, columns, inner;
};

// One product of a zero-check, as two halves of each factor; `scale`, prepared, multiplies it.
struct PairView {
  const Limb *a0, *a1, *b0, *b1;
  const Limb* scale;  // or null
};

// One product of a plain sum; c0 and c1 are null where it has two factors.
struct ProductView {
  const Limb *a0, *a1, *b0, *b1, *c0, *c1;
};

// Which values of a round's polynomial are wanted: without the one at 1 when it follows from the
// claim; only the one at 0 where a vector is summed as it stands (then no second half is read).
enum class Points { zero, zero_top, zero_top_one };

struct ZeroChunk {
  const PairView* pairs;
  std::size_t count;
  const Limb *linear0, *linear1;  // or null; like the pairs at the chunk's first block
  const Limb* plain0;             // or null: summed without eq
  const Limb* eq_low;             // one chunk's table
  const Limb* eq_high;            // one element for each chunk
  std::size_t chunk;              // which
  std::size_t blocks;             // in this chunk, at most `chunk_blocks`
  Points points;
  Limb* totals;  // blocks: at 0, leading coefficient, at 1, the plain sum; added to
};

struct ProductChunk {
  const ProductView* products;
  const Limb* coefficients;  // an element for each
  std::size_t count;
  std::size_t first, blocks;  // where to begin, and how many blocks, at most `chunk_blocks`
  Points points;
  // Blocks: at 0, leading coefficient, at 1 of products of two; the same and at -1 of three.
  Limb* totals;
};

// A block of fractions: p and q.
struct FractionBlock {
  const Limb *p, *q;
};

// One round over a layer of fractions: at every point of it p0 + mu q0, p1, q0, q1, the numbers of
// two children; a block of points has the four one after the other. In the first round points are
// made of the layer below, in the second one they are made again and folded by the last challenge,
// later the folded ones are. A pair of blocks of points is of even and odd places.
struct FractionChunk {
  const FractionBlock* below;  // for each block of points (of twice as many, if folded) two; or null
  const Limb* one;             // a block of ones: what p points to where all of them are 1
  const Limb* const* points;   // instead: for each block of points the two that it is folded of
  Limb* const* to;             // for each block of points where it goes; null in the first round
  const std::int32_t* same;    // for each pair which constant both blocks repeat, or -1
  unsigned apart;              // how many times even and odd places are blocks of their own
  const Limb* mu;              // prepared
  const Limb* r;               // prepared; null in the first round
  const Limb* eq_low;   // one chunk's table
  const Limb* eq_high;  // one element for each chunk
  std::size_t chunk;    // which
  std::size_t blocks;   // pairs in this chunk, at most `chunk_blocks`
  bool all;             // whether the value at 1 is wanted too
  // Blocks, added to: at 0, leading coefficient, at 1, without the pairs that repeat a constant;
  // then for each constant their eq.
  Limb* totals;
};

struct Kernels {
  Backend backend;
  std::size_t lanes, words, limbs;
  std::size_t chunk_blocks;  // 2^7 elements

  void (*of_ints)(Limb* out, Ints ints, std::size_t first, std::size_t count, const Limb* scale,
                  const Limb* offset);
  // Both return how many elements were fit: `count`, or the place of the first that is not.
  std::size_t (*of_bytes)(Limb* out, const std::uint8_t* bytes, std::size_t count);
  std::size_t (*inverse)(Limb* out, const Limb* a, std::size_t count);
  void (*to_bytes)(std::uint8_t* out, const Limb* a, std::size_t count);

  void (*add)(Limb* out, const Limb* a, const Limb* b, std::size_t blocks);
  void (*sub)(Limb* out, const Limb* a, const Limb* b, std::size_t blocks);
  void (*mul)(Limb* out, const Limb* a, const Limb* b, std::size_t blocks);
  void (*scale)(Limb* out, const Limb* a, const Limb* by, std::size_t blocks);
  void (*addmul)(Limb* out, const Limb* a, const Limb* by, std::size_t blocks);
  void (*sum)(Limb* out, const Limb* a, std::size_t blocks);
  void (*dot)(Limb* out, const Limb* a, const Limb* b, std::size_t blocks);
  // a[index[i]]; where that is -1 a[rest], or zero if `rest` is -1. `a` is not empty.
  void (*pick)(Limb* out, const Limb* a, const std::int32_t* index, std::int32_t rest,
               std::size_t count);
  // sum of a[index[i]] weights[i], four limbs.
  void (*dot_picked)(Limb* out, const Limb* a, const std::int32_t* index, const Limb* weights,
                     std::size_t count);
  // out[i] = sum over rows of a[index[row columns + i]] times the row's weight.
  void (*fold_picked)(Limb* out, const Limb* a, const std::int32_t* index, std::size_t rows,
                      std::size_t columns, const Limb* weights, std::size_t count);
  // high = z low, then low -= high.
  void (*eq_step)(Limb* low, Limb* high, const Limb* z, std::size_t blocks);
  // out[i] = left[i / period] right[i % period] for i in [first, first + count).
  void (*outer)(Limb* out, const Limb* left, const Limb* right, std::size_t period,
                std::size_t first, std::size_t count);

  // Columns [first, first + count) of a row-major matrix: sums over all rows; first % lanes == 0.
  void (*fold_ints)(Limb* out, Ints ints, std::size_t rows, std::size_t cols, const Limb* weights,
                    std::size_t first, std::size_t count);
  // sum of integer [first + i] times weight i.
  void (*dot_ints)(Limb* out, Ints ints, std::size_t first, const Limb* weights,
                   std::size_t count);
  // The same of rows [first, first + rows): four limbs each.
  void (*dot_rows)(Limb* out, Ints ints, std::size_t first, std::size_t rows, std::size_t cols,
                   const Limb* weights);
  // Outputs [first, first + count); first % lanes == 0.
  void (*contract_ints)(Limb* out, Ints ints, const SparseMap& map, std::size_t first,
                        std::size_t count);
  void (*contract)(Limb* out, const Limb* values, const SparseMap& map, std::size_t first,
                   std::size_t count);

  // out = (1 - z) even + z odd, of `pairs` pairs.
  void (*fold_pairs)(Limb* out, const Limb* a, const Limb* z, std::size_t pairs);
  // out[i] = a[i] + x out[i + 8], zero beyond the end.
  void (*scan_eighths)(Limb* out, const Limb* a, const Limb* x, std::size_t blocks);
  // sum a[i] x^i.
  void (*evaluate)(Limb* out, const Limb* a, const Limb* x, std::size_t blocks);
  // out[i] = sum_{j >= i} a[j] root^(j - i) + root^(size - i) carry.
  void (*suffix_scan)(Limb* out, const Limb* a, const Limb* root, const Limb* carry,
                      std::size_t blocks);

  // The two halves of a block that holds 2 half <= lanes elements.
  void (*split)(Limb* low, Limb* high, const Limb* block, std::size_t half);
  // A scalar as the next two and `PairView` take it, in `words` words.
  void (*prepare)(Limb* table, const Limb* scalar);
  // out = low + r (high - low)
  void (*fold)(Limb* out, const Limb* low, const Limb* high, const Limb* r, std::size_t blocks);
  // out = c0 low + c1 high
  void (*combine)(Limb* out, const Limb* low, const Limb* high, const Limb* c0, const Limb* c1,
                  std::size_t blocks);
  void (*zero_chunk)(const ZeroChunk& chunk);
  void (*product_chunk)(const ProductChunk& chunk);

  // Parents from two blocks of children for each of theirs: p0 q1 + p1 q0, then q0 q1. A place
  // that is null is left out; `apart` says that one block has all even children. Where p is `one`
  // all of them are 1.
  void (*add_fractions)(Limb* const* to, const FractionBlock* below, std::size_t blocks,
                        bool apart, const Limb* one);
  void (*fraction_chunk)(const FractionChunk& chunk);
};

const Kernels& kernels_of(Backend backend);

extern const Kernels kPortableKernels;
extern const Kernels kMulxKernels;
extern const Kernels kIfmaKernels;

}  // namespace avow::native

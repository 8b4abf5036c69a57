// Kernels that read integers as they lie in memory, for any engine: integer times scalar, summed
// without reduction.
#pragma once

#include "kernels.hpp"

namespace avow::native {

// Calls f with a null pointer of the integers' own type.
template <class F>
inline void with_ints(Ints ints, F f) {
  switch (ints.kind) {
    case IntKind::int8:
      return f(static_cast<const std::int8_t*>(ints.data));
    case IntKind::int16:
      return f(static_cast<const std::int16_t*>(ints.data));
    case IntKind::int32:
      return f(static_cast<const std::int32_t*>(ints.data));
    case IntKind::int64:
      return f(static_cast<const std::int64_t*>(ints.data));
  }
}

template <class E>
struct IntegerKernels {
  using Block = typename E::Block;
  static constexpr std::size_t lanes = E::lanes;
  static constexpr std::size_t words = E::words;

  static void of_ints(Limb* out, Ints ints, std::size_t first, std::size_t count,
                      const Limb* scale, const Limb* offset) {
    with_ints(ints, [=](auto* data) {
      using Int = Of<decltype(data)>;
      const typename E::template Affine<Int> affine(scale, offset);
      for (std::size_t i = 0; i < count; i += lanes) {
        const std::size_t some = count - i < lanes ? count - i : lanes;
        E::store(out + i / lanes * words,
                 E::masked(affine(E::load_ints(data + first + i, some)), some));
      }
    });
  }

  // By tiles of columns, and in a tile by few rows at a time: rows are far apart in memory.
  static void fold_ints(Limb* out, Ints ints, std::size_t rows, std::size_t cols,
                        const Limb* weights, std::size_t first, std::size_t count) {
    with_ints(ints, [=](auto* data) {
      for (std::size_t row = 0; row < rows; row += E::most_ints) {
        const std::size_t some = rows - row < E::most_ints ? rows - row : E::most_ints;
        typename E::WeightSum total;
        for (std::size_t r = row; r < row + some; ++r) total.add(E::element(weights, r));
        for (std::size_t i = 0; i < count; i += kTile * lanes) {
          const std::size_t wide = count - i < kTile * lanes ? count - i : kTile * lanes;
          fold_tile(out + i / lanes * words, data + first + i, row, some, cols, weights, wide,
                    total);
        }
      }
    });
  }

  static void dot_ints(Limb* out, Ints ints, std::size_t first, const Limb* weights,
                       std::size_t count) {
    with_ints(ints, [=](auto* data) { dots<1>(out, data + first, count, weights); });
  }

  static void contract_ints(Limb* out, Ints ints, const SparseMap& map, std::size_t first,
                            std::size_t count) {
    with_ints(ints, [=, &map](auto* data) {
      using Int = Of<decltype(data)>;
      each_output(map, first, count, [&](const Outputs& at, std::size_t i) {
        Block total = E::zero();
        for (std::size_t k = 0; k < at.longest;) {
          const std::size_t end =
              at.longest - k < E::most_ints ? at.longest : k + E::most_ints;
          typename E::template IntSum<Int> sum = {};
          typename E::WeightSum seen;
          for (; k < end; ++k) {
            if (at.even) {
              const std::size_t entry = at.begin[0] + k;
              const Block weight = E::element(map.weights, entry);
              seen.add(weight);
              E::add_int_product(sum, E::load_ints(data + at.value(0, entry), lanes),
                                 E::template int_weight<Int>(weight));
            } else {
              std::size_t entry[lanes], value[lanes];
              at.entries(k, entry, value);
              const Block weight = at.weights(entry, k);
              seen.add(weight);
              E::add_int_product(sum, E::template gather_ints<Int>(data, value),
                                 E::template int_weight<Int>(weight));
            }
          }
          total = E::add(total, E::template reduce_ints<Int>(sum, seen));
        }
        E::store(out + i / lanes * words, total);
      });
    });
  }

  static void contract(Limb* out, const Limb* values, const SparseMap& map, std::size_t first,
                       std::size_t count) {
    if (map.inner % lanes == 0 && count % lanes == 0) {
      return contract_even(out, values, map, first / lanes, count / lanes);
    }
    each_output(map, first, count, [&](const Outputs& at, std::size_t i) {
      Block total = E::zero();
      for (std::size_t k = 0; k < at.longest; k += kLazy) {
        auto products = E::no_sum();
        for (std::size_t j = k; j < at.longest && j < k + kLazy; ++j) {
          std::size_t entry[lanes], value[lanes];
          at.entries(j, entry, value);
          E::add_product(products, E::gather(values, value), at.weights(entry, j));
        }
        total = E::add(total, E::tidy(E::reduce(products)));
      }
      E::store(out + i / lanes * words, total);
    });
  }

  // Sums along rows of integers: `rows` of them, `cols` apart, from row `first` on.
  static void dot_rows(Limb* out, Ints ints, std::size_t first, std::size_t rows, std::size_t cols,
                       const Limb* weights) {
    with_ints(ints, [=](auto* data) {
      std::size_t row = 0;
      for (; row + kSide <= rows; row += kSide) {
        dots<kSide>(out + 4 * row, data + (first + row) * cols, cols, weights);
      }
      for (; row < rows; ++row) dots<1>(out + 4 * row, data + (first + row) * cols, cols, weights);
    });
  }

 private:
  static constexpr std::size_t kLazy = 64;

  template <class Pointer>
  struct Pointed;
  template <class Int>
  struct Pointed<const Int*> {
    using type = Int;
  };
  template <class Pointer>
  using Of = typename Pointed<Pointer>::type;

  static constexpr std::size_t kSide = 4;

  // Sums along a few rows side by side: their products need not wait for each other.
  template <std::size_t side, class Int>
  static void dots(Limb* out, const Int* data, std::size_t count, const Limb* weights) {
    const std::size_t blocks = (count + lanes - 1) / lanes;
    Block totals[side];
    for (auto& total : totals) total = E::zero();
    for (std::size_t b = 0; b < blocks;) {
      const std::size_t end = blocks - b < E::most_ints ? blocks : b + E::most_ints;
      // Even and odd blocks apart, where there is one row only.
      constexpr std::size_t turns = side == 1 ? 2 : 1;
      typename E::template IntSum<Int> sums[side * turns] = {};
      typename E::WeightSum seen;
      for (; b < end; ++b) {
        const std::size_t i = b * lanes;
        const std::size_t some = count - i < lanes ? count - i : lanes;
        const Block loaded = E::load(weights + b * words);
        const auto weight = E::template int_weight<Int>(loaded);
        seen.add(loaded);
        if (some == lanes) {
#pragma GCC unroll 4
          for (std::size_t k = 0; k < side; ++k) {
            E::add_int_product(sums[k * turns + b % turns], E::load_all_ints(data + k * count + i),
                               weight);
          }
        } else {
          for (std::size_t k = 0; k < side; ++k) {
            E::add_int_product(sums[k * turns], E::load_ints(data + k * count + i, some), weight);
          }
        }
      }
      for (std::size_t k = 0; k < side; ++k) {
        totals[k] = E::add(totals[k], E::template reduce_ints<Int>(sums[k * turns], seen));
        if constexpr (turns > 1) {
          totals[k] = E::add(totals[k], E::template reduce_ints<Int>(sums[1], {}));
        }
      }
    }
    for (std::size_t k = 0; k < side; ++k) E::total(out + 4 * k, totals[k]);
  }

  // Outputs whose neighbours in a block are neighbours among the values: a tile of blocks at a
  // time, entry by entry, so that values are read in the order of memory.
  static void contract_even(Limb* out, const Limb* values, const SparseMap& map, std::size_t first,
                            std::size_t blocks) {
    constexpr std::size_t tile = E::chunk_blocks;
    const std::size_t inner = map.inner / lanes;
    for (std::size_t b = 0; b < blocks;) {
      const std::size_t at = first + b;
      const std::size_t place = at % inner;
      std::size_t some = inner - place < tile ? inner - place : tile;
      if (some > blocks - b) some = blocks - b;
      const std::size_t row = at / inner % map.rows;
      const Limb* base = values + (at / (inner * map.rows) * map.columns * inner + place) * words;
      typename E::Sum sums[tile];
      Block totals[tile];
      for (std::size_t n = 0; n < some; ++n) {
        sums[n] = E::no_sum();
        totals[n] = E::zero();
      }
      const std::size_t end = map.start[row + 1];
      for (std::size_t e = map.start[row]; e < end; ++e) {
        const Block weight = E::element(map.weights, e);
        const Limb* from = base + std::size_t(map.column[e]) * inner * words;
        for (std::size_t n = 0; n < some; ++n) {
          E::add_product(sums[n], E::load(from + n * words), weight);
        }
        if ((e - map.start[row]) % kLazy != kLazy - 1 && e + 1 != end) continue;
        for (std::size_t n = 0; n < some; ++n) {
          totals[n] = E::add(totals[n], E::tidy(E::reduce(sums[n])));
          sums[n] = E::no_sum();
        }
      }
      for (std::size_t n = 0; n < some; ++n) E::store(out + (b + n) * words, totals[n]);
      b += some;
    }
  }

  static constexpr std::size_t kTile = 64;  // blocks
  static constexpr std::size_t kRows = 8;

  template <class Int>
  static void fold_tile(Limb* out, const Int* data, std::size_t row, std::size_t rows,
                        std::size_t cols, const Limb* weights, std::size_t wide,
                        const typename E::WeightSum& total) {
    constexpr std::size_t side = E::int_blocks;
    typename E::template IntSum<Int> sums[kTile];
    for (auto& one : sums) one = {};
    const std::size_t full = wide / lanes / side * side;
    for (std::size_t begin = 0; begin < rows; begin += kRows) {
      const std::size_t end = rows - begin < kRows ? rows : begin + kRows;
      for (std::size_t b = 0; b < full; b += side) {
        typename E::template IntSum<Int> own[side];
        for (std::size_t k = 0; k < side; ++k) own[k] = sums[b + k];
        for (std::size_t r = begin; r < end; ++r) {
          const auto weight = E::template int_weight<Int>(E::element(weights, row + r));
          const Int* at = data + (row + r) * cols + b * lanes;
#pragma GCC unroll 16
          for (std::size_t k = 0; k < side; ++k) {
            E::add_int_product(own[k], E::load_all_ints(at + k * lanes), weight);
          }
        }
        for (std::size_t k = 0; k < side; ++k) sums[b + k] = own[k];
      }
      for (std::size_t b = full; b * lanes < wide; ++b) {
        const std::size_t some = wide - b * lanes < lanes ? wide - b * lanes : lanes;
        for (std::size_t r = begin; r < end; ++r) {
          E::add_int_product(sums[b],
                             E::load_ints(data + (row + r) * cols + b * lanes, some),
                             E::template int_weight<Int>(E::element(weights, row + r)));
        }
      }
    }
    for (std::size_t b = 0; b * lanes < wide; ++b) {
      const std::size_t some = wide - b * lanes < lanes ? wide - b * lanes : lanes;
      Block sum = E::template reduce_ints<Int>(sums[b], total);
      if (row) sum = E::add(sum, E::load(out + b * words));
      E::store(out + b * words, E::masked(sum, some));
    }
  }

  // A block's outputs: in lane i the row's entries and where in the values they begin.
  struct Outputs {
    const SparseMap& map;
    std::size_t some = 0;  // lanes in use
    std::size_t begin[lanes] = {}, end[lanes] = {}, base[lanes] = {};
    std::size_t longest = 0;
    bool even = false;  // all lanes are neighbours in one row

    std::size_t length(std::size_t lane) const { return end[lane] - begin[lane]; }
    std::size_t value(std::size_t lane, std::size_t entry) const {
      return base[lane] + std::size_t(map.column[entry]) * map.inner;
    }
    // A lane without a k-th entry reads its first value, or value 0, with the weight zero.
    void entries(std::size_t k, std::size_t* entry, std::size_t* value_at) const {
      for (std::size_t i = 0; i < lanes; ++i) {
        entry[i] = k < length(i) ? begin[i] + k : 0;
        value_at[i] = k < length(i) ? value(i, entry[i]) : 0;
      }
    }
    Block weights(const std::size_t* entry, std::size_t k) const {
      alignas(64) Limb none[words] = {};
      Block out = E::gather(map.weights, entry);
      E::store(none, out);
      for (std::size_t i = 0; i < lanes; ++i) {
        if (k < length(i)) continue;
        for (std::size_t j = i; j < words; j += lanes) none[j] = 0;
      }
      return E::load(none);
    }
  };

  template <class F>
  static void each_output(const SparseMap& map, std::size_t first, std::size_t count, F f) {
    const std::size_t slice = map.rows * map.inner;
    for (std::size_t i = 0; i < count; i += lanes) {
      Outputs at{map};
      at.some = count - i < lanes ? count - i : lanes;
      for (std::size_t k = 0; k < at.some; ++k) {
        const std::size_t index = first + i + k;
        const std::size_t row = index % slice / map.inner;
        at.begin[k] = map.start[row];
        at.end[k] = map.start[row + 1];
        at.base[k] = index / slice * map.columns * map.inner + index % map.inner;
        if (at.length(k) > at.longest) at.longest = at.length(k);
      }
      at.even = at.some == lanes && map.inner % lanes == 0;
      f(at, i);
    }
  }
};

}  // namespace avow::native

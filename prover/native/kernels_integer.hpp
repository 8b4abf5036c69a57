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

  static void fold_ints(Limb* out, Ints ints, std::size_t rows, std::size_t cols,
                        const Limb* weights, std::size_t first, std::size_t count) {
    with_ints(ints, [=](auto* data) {
      using Int = Of<decltype(data)>;
      for (std::size_t i = 0; i < count; i += lanes) {
        const std::size_t some = count - i < lanes ? count - i : lanes;
        const Int* at = data + first + i;
        const Block total = sum_ints<Int>(rows, [&](auto& sum, std::size_t row) {
          E::add_int_product(sum, E::load_ints(at + row * cols, some), E::element(weights, row));
        });
        E::store(out + i / lanes * words, E::masked(total, some));
      }
    });
  }

  static void dot_ints(Limb* out, Ints ints, std::size_t first, const Limb* weights,
                       std::size_t count) {
    with_ints(ints, [=](auto* data) {
      using Int = Of<decltype(data)>;
      const std::size_t blocks = (count + lanes - 1) / lanes;
      const Block total = sum_ints<Int>(blocks, [&](auto& sum, std::size_t block) {
        const std::size_t i = block * lanes;
        const std::size_t some = count - i < lanes ? count - i : lanes;
        E::add_int_product(sum, E::load_ints(data + first + i, some),
                           E::load(weights + block * words));
      });
      E::total(out, total);
    });
  }

  static void contract_ints(Limb* out, Ints ints, const SparseMap& map, std::size_t first,
                            std::size_t count) {
    with_ints(ints, [=, &map](auto* data) {
      using Int = Of<decltype(data)>;
      each_output(map, first, count, [&](const Outputs& at, std::size_t i) {
        Block total;
        if (at.even) {
          total = sum_ints<Int>(at.length(0), [&](auto& sum, std::size_t k) {
            const std::size_t entry = at.begin[0] + k;
            E::add_int_product(sum, E::load_ints(data + at.value(0, entry), lanes),
                               E::element(map.weights, entry));
          });
        } else {
          total = sum_ints<Int>(at.longest, [&](auto& sum, std::size_t k) {
            std::size_t entry[lanes], value[lanes];
            at.entries(k, entry, value);
            E::add_int_product(sum, E::template gather_ints<Int>(data, value),
                               at.weights(entry, k));
          });
        }
        E::store(out + i / lanes * words, total);
      });
    });
  }

  static void contract(Limb* out, const Limb* values, const SparseMap& map, std::size_t first,
                       std::size_t count) {
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

  template <class Int, class F>
  static Block sum_ints(std::size_t count, F f) {
    Block total = E::zero();
    for (std::size_t i = 0; i < count;) {
      const std::size_t end = count - i < E::most_ints ? count : i + E::most_ints;
      auto sum = E::template no_int_sum<Int>();
      for (; i < end; ++i) f(sum, i);
      total = E::add(total, E::reduce_ints(sum));
    }
    return total;
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

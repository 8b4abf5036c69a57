// Every (row, window) is a unit; units are grouped into tasks, and a task's units share batches.
#include "msm.hpp"

#include <algorithm>
#include <bit>
#include <limits>
#include <stdexcept>

#include "pool.hpp"

namespace avow::native {

namespace {

// Points that a task should have: many enough to share inversions, few enough to stay in cache.
constexpr std::size_t kLeastTask = std::size_t(1) << 13;
constexpr std::size_t kMostTask = std::size_t(1) << 17;
constexpr unsigned kWidest = 16;

int length(const Limbs& value) {
  for (int i = 3; i >= 0; --i) {
    if (value[i]) return 64 * i + 64 - std::countl_zero(value[i]);
  }
  return 0;
}

// 2^(width-1) at every window but the last: what makes digits without carries.
Limbs offset(const Cut& cut) {
  Limbs out{};
  for (unsigned w = 0; w + 1 < cut.windows; ++w) {
    const unsigned bit = w * cut.width + cut.width - 1;
    out[bit / 64] |= Limb(1) << (bit % 64);
  }
  return out;
}

template <class Integer>
class IntegerRow : public ScalarRow {
 public:
  IntegerRow(const Integer* values, std::size_t size) : values_(values) {
    std::uint64_t most = 0;
    std::size_t nonzero = 0;
    for (std::size_t i = 0; i < size; ++i) {
      most = std::max(most, magnitude(values[i]));
      nonzero += values[i] != 0;
    }
    count = size;
    cut = cheapest_cut(nonzero, {most, 0, 0, 0});
    offset_ = offset(cut);
  }

  void digits(unsigned window, std::int32_t* out) const override {
    if (cut.windows == 1) {
      for (std::size_t i = 0; i < count; ++i) out[i] = std::int32_t(values_[i]);
      return;
    }
    const Wide shift = Wide(offset_[1]) << 64 | offset_[0];
    const unsigned at = window * cut.width;
    const bool last = window + 1 == cut.windows;
    const auto mask = (std::uint32_t(1) << cut.width) - 1;
    const auto middle = std::int32_t(1) << (cut.width - 1);
    for (std::size_t i = 0; i < count; ++i) {
      const auto shifted = std::uint32_t((shift + magnitude(values_[i])) >> at);
      const std::int32_t digit =
          last ? std::int32_t(shifted) : std::int32_t(shifted & mask) - middle;
      out[i] = values_[i] < 0 ? -digit : digit;
    }
  }

 private:
  static std::uint64_t magnitude(Integer value) {
    const auto wide = std::uint64_t(std::int64_t(value));
    return value < 0 ? 0 - wide : wide;
  }
  const Integer* values_;
  Limbs offset_{};
};

class FieldRow : public ScalarRow {
 public:
  explicit FieldRow(std::span<const Limbs> values) : shifted_(values.size()), negative_(values.size()) {
    Limbs half{};
    for (int i = 0; i < 4; ++i) {
      half[i] = FrModulus::p[i] >> 1 | (i < 3 ? FrModulus::p[i + 1] << 63 : 0);
    }
    Limbs most{};
    std::size_t nonzero = 0;
    for (std::size_t i = 0; i < values.size(); ++i) {
      negative_[i] = limbs::less(half, values[i]);
      shifted_[i] = values[i];
      if (negative_[i]) limbs::sub(shifted_[i], FrModulus::p, values[i]);
      if (limbs::less(most, shifted_[i])) most = shifted_[i];
      nonzero += shifted_[i] != Limbs{};
    }
    count = values.size();
    cut = cheapest_cut(nonzero, most);
    const Limbs all = offset(cut);
    for (Limbs& value : shifted_) limbs::add(value, value, all);
  }

  void digits(unsigned window, std::int32_t* out) const override {
    const bool last = window + 1 == cut.windows;
    const std::int32_t middle = last ? 0 : std::int32_t(1) << (cut.width - 1);
    const Limb mask = (Limb(1) << (last ? 32 : cut.width)) - 1;
    // Bits from `at` on; beyond the end of a value they are zero.
    const unsigned at = window * cut.width, word = at / 64, shift = at % 64;
    const auto fill = [&](const auto& bits) {
      for (std::size_t i = 0; i < count; ++i) {
        const auto digit = std::int32_t(bits(shifted_[i]) & mask) - middle;
        const std::int32_t sign = -std::int32_t(negative_[i]);
        out[i] = (digit ^ sign) - sign;
      }
    };
    if (word > 3) {
      fill([](const Limbs&) { return Limb(0); });
    } else if (shift == 0 || word == 3) {
      fill([&](const Limbs& value) { return value[word] >> shift; });
    } else {
      fill([&](const Limbs& value) { return value[word] >> shift | value[word + 1] << (64 - shift); });
    }
  }

 private:
  std::vector<Limbs> shifted_;
  std::vector<std::uint8_t> negative_;
};

std::uint32_t magnitude(std::int32_t digit) {
  return digit < 0 ? 0 - std::uint32_t(digit) : std::uint32_t(digit);
}

struct Unit {
  std::size_t row;
  unsigned window;
};

// The points O_i of a unit, bit by bit from the lowest.
using Weighed = std::vector<Point>;

void run_task(const PointKernels& kernels, const StoredPoint* points,
              std::span<const std::unique_ptr<ScalarRow>> rows, std::span<const Unit> units,
              std::span<Weighed> results) {
  std::vector<std::int32_t> digits;
  std::vector<std::uint32_t> refs, starts{0};
  std::vector<PointSums::Window> windows;
  for (const Unit& unit : units) {
    const ScalarRow& row = *rows[unit.row];
    digits.resize(row.count);
    row.digits(unit.window, digits.data());
    // A counting sort by size; digit 0 has an empty segment.
    const std::size_t first = starts.size() - 1;
    windows.push_back({first, row.cut.digits});
    const auto begin = std::uint32_t(refs.size());
    std::vector<std::uint32_t> next(row.cut.digits + 2, 0);
    for (const std::int32_t digit : digits) {
      const std::uint32_t size = magnitude(digit);
      // The integers are the caller's memory, and may have grown since the row was cut.
      if (size > row.cut.digits) throw std::invalid_argument("rows: changed while in use");
      ++next[size + 1];
    }
    next[1] = 0;
    for (std::size_t k = 1; k < next.size(); ++k) {
      next[k] += next[k - 1];
      starts.push_back(begin + next[k]);
    }
    refs.resize(begin + next.back());
    for (std::size_t i = 0; i < row.count; ++i) {
      const std::int32_t digit = digits[i];
      if (digit == 0) continue;
      const auto ref = std::uint32_t(row.first + i);
      refs[begin + next[magnitude(digit)]++] = digit < 0 ? ref | kNegated : ref;
    }
  }
  PointSums sums(kernels);
  const auto weighed = sums.weigh(sums.sum(points, refs, starts), windows);
  std::vector<std::uint32_t> slots;
  for (const auto& bits : weighed) slots.insert(slots.end(), bits.begin(), bits.end());
  std::vector<Limb> words(slots.size() * kPointWords);
  sums.read(slots, words.data());
  const Limb* at = words.data();
  for (std::size_t u = 0; u < units.size(); ++u) {
    for (std::size_t i = 0; i < weighed[u].size(); ++i, at += kPointWords) {
      results[u].push_back({Fq(Limbs{at[0], at[1], at[2], at[3]}),
                            Fq(Limbs{at[4], at[5], at[6], at[7]})});
    }
  }
}

// sum over windows and bits of 2^(window width + bit) O.
template <class Arithmetic>
Point combined(const Cut& cut, std::span<const Weighed> windows) {
  auto sum = Jacobian<Arithmetic>::identity();
  for (std::size_t w = windows.size(); w-- > 0;) {
    // A window's digits reach 2^(width-1), so they have at most `width` bits.
    for (std::size_t bit = w + 1 < windows.size() ? cut.width : windows[w].size(); bit-- > 0;) {
      sum = sum.doubled();
      if (bit < windows[w].size()) {
        const Point& point = windows[w][bit];
        sum = sum + Affine<Arithmetic>{typename Affine<Arithmetic>::F(point.x),
                                       typename Affine<Arithmetic>::F(point.y)};
      }
    }
  }
  const auto affine = sum.affine();
  return {Fq(affine.x), Fq(affine.y)};
}

}  // namespace

Cut cheapest_cut(std::size_t count, const Limbs& most) {
  const int size = length(most);
  if (size == 0) return {};
  const auto buckets = [](std::uint64_t digits) { return 2 * digits + 64; };
  Cut best;
  std::uint64_t least = std::numeric_limits<std::uint64_t>::max();
  if (size <= int(kWidest)) {
    best = {1, unsigned(size), std::uint32_t(most[0])};
    least = count + buckets(most[0]);
  }
  for (unsigned width = 2; width <= kWidest; ++width) {
    const unsigned windows = unsigned(size + int(width)) / width;
    const std::uint32_t digits = std::uint32_t(1) << (width - 1);
    const std::uint64_t cost = windows * (count + buckets(digits));
    if (windows > 1 && cost < least) {
      best = {windows, width, digits};
      least = cost;
    }
  }
  return best;
}

template <class Integer>
std::unique_ptr<ScalarRow> integer_row(const Integer* values, std::size_t count) {
  return std::make_unique<IntegerRow<Integer>>(values, count);
}
template std::unique_ptr<ScalarRow> integer_row(const std::int8_t*, std::size_t);
template std::unique_ptr<ScalarRow> integer_row(const std::int16_t*, std::size_t);
template std::unique_ptr<ScalarRow> integer_row(const std::int32_t*, std::size_t);
template std::unique_ptr<ScalarRow> integer_row(const std::int64_t*, std::size_t);

std::unique_ptr<ScalarRow> field_row(std::span<const Limbs> values) {
  return std::make_unique<FieldRow>(values);
}

std::vector<Point> multiply(Backend backend, const StoredPoint* points,
                            std::span<const std::unique_ptr<ScalarRow>> rows) {
  const PointKernels& kernels = point_kernels(backend);
  std::vector<Unit> units;
  std::vector<std::size_t> first_unit;
  std::size_t total = 0;
  for (std::size_t r = 0; r < rows.size(); ++r) {
    first_unit.push_back(units.size());
    for (unsigned w = 0; w < rows[r]->cut.windows; ++w) units.push_back({r, w});
    total += rows[r]->cut.windows * rows[r]->count;
  }
  first_unit.push_back(units.size());

  const std::size_t share = std::clamp(total / (2 * threads()) + 1, kLeastTask, kMostTask);
  std::vector<std::size_t> tasks{0};
  std::size_t filled = 0;
  for (std::size_t u = 0; u < units.size(); ++u) {
    filled += rows[units[u].row]->count;
    if (filled >= share || u + 1 == units.size()) {
      tasks.push_back(u + 1);
      filled = 0;
    }
  }

  std::vector<Weighed> weighed(units.size());
  parallel_tasks(tasks.size() - 1, [&](std::size_t task) {
    const std::size_t begin = tasks[task], size = tasks[task + 1] - begin;
    run_task(kernels, points, rows, std::span(units).subspan(begin, size),
             std::span(weighed).subspan(begin, size));
  });

  std::vector<Point> sums(rows.size());
  parallel_for(rows.size(), 4, [&](std::size_t begin, std::size_t end) {
    for (std::size_t r = begin; r < end; ++r) {
      const auto own =
          std::span(weighed).subspan(first_unit[r], first_unit[r + 1] - first_unit[r]);
#if defined(__x86_64__)
      if (backend != Backend::portable) {
        sums[r] = combined<Mulx>(rows[r]->cut, own);
        continue;
      }
#endif
      sums[r] = combined<Portable>(rows[r]->cut, own);
    }
  });
  return sums;
}

}  // namespace avow::native

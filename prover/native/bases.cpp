// Reads points and lays out the sums that `msm` computes.
#include "bases.hpp"

#include <algorithm>
#include <atomic>
#include <stdexcept>
#include <string>

#include "pool.hpp"

namespace avow::native {

namespace {

// Entries that one step of `commit_values` works on.
constexpr std::size_t kStep = std::size_t(1) << 17;

void store(const Point& point, StoredPoint& to) {
  std::copy(point.x.v.begin(), point.x.v.end(), to.words);
  std::copy(point.y.v.begin(), point.y.v.end(), to.words + 4);
}

Point loaded(const StoredPoint& from) {
  const Limb* at = from.words;
  return {Fq(Limbs{at[0], at[1], at[2], at[3]}), Fq(Limbs{at[4], at[5], at[6], at[7]})};
}

template <class Arithmetic>
bool on_curve(const Point& point) {
  using A = Affine<Arithmetic>;
  return A{typename A::F(point.x), typename A::F(point.y)}.on_curve();
}

bool on_curve(const Point& point, Backend backend) {
#if defined(__x86_64__)
  if (backend != Backend::portable) return on_curve<Mulx>(point);
#endif
  (void)backend;
  return on_curve<Portable>(point);
}

// Distinct values of a row: the references of each, one after the other.
struct Grouped {
  std::vector<std::uint32_t> refs, starts{0}, values;
};

void group(const std::int32_t* row, std::size_t columns, std::vector<std::uint32_t>& counts,
           Grouped& out) {
  // A copy, because the caller's memory may change.
  const std::vector<std::int32_t> indices(row, row + columns);
  std::vector<std::int32_t> present;
  for (const std::int32_t index : indices) {
    if (index < -1 || index >= std::int64_t(counts.size())) {
      throw std::invalid_argument("indices: expected -1 to " +
                                  std::to_string(std::int64_t(counts.size()) - 1) + ", got " +
                                  std::to_string(index));
    }
    if (index >= 0 && counts[std::size_t(index)]++ == 0) present.push_back(index);
  }
  std::uint32_t at = std::uint32_t(out.refs.size());
  for (const std::int32_t value : present) {
    // The count becomes the place of the value's next reference.
    const std::uint32_t size = counts[std::size_t(value)];
    counts[std::size_t(value)] = at;
    at += size;
    out.starts.push_back(at);
    out.values.push_back(std::uint32_t(value));
  }
  out.refs.resize(at);
  for (std::size_t j = 0; j < columns; ++j) {
    if (indices[j] >= 0) out.refs[counts[std::size_t(indices[j])]++] = std::uint32_t(j);
  }
  for (const std::int32_t value : present) counts[std::size_t(value)] = 0;
}

// The rows' sums of points of equal value, and which value each belongs to.
struct Distinct {
  std::vector<StoredPoint> points;
  std::vector<Limbs> scalars;
  std::vector<std::size_t> rows{0};
};

Distinct distinct_sums(const PointKernels& kernels, const StoredPoint* points,
                       const std::int32_t* indices, std::size_t rows, std::size_t columns,
                       std::span<const Limbs> values) {
  Grouped grouped;
  std::vector<std::size_t> ends{0};
  std::vector<std::uint32_t> counts(values.size(), 0);
  for (std::size_t r = 0; r < rows; ++r) {
    group(indices + r * columns, columns, counts, grouped);
    ends.push_back(grouped.values.size());
  }
  PointSums sums(kernels);
  const auto slots = sums.sum(points, grouped.refs, grouped.starts);
  std::vector<StoredPoint> read(slots.size());
  Distinct out;
  if (!read.empty()) sums.read(slots, read.data()->words);
  for (std::size_t r = 0; r < rows; ++r) {
    for (std::size_t i = ends[r]; i < ends[r + 1]; ++i) {
      if (loaded(read[i]).is_identity()) continue;
      out.points.push_back(read[i]);
      out.scalars.push_back(values[grouped.values[i]]);
    }
    out.rows.push_back(out.points.size());
  }
  if (!out.points.empty()) {
    kernels.of_field(out.points.data()->words, out.points.data()->words, out.points.size());
  }
  return out;
}

}  // namespace

PointBytes point_bytes(const Point& point) {
  PointBytes bytes;
  point.x.to_big_endian(bytes.data());
  point.y.to_big_endian(bytes.data() + 32);
  return bytes;
}

Point parse_point(Bytes bytes) {
  Point point;
  if (bytes.size() != 64 || !Fq::of_big_endian(bytes.data(), point.x) ||
      !Fq::of_big_endian(bytes.data() + 32, point.y) ||
      !(point.is_identity() || point.on_curve())) {
    throw std::invalid_argument("point: expected 64 bytes of a point on the curve");
  }
  return point;
}

Bases Bases::parse(Bytes data, const Read& read) {
  const std::size_t size = data.size() / 64;
  if (data.empty() || data.size() % 64 != 0 || size >= kNegated) {
    throw std::invalid_argument("bases: expected points of 64 bytes, got " +
                                std::to_string(data.size()) + " bytes");
  }
  Bases bases;
  bases.backend_ = backend();
  bases.points_.resize(size);
  std::atomic<std::size_t> bad{size};
  parallel_for(size, 256, [&](std::size_t begin, std::size_t end) {
    for (std::size_t i = begin; i < end; ++i) {
      Point point;
      if (!read(data.data() + 64 * i, point) || !on_curve(point, bases.backend_)) {
        std::size_t seen = bad.load();
        while (i < seen && !bad.compare_exchange_weak(seen, i)) {
        }
        return;
      }
      store(point, bases.points_[i]);
    }
    Limb* words = bases.points_[begin].words;
    point_kernels(bases.backend_).of_field(words, words, end - begin);
  });
  if (bad.load() != size) {
    throw std::invalid_argument("bases: expected points of the curve, got something else at " +
                                std::to_string(bad.load()));
  }
  return bases;
}

Bases Bases::of_montgomery(Bytes data) {
  return parse(data, [](const std::uint8_t* bytes, Point& point) {
    return Fq::of_montgomery(bytes, point.x) && Fq::of_montgomery(bytes + 32, point.y);
  });
}

Bases Bases::of_canonical(Bytes data) {
  return parse(data, [](const std::uint8_t* bytes, Point& point) {
    return Fq::of_big_endian(bytes, point.x) && Fq::of_big_endian(bytes + 32, point.y);
  });
}

void Bases::check_columns(std::size_t columns) const {
  if (columns > size()) {
    throw std::invalid_argument("bases: expected at most " + std::to_string(size()) +
                                " values in a row, got " + std::to_string(columns));
  }
}

Point Bases::commit(std::span<const Limbs> canonical) const {
  check_columns(canonical.size());
  std::vector<std::unique_ptr<ScalarRow>> rows;
  rows.push_back(field_row(canonical));
  return multiply(backend_, points_.data(), rows)[0];
}

std::vector<Point> Bases::commit_matrices(std::span<const Matrix> matrices) const {
  std::vector<std::pair<const Matrix*, std::size_t>> places;
  for (const Matrix& matrix : matrices) {
    check_columns(matrix.columns);
    for (std::size_t r = 0; r < matrix.rows; ++r) places.emplace_back(&matrix, r);
  }
  std::vector<std::unique_ptr<ScalarRow>> own(places.size());
  parallel_for(own.size(), 4, [&](std::size_t begin, std::size_t end) {
    for (std::size_t i = begin; i < end; ++i) {
      const auto& [matrix, row] = places[i];
      const std::size_t size = matrix->columns, at = row * size;
      const void* data = matrix->ints.data;
      switch (matrix->ints.kind) {
        case IntKind::int8:
          own[i] = integer_row(static_cast<const std::int8_t*>(data) + at, size);
          break;
        case IntKind::int16:
          own[i] = integer_row(static_cast<const std::int16_t*>(data) + at, size);
          break;
        case IntKind::int32:
          own[i] = integer_row(static_cast<const std::int32_t*>(data) + at, size);
          break;
        case IntKind::int64:
          own[i] = integer_row(static_cast<const std::int64_t*>(data) + at, size);
          break;
      }
    }
  });
  return multiply(backend_, points_.data(), own);
}

std::vector<Point> Bases::commit_values(const std::int32_t* indices, std::size_t rows,
                                        std::size_t columns,
                                        std::span<const Limbs> values) const {
  check_columns(columns);
  const std::size_t step = std::clamp<std::size_t>(
      std::min(kStep, rows * columns / (2 * threads()) + 1) / std::max<std::size_t>(columns, 1), 1,
      std::max<std::size_t>(rows, 1));
  const std::size_t steps = (rows + step - 1) / step;
  std::vector<Distinct> found(steps);
  parallel_tasks(steps, [&](std::size_t s) {
    found[s] = distinct_sums(point_kernels(backend_), points_.data(),
                             indices + s * step * columns, std::min(step, rows - s * step),
                             columns, values);
  });
  std::vector<Point> sums;
  for (const Distinct& own : found) {
    std::vector<std::unique_ptr<ScalarRow>> parts;
    for (std::size_t r = 0; r + 1 < own.rows.size(); ++r) {
      const std::size_t first = own.rows[r], size = own.rows[r + 1] - first;
      parts.push_back(field_row(std::span(own.scalars).subspan(first, size)));
      parts.back()->first = first;
    }
    const auto part = multiply(backend_, own.points.data(), parts);
    sums.insert(sums.end(), part.begin(), part.end());
  }
  return sums;
}

std::vector<Point> multiples(std::span<const Limbs> scalars) {
  constexpr std::uint32_t kDigits = 255;
  constexpr std::size_t kScalars = 4096;
  // Entry 255 w + d - 1 is d 256^w times the generator.
  std::vector<StoredPoint> table(32 * kDigits);
  parallel_tasks(32, [&](std::size_t w) {
    Limbs power{};
    power[w / 8] = Limb(1) << (8 * (w % 8));
    const Point one =
        multiplied(Point{Fq::of_int(1), Fq::of_int(2)}, power).affine();
    auto sum = Jacobian<Portable>::identity();
    for (std::uint32_t d = 0; d < kDigits; ++d) {
      sum = sum + one;
      store(sum.affine(), table[w * kDigits + d]);
    }
  });
  const PointKernels& kernels = point_kernels(backend());
  kernels.of_field(table.data()->words, table.data()->words, table.size());
  std::vector<Point> found(scalars.size());
  parallel_tasks((scalars.size() + kScalars - 1) / kScalars, [&](std::size_t task) {
    const std::size_t begin = task * kScalars, size = std::min(kScalars, scalars.size() - begin);
    std::vector<std::uint32_t> refs, starts{0};
    for (std::size_t i = begin; i < begin + size; ++i) {
      for (std::uint32_t w = 0; w < 32; ++w) {
        const auto digit = std::uint32_t(scalars[i][w / 8] >> (8 * (w % 8)) & 0xff);
        if (digit) refs.push_back(w * kDigits + digit - 1);
      }
      starts.push_back(std::uint32_t(refs.size()));
    }
    PointSums sums(kernels);
    std::vector<StoredPoint> read(size);
    sums.read(sums.sum(table.data(), refs, starts), read.data()->words);
    for (std::size_t i = 0; i < size; ++i) found[begin + i] = loaded(read[i]);
  });
  return found;
}

}  // namespace avow::native

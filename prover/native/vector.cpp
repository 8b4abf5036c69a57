// Memory, moving elements about, and elementwise operations.
#include "vector.hpp"

#include <algorithm>
#include <cstring>
#include <limits>
#include <new>
#include <stdexcept>
#include <string>

#include "parts.hpp"
#include "scalar.hpp"

namespace avow::native {

namespace {

std::string text(std::size_t value) { return std::to_string(value); }

}  // namespace

Vector Vector::raw(const Kernels& kernels, std::size_t size) {
  if (size > std::numeric_limits<std::size_t>::max() / 64) throw std::bad_alloc();
  Vector out;
  out.kernels = &kernels;
  out.size = size;
  out.storage = std::make_shared<Storage>(out.blocks() * kernels.words);
  if (size % kernels.lanes) {
    std::memset(out.block(out.blocks() - 1), 0, kernels.words * sizeof(Limb));
  }
  return out;
}

Vector Vector::zeros(const Kernels& kernels, std::size_t size) {
  Vector out = raw(kernels, size);
  over_blocks(kernels, out.blocks(), [&](std::size_t begin, std::size_t end) {
    std::memset(out.block(begin), 0, (end - begin) * kernels.words * sizeof(Limb));
  });
  return out;
}

Limbs Vector::at(std::size_t index) const {
  alignas(64) Limb block[64] = {};
  copy_elements(*kernels, block, 0, data(), index, 1);
  std::uint8_t bytes[32];
  kernels->to_bytes(bytes, block, 1);
  Limbs out{};
  for (int i = 0; i < 32; ++i) out[i / 8] |= Limb(bytes[i]) << (8 * (i % 8));
  return out;
}

void Vector::make_own() {
  if (storage.use_count() == 1) return;
  Vector copy = raw(*kernels, size);
  over_blocks(*kernels, blocks(), [&](std::size_t begin, std::size_t end) {
    std::memcpy(copy.block(begin), block(begin), (end - begin) * kernels->words * sizeof(Limb));
  });
  *this = std::move(copy);
}

void copy_elements(const Kernels& kernels, Limb* to, std::size_t at, const Limb* from_data,
                   std::size_t from, std::size_t count) {
  const std::size_t lanes = kernels.lanes, words = kernels.words;
  if (at % lanes == 0 && from % lanes == 0) {
    const std::size_t blocks = count / lanes;
    std::memcpy(to + at / lanes * words, from_data + from / lanes * words,
                blocks * words * sizeof(Limb));
    at += blocks * lanes;
    from += blocks * lanes;
    count -= blocks * lanes;
  }
  for (std::size_t i = 0; i < count; ++i) {
    Limb* target = to + (at + i) / lanes * words + (at + i) % lanes;
    const Limb* source = from_data + (from + i) / lanes * words + (from + i) % lanes;
    for (std::size_t j = 0; j < words; j += lanes) target[j] = source[j];
  }
}

void check_same_backend(const Vector& a, const Vector& b) {
  if (a.kernels == b.kernels) return;
  throw std::invalid_argument(std::string("vectors: expected one backend, got ") +
                              backend_name(a.kernels->backend) + " and " +
                              backend_name(b.kernels->backend));
}

void check_same_size(const Vector& a, const Vector& b) {
  check_same_backend(a, b);
  if (a.size == b.size) return;
  throw std::invalid_argument("vectors: expected one length, got " + text(a.size) + " and " +
                              text(b.size));
}

Vector vector_of(const Kernels& kernels, std::span<const Fr> values) {
  std::vector<Limbs> canonical;
  canonical.reserve(values.size());
  for (const Fr& value : values) canonical.push_back(value.canonical());
  return vector_of_canonical(kernels, canonical);
}

Vector vector_of_canonical(const Kernels& kernels, std::span<const Limbs> values) {
  std::vector<std::uint8_t> bytes(32 * values.size());
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    bytes[i] = std::uint8_t(values[i / 32][i % 32 / 8] >> (8 * (i % 8)));
  }
  return vector_of_bytes(kernels, bytes.data(), values.size());
}

Vector vector_of_bytes(const Kernels& kernels, const std::uint8_t* bytes, std::size_t count) {
  Vector out = Vector::raw(kernels, count);
  const std::size_t lanes = kernels.lanes;
  std::size_t wrong = count;
  std::mutex mutex;
  over_blocks(kernels, out.blocks(), [&](std::size_t begin, std::size_t end) {
    const std::size_t first = begin * lanes, some = std::min(end * lanes, count) - first;
    const std::size_t fit = kernels.of_bytes(out.block(begin), bytes + 32 * first, some);
    if (fit == some) return;
    const std::lock_guard lock(mutex);
    wrong = std::min(wrong, first + fit);
  });
  if (wrong != count) {
    throw std::invalid_argument("scalars: element " + text(wrong) +
                                " is not below the field's order");
  }
  return out;
}

void vector_to_bytes(const Vector& a, std::uint8_t* out) {
  const std::size_t lanes = a.kernels->lanes;
  over_blocks(*a.kernels, a.blocks(), [&](std::size_t begin, std::size_t end) {
    const std::size_t first = begin * lanes;
    a.kernels->to_bytes(out + 32 * first, a.block(begin), std::min(end * lanes, a.size) - first);
  });
}

namespace {

template <class Kernel>
Vector elementwise(const Vector& a, const Vector& b, Kernel kernel) {
  check_same_size(a, b);
  Vector out = Vector::raw(*a.kernels, a.size);
  over_blocks(*a.kernels, a.blocks(), [&](std::size_t begin, std::size_t end) {
    kernel(out.block(begin), a.block(begin), b.block(begin), end - begin);
  });
  return out;
}

}  // namespace

Vector added(const Vector& a, const Vector& b) { return elementwise(a, b, a.kernels->add); }
Vector subtracted(const Vector& a, const Vector& b) { return elementwise(a, b, a.kernels->sub); }
Vector multiplied(const Vector& a, const Vector& b) { return elementwise(a, b, a.kernels->mul); }

Vector scaled(const Vector& a, const Fr& by) {
  const Scalar factor(by);
  Vector out = Vector::raw(*a.kernels, a.size);
  over_blocks(*a.kernels, a.blocks(), [&](std::size_t begin, std::size_t end) {
    a.kernels->scale(out.block(begin), a.block(begin), factor, end - begin);
  });
  return out;
}

void check_indices(std::span<const std::int32_t> index, std::size_t size, const char* name) {
  std::int32_t least = 0, most = -1;
  std::mutex mutex;
  parallel_for(index.size(), 8 * kGrain, [&](std::size_t begin, std::size_t end) {
    std::int32_t low = 0, high = -1;
    for (std::size_t i = begin; i < end; ++i) {
      low = std::min(low, index[i]);
      high = std::max(high, index[i]);
    }
    const std::lock_guard lock(mutex);
    least = std::min(least, low);
    most = std::max(most, high);
  });
  if (least >= -1 && (most < 0 || std::size_t(most) < size)) return;
  for (std::size_t i = 0; i < index.size(); ++i) {
    if (index[i] < -1 || (index[i] >= 0 && std::size_t(index[i]) >= size)) {
      throw std::invalid_argument(std::string(name) + ": expected indices from -1 to " +
                                  text(size) + " - 1, got " + std::to_string(index[i]) + " at " +
                                  text(i));
    }
  }
}

Vector gathered(const Vector& a, const std::int32_t* index, std::size_t count) {
  check_indices({index, count}, a.size, "gather");
  if (a.size == 0) return Vector::zeros(*a.kernels, count);
  const std::size_t lanes = a.kernels->lanes;
  Vector out = Vector::raw(*a.kernels, count);
  over_blocks(*a.kernels, out.blocks(), [&](std::size_t begin, std::size_t end) {
    const std::size_t first = begin * lanes;
    a.kernels->pick(out.block(begin), a.data(), index + first, -1,
                    std::min(end * lanes, count) - first);
  });
  return out;
}

Vector inverted(const Vector& a) {
  const std::size_t lanes = a.kernels->lanes;
  Vector out = Vector::raw(*a.kernels, a.size);
  std::size_t wrong = a.size;
  std::mutex mutex;
  over_blocks(*a.kernels, a.blocks(), [&](std::size_t begin, std::size_t end) {
    const std::size_t first = begin * lanes, some = std::min(end * lanes, a.size) - first;
    const std::size_t fit = a.kernels->inverse(out.block(begin), a.block(begin), some);
    if (fit == some) return;
    const std::lock_guard lock(mutex);
    wrong = std::min(wrong, first + fit);
  });
  if (wrong != a.size) {
    throw std::invalid_argument("inverse: element " + text(wrong) + " is zero");
  }
  return out;
}

void add_scaled(Vector& a, const Vector& b, const Fr& by) {
  check_same_size(a, b);
  const Scalar factor(by);
  over_blocks(*a.kernels, a.blocks(), [&](std::size_t begin, std::size_t end) {
    a.kernels->addmul(a.block(begin), b.block(begin), factor, end - begin);
  });
}

void set_range(Vector& a, std::size_t at, const Vector& b) {
  check_same_backend(a, b);
  if (at > a.size || b.size > a.size - at) {
    throw std::invalid_argument("set_range: " + text(b.size) + " elements at " + text(at) +
                                " do not fit in " + text(a.size));
  }
  copy_elements(*a.kernels, a.data(), at, b.data(), 0, b.size);
}

Fr sum(const Vector& a) {
  return sum_over_blocks(*a.kernels, a.blocks(), [&](std::size_t begin, std::size_t end) {
    Limbs part{};
    a.kernels->sum(part.data(), a.block(begin), end - begin);
    return Fr::of_canonical(part);
  });
}

Fr dot(const Vector& a, const Vector& b) {
  check_same_size(a, b);
  return sum_over_blocks(*a.kernels, a.blocks(), [&](std::size_t begin, std::size_t end) {
    Limbs part{};
    a.kernels->dot(part.data(), a.block(begin), b.block(begin), end - begin);
    return Fr::of_canonical(part);
  });
}

}  // namespace avow::native

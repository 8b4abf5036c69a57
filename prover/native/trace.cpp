// Chunks are converted and hashed a few at a time, so that they never leave the first cache.
#include "trace.hpp"

#include <algorithm>
#include <array>
#include <atomic>
#include <cstring>
#include <stdexcept>
#include <string>

#include "pool.hpp"

namespace avow::native {

namespace {

constexpr std::size_t kChunk = 256;
constexpr std::size_t kGroup = 32;  // chunks or nodes that one call hashes
constexpr std::size_t kGrain = 8;   // groups that are worth another thread
constexpr std::size_t kRate = TraceKernels::kRate;

// Messages of one kind: a first byte, room for data, Keccak's padding.
template <std::size_t Data>
class Messages {
 public:
  static constexpr std::size_t kBlocks = Data + 1 < kRate ? 1 : 2;
  static_assert(Data + 1 < kBlocks * kRate);

  explicit Messages(std::uint8_t first) {
    for (std::size_t at = 0; at < kGroup; ++at) {
      std::uint8_t* message = &bytes_[at * kBlocks * kRate];
      message[0] = first;
      message[1 + Data] = 1;
      message[kBlocks * kRate - 1] |= 0x80;
    }
  }

  std::uint8_t* operator[](std::size_t at) { return &bytes_[at * kBlocks * kRate + 1]; }

  void hash(std::uint8_t* out, std::size_t count, const TraceKernels& kernels) const {
    kernels.hash(out, bytes_.data(), kBlocks, count);
  }

 private:
  std::array<std::uint8_t, kGroup * kBlocks * kRate> bytes_{};
};

// What pads a tree: at each height a tree of nothing but zero words.
const std::vector<Digest>& empty_trees() {
  static const std::vector<Digest> trees = [] {
    std::vector<Digest> found(1);
    while (found.size() < 64) {
      std::array<std::uint8_t, 65> message{1};
      std::copy(found.back().begin(), found.back().end(), message.begin() + 1);
      std::copy(found.back().begin(), found.back().end(), message.begin() + 33);
      found.push_back(keccak256(message));
    }
    return found;
  }();
  return trees;
}

// The root over leaves that lie one after the other; they are overwritten.
Digest root_of(std::vector<std::uint8_t>& leaves, const TraceKernels& kernels) {
  std::vector<std::uint8_t> above;
  for (std::size_t height = 0; leaves.size() > 32; ++height) {
    if (leaves.size() / 32 % 2 == 1) {
      const Digest& empty = empty_trees()[height];
      leaves.insert(leaves.end(), empty.begin(), empty.end());
    }
    const std::size_t count = leaves.size() / 64;
    above.resize(32 * count);
    parallel_for((count + kGroup - 1) / kGroup, kGrain, [&](std::size_t begin, std::size_t end) {
      Messages<64> nodes(1);
      for (std::size_t group = begin; group < end; ++group) {
        const std::size_t first = group * kGroup, live = std::min(kGroup, count - first);
        for (std::size_t at = 0; at < live; ++at) {
          std::memcpy(nodes[at], &leaves[64 * (first + at)], 64);
        }
        nodes.hash(&above[32 * first], live, kernels);
      }
    });
    leaves.swap(above);
  }
  Digest root;
  std::copy(leaves.begin(), leaves.end(), root.begin());
  return root;
}

// The number of elements that lie between two neighbours of each axis in storage order, and where
// the elements are: as they came, or packed.
class Walk {
 public:
  Walk(const Stored& tensor, const TraceKernels& kernels)
      : lengths_(tensor.lengths), steps_(tensor.steps), width_(tensor.width), data_(tensor.data),
        convert_(kernels.converter(tensor.kind, tensor.width)) {
    if (convert_ == nullptr) throw std::invalid_argument("trace: expected a width of 1, 2, 4 or 8");
    if (lengths_.empty()) {
      lengths_.push_back(1);
      steps_.push_back(1);
    }
    for (const std::size_t length : lengths_) count_ *= length;
    // Single numbers are converted slowly; moving them when they are integers is cheap.
    if (steps_.back() != 1) pack();
  }

  std::size_t count() const { return count_; }
  bool good() const { return good_; }

  // Elements [first, first + count) in storage order.
  void write(std::uint8_t* out, std::size_t first, std::size_t count) {
    const std::size_t inner = lengths_.back(), step = steps_.back();
    while (count > 0) {
      std::size_t rest = first / inner, place = first % inner * step;
      for (std::size_t axis = lengths_.size() - 1; axis-- > 0;) {
        place += rest % lengths_[axis] * steps_[axis];
        rest /= lengths_[axis];
      }
      const std::size_t run = std::min(count, inner - first % inner);
      if (packed_.empty()) {
        if (!convert_(out, data_, place, run)) good_ = false;
      } else {
        gather(out, place, step, run);
      }
      out += run * width_;
      first += run;
      count -= run;
    }
  }

 private:
  void pack() {
    packed_.resize(count_ * width_);
    parallel_for((count_ + kPacked - 1) / kPacked, 1, [&](std::size_t begin, std::size_t end) {
      const std::size_t first = begin * kPacked, last = std::min(end * kPacked, count_);
      if (!convert_(&packed_[first * width_], data_, first, last - first)) good_ = false;
    });
  }

  void gather(std::uint8_t* out, std::size_t place, std::size_t step, std::size_t count) const {
    switch (width_) {
      case 1: return gather_wide<1>(out, place, step, count);
      case 2: return gather_wide<2>(out, place, step, count);
      case 4: return gather_wide<4>(out, place, step, count);
      default: return gather_wide<8>(out, place, step, count);
    }
  }

  template <unsigned Width>
  void gather_wide(std::uint8_t* out, std::size_t place, std::size_t step,
                   std::size_t count) const {
    const std::uint8_t* from = &packed_[place * Width];
    for (std::size_t i = 0; i < count; ++i) std::memcpy(out + i * Width, from + i * step * Width, Width);
  }

  static constexpr std::size_t kPacked = 1 << 14;

  std::vector<std::size_t> lengths_, steps_;
  unsigned width_;
  const void* data_;
  Convert convert_;
  std::size_t count_ = 1;
  std::vector<std::uint8_t> packed_;
  std::atomic<bool> good_{true};
};

}  // namespace

Digest tensor_root(const Stored& tensor) {
  const TraceKernels& kernels = trace_kernels_of(backend());
  Walk walk(tensor, kernels);
  const std::size_t count = walk.count(), each = kChunk / tensor.width;
  const std::size_t chunks = (count + each - 1) / each;
  std::vector<std::uint8_t> leaves(32 * chunks);
  parallel_for((chunks + kGroup - 1) / kGroup, kGrain, [&](std::size_t begin, std::size_t end) {
    Messages<kChunk> messages(0);
    for (std::size_t group = begin; group < end; ++group) {
      const std::size_t first = group * kGroup, live = std::min(kGroup, chunks - first);
      for (std::size_t at = 0; at < live; ++at) {
        const std::size_t from = (first + at) * each, full = std::min(each, count - from);
        walk.write(messages[at], from, full);
        std::memset(messages[at] + full * tensor.width, 0, kChunk - full * tensor.width);
      }
      messages.hash(&leaves[32 * first], live, kernels);
    }
  });
  if (!walk.good()) {
    throw std::invalid_argument("trace: a number is no integer of " +
                                std::to_string(tensor.width) + " bytes");
  }
  return root_of(leaves, kernels);
}

Digest trace_root(const Digest& statement, Bytes roots) {
  if (roots.empty() || roots.size() % 32 != 0) {
    throw std::invalid_argument("trace: expected roots of 32 bytes, got " +
                                std::to_string(roots.size()) + " bytes");
  }
  const TraceKernels& kernels = trace_kernels_of(backend());
  const std::size_t count = roots.size() / 32;
  std::vector<std::uint8_t> leaves(roots.size());
  Messages<68> messages(0);
  for (std::size_t first = 0; first < count; first += kGroup) {
    const std::size_t live = std::min(kGroup, count - first);
    for (std::size_t at = 0; at < live; ++at) {
      const std::size_t number = first + at;
      std::memcpy(messages[at], statement.data(), 32);
      for (int i = 0; i < 4; ++i) messages[at][32 + i] = std::uint8_t(number >> (24 - 8 * i));
      std::memcpy(messages[at] + 36, &roots[32 * number], 32);
    }
    messages.hash(&leaves[32 * first], live, kernels);
  }
  return root_of(leaves, kernels);
}

}  // namespace avow::native

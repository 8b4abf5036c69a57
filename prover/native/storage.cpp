// Memory in large pages, some of it kept for the next vector: a fresh small page costs more time
// than the arithmetic on what fits in it.
#include "storage.hpp"

#include <algorithm>
#include <bit>
#include <limits>
#include <map>
#include <mutex>
#include <new>

#if defined(__linux__)
#include <sys/mman.h>
#endif

namespace avow::native {

namespace {

constexpr std::align_val_t kAlignment{64};
constexpr std::size_t kLargePage = std::size_t(2) << 20;
constexpr std::size_t kMapped = std::size_t(1) << 20;  // from here on mapped, in large pages
constexpr std::size_t kKept = std::size_t(1) << 15;    // from here on kept for the next one
#if defined(__SANITIZE_ADDRESS__)
constexpr std::size_t kMostKept = 0;  // so that a use after the end is seen
#else
constexpr std::size_t kMostKept = std::size_t(192) << 20;
#endif

constexpr std::size_t kMostLarger = 2;

// At most an eighth more, so that few sizes come up.
std::size_t rounded(std::size_t bytes) {
  const std::size_t step = std::max<std::size_t>(64, std::bit_floor(bytes) / 8);
  return (bytes + step - 1) / step * step;
}

#if defined(__linux__)
Limb* map_pages(std::size_t bytes) {
  // Enough to cut a beginning on the boundary of a large page.
  const std::size_t all = bytes + kLargePage;
  void* found = mmap(nullptr, all, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (found == MAP_FAILED) throw std::bad_alloc();
  auto* begin = static_cast<std::byte*>(found);
  const auto address = reinterpret_cast<std::uintptr_t>(begin);
  const std::size_t before = (kLargePage - address % kLargePage) % kLargePage;
  if (before) munmap(begin, before);
  munmap(begin + before + bytes, all - before - bytes);
  madvise(begin + before, bytes, MADV_HUGEPAGE);
  return reinterpret_cast<Limb*>(begin + before);
}
#endif

Limb* take(std::size_t bytes) {
#if defined(__linux__)
  if (bytes >= kMapped) return map_pages(bytes);
#endif
  return static_cast<Limb*>(::operator new(bytes, kAlignment));
}

void give_back(Limb* data, std::size_t bytes) {
#if defined(__linux__)
  if (bytes >= kMapped) {
    munmap(data, bytes);
    return;
  }
#endif
  ::operator delete(data, kAlignment);
}

struct Kept {
  std::mutex mutex;
  std::multimap<std::size_t, Limb*> blocks;
  std::size_t bytes = 0;
};

// Never destroyed: vectors may outlive whatever is torn down at exit. Where the lock is taken
// (also for ever, in a child forked meanwhile) nothing is kept.
Kept& kept() {
  static Kept* const all = new Kept;
  return *all;
}

}  // namespace

Storage::Storage(std::size_t words) {
  if (words > std::numeric_limits<std::size_t>::max() / sizeof(Limb) / 4) throw std::bad_alloc();
  bytes_ = rounded(std::max<std::size_t>(words, 8) * sizeof(Limb));
  if (bytes_ >= kMapped) bytes_ = (bytes_ + 4095) / 4096 * 4096;
  if (bytes_ >= kKept) {
    Kept& all = kept();
    const std::unique_lock lock(all.mutex, std::try_to_lock);
    if (lock) {
      // Rather a block that is too large than fresh pages.
      const auto found = all.blocks.lower_bound(bytes_);
      if (found != all.blocks.end() && found->first <= kMostLarger * bytes_) {
        bytes_ = found->first;
        data_ = found->second;
        all.blocks.erase(found);
        all.bytes -= bytes_;
        return;
      }
    }
  }
  data_ = take(bytes_);
}

Storage::~Storage() {
  if (bytes_ >= kKept && bytes_ <= kMostKept / 2) {
    Kept& all = kept();
    const std::unique_lock lock(all.mutex, std::try_to_lock);
    if (lock && all.bytes + bytes_ <= kMostKept) {
      try {
        all.blocks.emplace(bytes_, data_);
        all.bytes += bytes_;
        return;
      } catch (const std::bad_alloc&) {
      }
    }
  }
  give_back(data_, bytes_);
}

}  // namespace avow::native

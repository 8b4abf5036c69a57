// The threads are made at the first parallel call and again after a fork.
#include "pool.hpp"

#include <pthread.h>
#include <sched.h>

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <exception>
#include <memory>
#include <mutex>
#include <stdexcept>
#include <string>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace avow::native {

namespace {

// Some ten microseconds of waiting before each offer of the core to whoever else wants it, and the
// number of such offers before a helper sleeps.
constexpr int kPauses = 300;
constexpr int kOffers = 20;
constexpr std::size_t kMostThreads = 256;

// Waits for a condition, first on this core alone, then offering it; false after `offers`.
template <class Condition>
bool wait_for(const Condition& condition, int offers) {
  for (int offered = 0;; ++offered) {
    for (int i = 0; i < kPauses; ++i) {
      if (condition()) return true;
#if defined(__x86_64__)
      _mm_pause();
#endif
    }
    if (offered == offers) return false;
    std::this_thread::yield();
  }
}

class Pool {
 public:
  explicit Pool(std::size_t helpers) {
    try {
      for (std::size_t i = 0; i < helpers; ++i) threads_.emplace_back([this] { work(); });
    } catch (const std::system_error&) {
      // The system gives no more threads: those that there are do the work.
    } catch (...) {
      stop();
      throw;
    }
  }
  ~Pool() { stop(); }

  void run(std::size_t count, std::size_t part,
           const std::function<void(std::size_t, std::size_t)>& body) {
    count_ = count;
    part_ = part;
    body_ = &body;
    error_ = nullptr;
    next_.store(0, std::memory_order_relaxed);
    {
      std::lock_guard lock(mutex_);
      gate_.store(((gate_.load(std::memory_order_relaxed) >> kTurn) + 1) << kTurn,
                  std::memory_order_release);
    }
    wake_.notify_all();
    take();
    // Nothing is left to take: whoever has not entered stays out, the others end their part.
    gate_.fetch_or(kClosed, std::memory_order_acq_rel);
    const auto empty = [&] { return (gate_.load(std::memory_order_acquire) & (kClosed - 1)) == 0; };
    while (!wait_for(empty, kOffers)) {
    }
    if (error_) std::rethrow_exception(std::exchange(error_, nullptr));
  }

 private:
  void stop() {
    {
      std::lock_guard lock(mutex_);
      stopping_ = true;
      gate_.fetch_add(std::uint64_t(1) << kTurn, std::memory_order_release);
    }
    wake_.notify_all();
    for (std::thread& thread : threads_) thread.join();
  }

  void take() {
    for (;;) {
      const std::size_t begin = next_.fetch_add(part_, std::memory_order_relaxed);
      if (begin >= count_) return;
      try {
        (*body_)(begin, std::min(begin + part_, count_));
      } catch (...) {
        std::lock_guard lock(mutex_);
        if (!error_) error_ = std::current_exception();
      }
    }
  }

  std::uint64_t turn() const { return gate_.load(std::memory_order_acquire) >> kTurn; }

  void work() {
    std::uint64_t seen = 0;
    for (;;) {
      const auto called = [&] { return turn() != seen; };
      if (!wait_for(called, kOffers)) {
        std::unique_lock lock(mutex_);
        wake_.wait(lock, called);
      }
      std::uint64_t gate = gate_.load(std::memory_order_acquire);
      seen = gate >> kTurn;
      if (stopping_) return;
      while ((gate >> kTurn) == seen && !(gate & kClosed)) {
        if (!gate_.compare_exchange_weak(gate, gate + 1, std::memory_order_acq_rel)) continue;
        take();
        gate_.fetch_sub(1, std::memory_order_release);
        break;
      }
    }
  }

  std::vector<std::thread> threads_;
  std::mutex mutex_;
  std::condition_variable wake_;
  // The turn's number, whether it is closed, and how many helpers are inside.
  static constexpr int kTurn = 17;
  static constexpr std::uint64_t kClosed = 1 << 16;
  std::atomic<std::uint64_t> gate_{kClosed};
  std::atomic<std::size_t> next_{0};
  std::atomic<bool> stopping_{false};
  std::size_t count_ = 0;
  std::size_t part_ = 1;
  const std::function<void(std::size_t, std::size_t)>* body_ = nullptr;
  std::exception_ptr error_;
};

std::atomic<std::size_t> wanted{0};

// The cores that this process may run on.
std::size_t cores() {
#if defined(__linux__)
  cpu_set_t own;
  if (sched_getaffinity(0, sizeof own, &own) == 0) return std::size_t(CPU_COUNT(&own));
#endif
  return std::thread::hardware_concurrency();
}

struct Shared {
  std::atomic<bool> busy{false};
  std::unique_ptr<Pool> pool;
  std::size_t size = 0;
};

// Never destroyed at exit: a thread must not be joined while the interpreter ends.
std::atomic<Shared*> shared{nullptr};

Shared& state() {
  Shared* found = shared.load(std::memory_order_acquire);
  if (!found) {
    auto* made = new Shared;
    if (shared.compare_exchange_strong(found, made)) {
      // A child has none of the threads, so it leaves the parent's pool behind and makes its own.
      static const int registered =
          pthread_atfork(nullptr, nullptr, [] { shared.store(nullptr); });
      (void)registered;
      return *made;
    }
    delete made;
  }
  return *found;
}

void run_parts(std::size_t count, std::size_t part,
               const std::function<void(std::size_t, std::size_t)>& body) {
  if (count == 0) return;
  const std::size_t most = threads();
  if (most == 1 || count <= part) return body(0, count);
  Shared& own = state();
  // A part that itself asks for threads, or a second thread of the caller, works alone.
  if (own.busy.exchange(true, std::memory_order_acquire)) return body(0, count);
  struct Release {
    std::atomic<bool>& busy;
    ~Release() { busy.store(false, std::memory_order_release); }
  } release{own.busy};
  if (own.size != most) {
    own.pool.reset();
    own.size = 0;
    own.pool = std::make_unique<Pool>(most - 1);
    own.size = most;
  }
  own.pool->run(count, part, body);
}

}  // namespace

void set_threads(std::size_t count) {
  if (count < 1 || count > kMostThreads) {
    throw std::invalid_argument("threads: expected 1 to " + std::to_string(kMostThreads) +
                                ", got " + std::to_string(count));
  }
  wanted.store(count);
}

std::size_t threads() {
  if (const std::size_t count = wanted.load()) return count;
  return std::clamp<std::size_t>(cores(), 1, kMostThreads);
}

void parallel_for(std::size_t count, std::size_t grain,
                  const std::function<void(std::size_t, std::size_t)>& body) {
  const std::size_t most = threads();
  grain = std::max<std::size_t>(grain, 1);
  // A few parts each, so that a thread that is held up costs little.
  run_parts(count, std::max(grain, (count + 4 * most - 1) / (4 * most)), body);
}

void parallel_tasks(std::size_t count, const std::function<void(std::size_t)>& body) {
  run_parts(count, 1, [&body](std::size_t begin, std::size_t end) {
    for (std::size_t task = begin; task < end; ++task) body(task);
  });
}

}  // namespace avow::native

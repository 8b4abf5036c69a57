// Reads the processor's abilities and keeps the choice.
#include "dispatch.hpp"

#include <atomic>
#include <cstdlib>
#include <stdexcept>

namespace avow::native {

namespace {

bool can_run(Backend backend) {
  switch (backend) {
    case Backend::portable:
      return true;
#if defined(__x86_64__)
    // These builtins also ask whether the operating system saves the wide registers.
    case Backend::mulx:
      return __builtin_cpu_supports("bmi2") && __builtin_cpu_supports("adx");
    case Backend::ifma:
      return can_run(Backend::mulx) && __builtin_cpu_supports("avx512f") &&
             __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512dq") &&
             __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512ifma") &&
             __builtin_cpu_supports("avx512vbmi") && __builtin_cpu_supports("avx512vnni");
#endif
    default:
      return false;
  }
}

std::atomic<int>& choice() {
  static std::atomic<int> chosen{int(available_backends().back())};
  return chosen;
}

}  // namespace

const char* backend_name(Backend backend) {
  switch (backend) {
    case Backend::mulx:
      return "mulx";
    case Backend::ifma:
      return "ifma";
    default:
      return "portable";
  }
}

std::vector<Backend> available_backends() {
#if defined(__x86_64__)
  __builtin_cpu_init();
#endif
  std::vector<Backend> found;
  for (Backend one : {Backend::portable, Backend::mulx, Backend::ifma}) {
    if (can_run(one)) found.push_back(one);
  }
  return found;
}

Backend backend() { return Backend(choice().load(std::memory_order_relaxed)); }

void set_backend(const std::string& name) {
  std::string names;
  for (Backend one : available_backends()) {
    if (name == backend_name(one)) {
      choice().store(int(one), std::memory_order_relaxed);
      return;
    }
    names += (names.empty() ? "" : ", ") + std::string(backend_name(one));
  }
  throw std::invalid_argument("backend: expected one of " + names + ", got " + name);
}

}  // namespace avow::native

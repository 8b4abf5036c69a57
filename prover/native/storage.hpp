// Memory for vectors.
#pragma once

#include <cstddef>

#include "field.hpp"

namespace avow::native {

// Words on a boundary of 64 bytes, not cleared; std::bad_alloc where there are none.
class Storage {
 public:
  explicit Storage(std::size_t words);
  ~Storage();
  Storage(const Storage&) = delete;
  Storage& operator=(const Storage&) = delete;
  Limb* data() { return data_; }
  const Limb* data() const { return data_; }
  // At least as many as were asked for.
  std::size_t words() const { return bytes_ / sizeof(Limb); }

 private:
  Limb* data_;
  std::size_t bytes_;
};

}  // namespace avow::native

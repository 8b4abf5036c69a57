// The vector of scalars as Python holds it.
#pragma once

#include <stdexcept>
#include <utility>

#include "vector.hpp"

namespace avow::native {

// Its members are called with the interpreter's lock held, work is done without: readers take a
// copy of the handle, and whoever changes the vector takes the handle away meanwhile.
class Frs {
 public:
  explicit Frs(Vector value) : value_(std::move(value)), size_(value_.size) {}

  std::size_t size() const { return size_; }
  // The contents as they are now, whatever becomes of this object.
  Vector read() const {
    if (value_.storage) return value_;
    throw std::invalid_argument("vector: another thread is changing it");
  }

  // The right to change the contents; other holders of them see nothing of it.
  class Change {
   public:
    explicit Change(Frs& owner) : owner_(owner), vector(owner.read()) { owner.value_.storage = nullptr; }
    ~Change() { owner_.value_ = std::move(vector); }
    Change(const Change&) = delete;
    Change& operator=(const Change&) = delete;

   private:
    Frs& owner_;

   public:
    Vector vector;
  };

 private:
  Vector value_;
  std::size_t size_;
};

// All elements, canonical.
std::vector<Limbs> canonical_elements(const Vector& a);

}  // namespace avow::native

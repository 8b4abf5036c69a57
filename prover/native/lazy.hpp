// Vectors that are written out where they are needed: to read a table by index, or to take
// integers for scalars, costs less than to move what comes of it through memory.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "vector.hpp"

namespace avow::native {

// Places in a table, in memory of their own.
class Indices {
 public:
  explicit Indices(std::size_t size) : storage_((size + 1) / 2), size_(size) {}
  std::size_t size() const { return size_; }
  std::int32_t* data() { return reinterpret_cast<std::int32_t*>(storage_.data()); }
  const std::int32_t* data() const {
    return reinterpret_cast<const std::int32_t*>(storage_.data());
  }

 private:
  Storage storage_;
  std::size_t size_;
};

class Lazy {
 public:
  virtual ~Lazy() = default;
  virtual std::size_t size() const = 0;
  // Elements [first, first + count), in blocks from `out` on; `first` is a multiple of the lanes.
  virtual void read(Limb* out, std::size_t first, std::size_t count) const = 0;
  // Whether these are known to be zero.
  virtual bool nothing(std::size_t first, std::size_t count) const = 0;
  // Where these are known to be equal, a number that only equal ones share; -1 or more.
  virtual std::optional<std::int32_t> same(std::size_t, std::size_t) const { return {}; }

  const Kernels& kernels() const { return *kernels_; }
  Vector written() const;

 protected:
  explicit Lazy(const Kernels& kernels) : kernels_(&kernels) {}

 private:
  const Kernels* kernels_;
};

// Element i is table[index[i]]; where that is -1, table[rest], or zero if `rest` is -1.
class Picked : public Lazy {
 public:
  using Index = std::shared_ptr<const Indices>;
  // ValueError where an index, or `rest`, is out of the table's range.
  Picked(Vector table, Index index, std::int32_t rest);

  std::size_t size() const override { return index_->size(); }
  void read(Limb* out, std::size_t first, std::size_t count) const override;
  bool nothing(std::size_t first, std::size_t count) const override;
  std::optional<std::int32_t> same(std::size_t first, std::size_t count) const override;

  // Other indices, not checked, into the same table with `behind` as its last element.
  std::shared_ptr<const Picked> with(const Fr& behind, Index index) const;
  const Index& index() const { return index_; }
  const Vector& table() const { return table_; }
  // Every run of as many elements as weights, each times its weight, summed. ValueError if there
  // is a `rest`; likewise the next one.
  Vector dots(const Vector& weights) const;
  // As a matrix with as many rows as weights: sum of the rows, each times its weight.
  Vector fold_rows(const Vector& weights) const;

 private:
  Picked(const Kernels& kernels, Vector table, Index index, std::int32_t rest)
      : Lazy(kernels), table_(std::move(table)), index_(std::move(index)), rest_(rest) {}
  std::size_t runs(const Vector& weights, const char* name) const;

  Vector table_;
  Index index_;
  std::int32_t rest_;
};

// Integers as scalars.
class Integers : public Lazy {
 public:
  // A copy, because the caller's memory may change; in 32 bits where they fit.
  Integers(const Kernels& kernels, Ints ints, std::size_t count);

  std::size_t size() const override { return count_; }
  void read(Limb* out, std::size_t first, std::size_t count) const override;
  bool nothing(std::size_t first, std::size_t count) const override;

 private:
  std::size_t count_;
  std::vector<std::int32_t> narrow_;
  std::vector<std::int64_t> wide_;  // instead, where one needs it
};

// a += by b, where a is its holder's own.
void add_scaled(Vector& a, const Lazy& b, const Fr& by);

}  // namespace avow::native

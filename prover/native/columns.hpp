// The vectors of a sumcheck that are being folded: all of one length, which halves every round.
#pragma once

#include <cstddef>
#include <map>
#include <optional>
#include <utility>
#include <vector>

#include "lazy.hpp"
#include "scalar.hpp"
#include "vector.hpp"

namespace avow::native {

// A round goes: `bind` if a challenge was drawn, `add` for the vectors that begin here, `start`,
// then `fold_chunk` for every chunk (from any thread) before its values are read by `low` and
// `high`, then `finish`. So a vector is read once a round, for folding and evaluating together.
class Columns {
 public:
  explicit Columns(const Kernels& kernels) : kernels_(&kernels) {}

  // A vector of the length that this round has. The same vector, scaled alike, is kept once.
  std::size_t add(const Vector& source, const std::optional<Fr>& scale = std::nullopt);
  // A long one is read where it is needed, written out at its second fold.
  std::size_t add(std::shared_ptr<const Lazy> source, const std::optional<Fr>& scale = std::nullopt);
  // Adds a vector of this round's length to a column, after the fold.
  void add_to(std::size_t column, Vector addend);

  // All columns are to be folded by r.
  void bind(const Fr& r) { r_ = r; }
  // `length` is that after the fold.
  void start(std::size_t length);
  void finish();

  std::size_t count() const { return columns_.size(); }
  // Blocks of pairs; one, where all fits in less.
  std::size_t pair_blocks() const { return small() ? 1 : length_ / 2 / kernels_->lanes; }
  void fold_chunk(std::size_t first, std::size_t blocks) const;

  // The halves by the round's variable; null for no column.
  const Limb* low(std::optional<std::size_t> column) const;
  const Limb* high(std::optional<std::size_t> column) const;
  // Whether the column is not written out: `read` gives what low and high do not, blocks
  // [first, first + blocks) of the first half, then as many of the second one.
  bool lazy(std::size_t column) const {
    return columns_[column].lazy && !folding(columns_[column]);
  }
  void read(std::size_t column, Limb* out, std::size_t first, std::size_t blocks) const;
  // Whether a chunk is known to be zero in both halves.
  bool idle(std::size_t column, std::size_t first, std::size_t blocks) const;
  // What the column is still to be multiplied by when read, or null.
  const Limb* scale(std::size_t column) const;

  // The one element, where the length is 1.
  Fr value(std::size_t column) const { return columns_[column].now.element(0); }

 private:
  struct Column {
    std::shared_ptr<const Lazy> lazy;     // instead of `now`, before the second fold
    std::optional<Prepared> first_fold;  // the first challenge, once it is drawn
    Vector now;          // before the fold, and after `finish` the fold
    Vector next;         // where the fold goes, while a round runs
    Vector addend;
    bool own = false;    // `now` may be written
    std::optional<Fr> scale;  // not yet applied
    std::vector<Prepared> by;  // the scale; for a fold, its two factors
    // Of each chunk whether it may have an element that is not zero; empty where nothing is known.
    mutable std::vector<std::uint8_t> live, next_live;
  };

  bool small() const { return length_ <= kernels_->lanes; }
  bool folding(const Column& column) const {
    const std::size_t lazy = column.lazy ? column.lazy->size() >> column.first_fold.has_value() : 0;
    return (column.lazy ? lazy : column.now.size) != length_;
  }
  void read(const Column& column, Limb* out, std::size_t at, std::size_t blocks) const;
  bool nothing(const Column& column, std::size_t at, std::size_t blocks) const;
  bool fold_idle(const Column& column, Limb* out, std::size_t at, std::size_t half,
                 std::size_t blocks) const;
  const Vector& current(const Column& column) const {
    return folding(column) ? column.next : column.now;
  }
  void fold(const Column& column, Limb* out, const Limb* low, const Limb* high,
            std::size_t blocks) const;
  void fold_small(std::size_t index);
  Limb* scratch(std::size_t index) const {
    return const_cast<Limb*>(scratch_.data()) + 2 * index * kernels_->words;
  }

  const Kernels* kernels_;
  std::vector<Column> columns_;
  std::map<std::pair<const void*, Limbs>, std::size_t> known_;
  std::size_t length_ = 0;
  std::optional<Fr> r_;
  std::optional<Prepared> prepared_r_;
  Vector scratch_;  // two blocks a column, for halves inside a block
};

}  // namespace avow::native

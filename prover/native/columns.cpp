// Folding, with its memory: a copy of half the length at the first fold, then in place.
#include "columns.hpp"

#include <cstring>

#include "parts.hpp"
#include "scalar.hpp"

namespace avow::native {

namespace {

// Memory that is this much too large is given back at the next fold.
constexpr std::size_t kShrink = 4;
// Shorter ones are written out at once.
constexpr std::size_t kLeastLazy = 1024;

}  // namespace

std::size_t Columns::add(const Vector& source, const std::optional<Fr>& scale) {
  const std::optional<Limbs> limbs = scale ? std::optional(scale->canonical()) : std::nullopt;
  const auto key = std::pair(static_cast<const void*>(source.storage.get()),
                             limbs.value_or(Limbs{}));
  const auto [found, made] = known_.try_emplace(key, columns_.size());
  if (made) {
    Column column;
    column.now = source;
    column.scale = scale;
    if (scale) column.by.emplace_back(*kernels_, *scale);
    columns_.push_back(std::move(column));
  }
  return found->second;
}

std::size_t Columns::add(std::shared_ptr<const Lazy> source, const std::optional<Fr>& scale) {
  if (source->size() < kLeastLazy) return add(source->written(), scale);
  const auto key = std::pair(static_cast<const void*>(source.get()),
                             scale ? scale->canonical() : Limbs{});
  const auto [found, made] = known_.try_emplace(key, columns_.size());
  if (made) {
    Column column;
    column.lazy = std::move(source);
    column.scale = scale;
    if (scale) column.by.emplace_back(*kernels_, *scale);
    columns_.push_back(std::move(column));
  }
  return found->second;
}

void Columns::add_to(std::size_t column, Vector addend) {
  columns_[column].addend = std::move(addend);
}

void Columns::start(std::size_t length) {
  length_ = length;
  if (r_) prepared_r_.emplace(*kernels_, *r_);
  for (Column& column : columns_) {
    if (!folding(column)) continue;
    if (column.lazy && !column.first_fold) {
      column.first_fold = prepared_r_;
      continue;
    }
    const std::size_t chunks = length / kernels_->lanes / kernels_->chunk_blocks;
    const bool known = column.lazy || !column.live.empty();
    column.next_live.assign(known && chunks > 1 ? chunks : 0, 1);
    const bool reuse = column.own && column.now.storage->words() <=
                                         kShrink * blocks_of(*kernels_, length) * kernels_->words;
    if (reuse) {
      column.next = column.now;
      column.next.size = length;
    } else {
      column.next = Vector::raw(*kernels_, length);
    }
    if (column.scale) {
      const Fr second = *column.scale * *r_;
      column.by.clear();
      column.by.emplace_back(*kernels_, *column.scale - second);
      column.by.emplace_back(*kernels_, second);
    }
  }
  if (!small()) return;
  scratch_ = Vector::raw(*kernels_, 2 * kernels_->lanes * columns_.size());
  for (std::size_t i = 0; i < columns_.size(); ++i) fold_small(i);
}

void Columns::finish() {
  for (Column& column : columns_) {
    if (!folding(column)) continue;
    column.now = std::move(column.next);
    column.next = Vector();
    column.live = std::move(column.next_live);
    column.next_live.clear();
    column.lazy.reset();
    column.first_fold.reset();
    column.addend = Vector();
    column.own = true;
    column.scale.reset();
    column.by.clear();
  }
  r_.reset();
  // Sources may be freed from here on, and their addresses mean another vector.
  known_.clear();
}

void Columns::fold(const Column& column, Limb* out, const Limb* low, const Limb* high,
                   std::size_t blocks) const {
  if (column.scale) {
    kernels_->combine(out, low, high, column.by[0].table, column.by[1].table, blocks);
  } else {
    kernels_->fold(out, low, high, prepared_r_->table, blocks);
  }
}

void Columns::fold_small(std::size_t index) {
  Column& column = columns_[index];
  Limb* low = scratch(index);
  Limb* high = low + kernels_->words;
  if (folding(column)) {
    Limb* out = column.next.data();
    if (length_ < kernels_->lanes) {
      kernels_->split(low, high, column.now.data(), length_);
      fold(column, out, low, high, 1);
    } else {
      fold(column, out, column.now.data(), column.now.block(1), 1);
    }
    if (column.addend.storage) kernels_->add(out, out, column.addend.data(), 1);
  }
  if (length_ > 1) kernels_->split(low, high, current(column).data(), length_ / 2);
}

void Columns::fold_chunk(std::size_t first, std::size_t blocks) const {
  if (small()) return;
  const std::size_t half = pair_blocks(), words = kernels_->words;
  Vector read_out;
  for (const Column& column : columns_) {
    if (!folding(column)) continue;
    // Only this chunk reads what it overwrites where the fold is in place.
    Limb* out = const_cast<Limb*>(column.next.data());
    for (const std::size_t at : {first, half + first}) {
      if (fold_idle(column, out, at, half, blocks)) continue;
      if (column.lazy) {
        if (!read_out.storage) read_out = Vector::raw(*kernels_, 2 * blocks * kernels_->lanes);
        read(column, read_out.data(), at, blocks);
        read(column, read_out.block(blocks), 2 * half + at, blocks);
        fold(column, out + at * words, read_out.data(), read_out.block(blocks), blocks);
      } else {
        const Limb* from = column.now.data();
        fold(column, out + at * words, from + at * words, from + (2 * half + at) * words, blocks);
      }
      if (column.addend.storage) {
        kernels_->add(out + at * words, out + at * words, column.addend.block(at), blocks);
      }
    }
  }
}

// Leaves zeros where both halves are known to be zero, and says so.
bool Columns::fold_idle(const Column& column, Limb* out, std::size_t at, std::size_t half,
                        std::size_t blocks) const {
  if (column.next_live.empty() || column.addend.storage) return false;
  const std::size_t high = 2 * half + at;
  if (!nothing(column, at, blocks) || !nothing(column, high, blocks)) return false;
  column.next_live[at / kernels_->chunk_blocks] = 0;
  std::memset(out + at * kernels_->words, 0, blocks * kernels_->words * sizeof(Limb));
  return true;
}

// Whether blocks before this round's fold, or of one that needs none, are known to be zero.
bool Columns::nothing(const Column& column, std::size_t at, std::size_t blocks) const {
  if (!column.lazy) return !column.live.empty() && !column.live[at / kernels_->chunk_blocks];
  const std::size_t lanes = kernels_->lanes, count = blocks * lanes;
  return column.lazy->nothing(at * lanes, count) &&
         (!column.first_fold ||
          column.lazy->nothing(at * lanes + column.lazy->size() / 2, count));
}

// A lazy column's blocks, the first challenge bound once it is drawn.
void Columns::read(const Column& column, Limb* out, std::size_t at, std::size_t blocks) const {
  const std::size_t first = at * kernels_->lanes, count = blocks * kernels_->lanes;
  column.lazy->read(out, first, count);
  if (!column.first_fold) return;
  const Vector high = Vector::raw(*kernels_, count);
  column.lazy->read(const_cast<Limb*>(high.data()), first + column.lazy->size() / 2, count);
  kernels_->fold(out, out, high.data(), column.first_fold->table, blocks);
}

void Columns::read(std::size_t column, Limb* out, std::size_t first, std::size_t blocks) const {
  read(columns_[column], out, first, blocks);
  read(columns_[column], out + blocks * kernels_->words, pair_blocks() + first, blocks);
}

bool Columns::idle(std::size_t index, std::size_t first, std::size_t blocks) const {
  const Column& column = columns_[index];
  const std::size_t high = pair_blocks() + first, each = kernels_->chunk_blocks;
  if (small()) return false;
  if (!folding(column)) return nothing(column, first, blocks) && nothing(column, high, blocks);
  const auto& live = column.next_live;
  return !live.empty() && !live[first / each] && !live[high / each];
}

const Limb* Columns::low(std::optional<std::size_t> column) const {
  if (!column) return nullptr;
  if (lazy(*column)) return nullptr;
  return small() ? scratch(*column) : current(columns_[*column]).data();
}

const Limb* Columns::high(std::optional<std::size_t> column) const {
  if (!column) return nullptr;
  if (lazy(*column)) return nullptr;
  return small() ? scratch(*column) + kernels_->words
                 : current(columns_[*column]).block(pair_blocks());
}

const Limb* Columns::scale(std::size_t index) const {
  const Column& column = columns_[index];
  return column.scale && !folding(column) ? column.by.front().table : nullptr;
}

}  // namespace avow::native

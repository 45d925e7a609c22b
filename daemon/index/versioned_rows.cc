#include "daemon/index/versioned_rows.h"

#include <algorithm>

#include "lib/core/check.h"

namespace pannier::index {

void VersionedRows::Open(Sequence at) {
  CHECK(!open_ || *open_ == at);
  CHECK(at != kForever);
  CHECK(first_.load() == kForever || at > last_.load());
  open_ = at;
}

uint32_t VersionedRows::Append(Sequence at, RecordNumber record) {
  Kill(at, record);
  const uint32_t row = end_;
  rows_.Extend(row + 1);
  Row& made = *rows_[row];
  made.died.store(kForever, std::memory_order_relaxed);
  made.born = at;
  made.record = record;
  made.previous = newest_.Get(record);
  newest_.Set(record, row);  // releases the row to readers
  ++end_;
  ++live_;
  return row;
}

void VersionedRows::AppendDead(Sequence at) {
  Open(at);
  rows_.Extend(end_ + 1);
  Row& made = *rows_[end_];
  made.died.store(0, std::memory_order_relaxed);
  made.born = at;
  made.record = 0;
  made.previous = kNoRow;
  ++end_;
}

void VersionedRows::Kill(Sequence at, RecordNumber record) {
  Open(at);
  const uint32_t row = Newest(record);
  if (row == kNoRow) return;
  rows_[row]->died.store(at, std::memory_order_relaxed);
  killed_.push_back(row);
  --live_;
}

uint32_t VersionedRows::Newest(RecordNumber record) const {
  const uint32_t row = newest_.Get(record);
  if (row == kNoRow || rows_[row]->died.load(std::memory_order_relaxed) != kForever) return kNoRow;
  return row;
}

void VersionedRows::Commit(Sequence at) {
  Open(at);
  if (first_.load() == kForever || !killed_.empty() || end_ != committed_end_) Publish(at);
  killed_.clear();
  if (killed_.capacity() > 1024) killed_.shrink_to_fit();
  committed_end_ = end_;
  committed_live_ = live_;
  open_.reset();
  if (first_.load() == kForever) first_.store(at);
  last_.store(at);
}

void VersionedRows::Publish(Sequence at) {
  const uint64_t number = finished_.load();
  Entry& entry = ring_[number % kRemembered];
  started_.store(number + 1);
  entry.at.store(at);
  entry.end.store(end_);
  entry.live.store(live_);
  finished_.store(number + 1);
}

void VersionedRows::Abort(Sequence at) {
  Open(at);
  for (const uint32_t row : killed_) rows_[row]->died.store(kForever, std::memory_order_relaxed);
  killed_.clear();
  for (uint32_t row = end_; row-- > committed_end_;) {
    Row& undone = *rows_[row];
    undone.died.store(0, std::memory_order_relaxed);
    newest_.Set(undone.record, undone.previous);
  }
  live_ = committed_live_;
  committed_end_ = end_;
  open_.reset();
}

std::optional<VersionedRows::Look> VersionedRows::At(Sequence at) const {
  if (at > last_.load() || at < first_.load()) return std::nullopt;
  if (const std::optional<Look> look = Remembered(at)) return look;
  return Reconstruct(at);
}

VersionedRows::Look VersionedRows::Last() const {
  const Sequence last = last_.load();
  return At(last).value_or(Look{});
}

// Entries are asked from the newest on: the first with entry.at <= at is the state at `at`.
std::optional<VersionedRows::Look> VersionedRows::Remembered(Sequence at) const {
  const uint64_t count = finished_.load();
  const uint64_t oldest = count > kRemembered ? count - kRemembered : 0;
  for (uint64_t number = count; number-- > oldest;) {
    const Entry& entry = ring_[number % kRemembered];
    const Sequence from = entry.at.load();
    const Look look{at, entry.end.load(), entry.live.load()};
    // Entry `number` is overwritten by entry `number + kRemembered`, begun when started_ exceeds
    // it.
    if (started_.load() > number + kRemembered) break;
    if (from <= at) return look;
  }
  return std::nullopt;
}

// `at` is older than what the ring remembers: rows are in order of birth, so their end is found by
// bisection.
VersionedRows::Look VersionedRows::Reconstruct(Sequence at) const {
  // Any complete, untorn `end` bounds the search. The newest entry is one unless the writer laps
  // us, in which case we look again.
  uint32_t high = 0;
  for (bool torn = true; torn;) {
    const uint64_t count = finished_.load();
    high = ring_[(count - 1) % kRemembered].end.load();
    torn = started_.load() > count - 1 + kRemembered;
  }
  uint32_t low = 0;
  while (low < high) {
    const uint32_t middle = low + (high - low) / 2;
    if (rows_[middle]->born <= at) {
      low = middle + 1;
    } else {
      high = middle;
    }
  }
  Look look{at, low, 0};
  look.live = CountVisible(look, 0);
  return look;
}

uint32_t VersionedRows::Find(const Look& look, RecordNumber record) const {
  uint32_t row = newest_.Get(record);
  while (row != kNoRow && row >= look.end) row = rows_[row]->previous;
  if (row == kNoRow || !VisibleBelowEnd(look, row)) return kNoRow;
  return row;
}

uint64_t VersionedRows::CountVisible(const Look& look, uint32_t begin) const {
  uint64_t count = 0;
  ForEachVisible(look, begin, [&](uint32_t, RecordNumber) { ++count; });
  return count;
}

}  // namespace pannier::index

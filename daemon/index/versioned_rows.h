// Which row of a table is which record's, and from which sequence to which: the versions that
// VectorIndex and AttributeIndex share. What a row holds is its owner's business, in arrays
// indexed by the same row number.
//
// How it works. Rows are appended, never reused and never moved. A row is born at the sequence that
// appended it and dies at the one that replaced or removed it. Sequences only grow, so "born at or
// before S" is simply "row < end(S)", and a commit publishes its `end`. A row is visible at S when
// row < end(S) and S < died. A record's newest row is in a RecordMap and links to the row before
// it, so that a reader at an older sequence walks back past what it must not see. An aborted row
// stays as a dead one: its number may already be in a reader's hand, which then follows the row's
// link; reuse would send it to another record's.
//
// Threads: writer calls from one thread at a time; const calls from any thread at any time.
#pragma once

#include <algorithm>
#include <array>
#include <atomic>
#include <cstdint>
#include <optional>
#include <vector>

#include "daemon/index/chunked_array.h"
#include "daemon/index/prefetch.h"
#include "daemon/index/record_map.h"
#include "daemon/index/record_set.h"

namespace pannier::index {

class VersionedRows {
 public:
  // What a reader at one sequence needs.
  struct Look {
    Sequence at = 0;
    uint32_t end = 0;   // rows below were born at or before `at`
    uint64_t live = 0;  // how many of them are visible
  };

  // --- writer: one open sequence at a time, larger than the last committed one ---
  // A new row for `record`; its older row, if it lives, dies at `at`. Returns the row's number.
  uint32_t Append(Sequence at, RecordNumber record);
  // A row of nobody, dead since ever, that takes a number.
  void AppendDead(Sequence at);
  // `record` has no row from `at` on. Unknown or dead ones are ignored.
  void Kill(Sequence at, RecordNumber record);
  void Commit(Sequence at);
  void Abort(Sequence at);
  // The record's row that lives for the writer, with what is open, or kNoRow.
  uint32_t Newest(RecordNumber record) const;
  bool is_open() const { return open_.has_value(); }
  // Rows that no commit will show again: dead and aborted ones.
  uint64_t dead() const { return end_ - live_; }

  // --- anyone ---
  // Nothing before the first commit, for a sequence before it, or for one after the last.
  std::optional<Look> At(Sequence at) const;
  // The last commit's. Before the first commit: at 0, of nothing.
  Look Last() const;

  bool Visible(const Look& look, uint32_t row) const {
    return row < look.end && VisibleBelowEnd(look, row);
  }
  // Brings what Visible() and RecordOf() need nearer to the CPU.
  void Prefetch(uint32_t row) const { PrefetchLine(rows_[row]); }
  // For scans that stay below look.end.
  bool VisibleBelowEnd(const Look& look, uint32_t row) const {
    return look.at < rows_[row]->died.load(std::memory_order_relaxed);
  }
  // Calls visit(row, record) for each visible row from `begin` on, in order.
  template <typename Visit>
  void ForEachVisible(const Look& look, uint32_t begin, Visit visit) const {
    while (begin < look.end) {
      const Row* run = rows_[begin];
      const uint32_t length = std::min(look.end - begin, ChunkedArray<Row>::RunLength(begin));
      for (uint32_t i = 0; i < length; ++i) {
        if (look.at < run[i].died.load(std::memory_order_relaxed)) visit(begin + i, run[i].record);
      }
      begin += length;
    }
  }
  RecordNumber RecordOf(uint32_t row) const { return rows_[row]->record; }
  // The row of `record` that is visible to `look`, or kNoRow.
  uint32_t Find(const Look& look, RecordNumber record) const;
  // Visible rows in [begin, end of the look). Walks.
  uint64_t CountVisible(const Look& look, uint32_t begin) const;

  uint64_t bytes() const { return rows_.bytes() + newest_.bytes(); }

 private:
  static constexpr Sequence kForever = UINT64_MAX;
  static constexpr size_t kRemembered = 32;

  struct Row {
    std::atomic<Sequence> died;
    Sequence born;
    RecordNumber record;
    uint32_t previous;  // the record's row before this one, or kNoRow
  };
  // The last commits that changed something, newest last in a ring. All operations on it are
  // sequentially consistent: a reader that met a half-written entry then also sees `started_` past
  // it.
  struct Entry {
    std::atomic<Sequence> at;
    std::atomic<uint32_t> end;
    std::atomic<uint64_t> live;
  };

  void Open(Sequence at);
  void Publish(Sequence at);
  std::optional<Look> Remembered(Sequence at) const;
  Look Reconstruct(Sequence at) const;

  ChunkedArray<Row> rows_;
  RecordMap newest_;

  // Writer only.
  uint32_t end_ = 0;              // rows appended, with what is open
  uint64_t live_ = 0;             // with what is open
  std::optional<Sequence> open_;  // the sequence being written
  uint32_t committed_end_ = 0;
  uint64_t committed_live_ = 0;
  std::vector<uint32_t> killed_;  // by the open sequence

  std::array<Entry, kRemembered> ring_{};
  std::atomic<uint64_t> started_{0};   // entries begun
  std::atomic<uint64_t> finished_{0};  // entries complete
  std::atomic<Sequence> first_{kForever};
  std::atomic<Sequence> last_{0};
};

}  // namespace pannier::index

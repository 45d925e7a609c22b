// The vectors of rows as floats: few are kept in memory; of many only the newest, the others in a
// file, which the system keeps in its page cache as long as memory has room.
//
// Codes rank rows, so that a search looks at the floats of some dozen only. The file is scratch:
// its rows come from elsewhere and can be had again. Each has a checksum, in memory; a row that
// cannot be read as it was written breaks the file for good, and its owner drops what it belongs
// to. A row leaves memory while readers may be looking at it, so these look again afterwards
// whether it is still there: its pages read as zeros by then, and are no fault (madvise,
// MADV_DONTNEED).
//
// Threads: Append(), AppendAbsent() from one; Fill() from one at a time, which may be another; all
// else any. A row may be read once something that a reader acquired was released after it was
// written.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <span>

#include "daemon/index/chunked_array.h"
#include "daemon/index/scratch_file.h"
#include "lib/core/mutex.h"

namespace pannier::index {

class FloatRows {
 public:
  // While no file can be had or written, all stay in memory.
  FloatRows(uint32_t dimension, Scratch scratch);

  // --- writer ---
  void Append(std::span<const float> vector);
  // The first `count` rows: they have no floats until Fill() gives them theirs.
  void AppendAbsent(uint32_t count);

  // False: they cannot be kept now.
  bool Fill(uint32_t row, std::span<const float> vector);

  // --- anyone ---
  bool Has(uint32_t row) const {
    if (row >= absent_) return true;
    return (filled_[row / 64].load(std::memory_order_acquire) >> (row % 64) & 1) != 0;
  }
  uint32_t absent() const { return absent_; }
  // Null: not in memory. What was read there counts if IsStillInMemory() afterwards.
  const float* InMemory(uint32_t row) const {
    return row >= in_file_.load(std::memory_order_acquire) ? rows_[row] : nullptr;
  }
  bool IsStillInMemory(uint32_t row) const {
    std::atomic_thread_fence(std::memory_order_acquire);  // what was read is not read later
    return row >= in_file_.load(std::memory_order_relaxed);
  }
  // A row that has its floats, wherever they are. False: it cannot be read; the file is broken.
  bool Read(uint32_t row, std::span<float> into) const;
  bool broken() const { return broken_.load(std::memory_order_relaxed); }
  // Of memory.
  uint64_t bytes() const;

 private:
  uint64_t RowBytes() const { return uint64_t{dimension_} * sizeof(float); }
  void MoveToFile();
  bool HasFile() REQUIRES(file_mutex_);

  const uint32_t dimension_;
  const Scratch scratch_;
  const uint32_t unit_;  // rows that move at a time, at least
  ChunkedArray<float> rows_;
  uint64_t moves_at_;  // so many rows
  uint32_t size_ = 0;
  uint32_t absent_ = 0;
  std::unique_ptr<std::atomic<uint64_t>[]> filled_;  // a bit for each absent one: it has floats
  ChunkedArray<uint32_t> sums_;                      // of rows in the file
  std::atomic<uint32_t> in_file_{0};                 // rows below are
  mutable std::atomic<bool> broken_{false};
  std::atomic<uint64_t> given_back_{0};  // bytes of rows_

  Mutex file_mutex_;  // of who writes
  // Set once, before a reader is told that a row is there.
  std::unique_ptr<file::File> file_;
};

}  // namespace pannier::index

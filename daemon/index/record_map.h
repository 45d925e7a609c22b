// Record number → number of its newest row. Leaves of 64 records appear when first written and
// never move, so readers look up while the writer sets. Threads: Set() from one thread; Get() from
// any. What was written before Set() is visible to a thread whose Get() returned that value.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>

#include "daemon/index/record_set.h"

namespace pannier::index {

inline constexpr uint32_t kNoRow = UINT32_MAX;

class RecordMap {
 public:
  RecordMap() = default;
  RecordMap(const RecordMap&) = delete;
  RecordMap& operator=(const RecordMap&) = delete;
  ~RecordMap();

  uint32_t Get(RecordNumber record) const;  // kNoRow when never set
  void Set(RecordNumber record, uint32_t row);
  uint64_t bytes() const { return bytes_.load(std::memory_order_relaxed); }

 private:
  static constexpr int kLeafBits = 6;
  // Rows are kept plus one, so that zeroed memory means kNoRow.
  struct Leaf {
    std::array<std::atomic<uint32_t>, 1 << kLeafBits> rows;
  };
  using LeafPointer = std::atomic<Leaf*>;
  struct Place {
    int directory;    // directory d > 0 holds 2^(d-1) leaves, directory 0 holds one
    uint32_t leaf;    // inside the directory
    uint32_t offset;  // inside the leaf
  };
  static Place PlaceOf(RecordNumber record);
  static uint32_t LeavesOf(int directory) { return directory == 0 ? 1 : 1u << (directory - 1); }

  std::array<std::atomic<LeafPointer*>, 28> directories_{};
  std::atomic<uint64_t> bytes_{0};
};

}  // namespace pannier::index

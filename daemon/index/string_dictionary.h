// Each different string once, for as long as the dictionary lives. Equal strings have the same
// entry, so that rows compare pointers and a filter looks its operands up once.
//
// A table of atomic pointers with open addressing; when it is half full, a table twice as large is
// filled and then published, and the old one is kept for readers that still hold it (all of them
// together are smaller than the newest). Threads: Intern() from one thread; Find() from any,
// without locks. A reader finds every string that was interned before a release that it acquired.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <string_view>
#include <vector>

#include "daemon/index/arena.h"

namespace pannier::index {

class StringDictionary {
 public:
  struct Entry {
    uint64_t hash;
    uint32_t number;  // counts from 0 in the order of first appearance
    uint32_t length;
    std::string_view text() const { return {reinterpret_cast<const char*>(this + 1), length}; }
  };

  const Entry* Intern(std::string_view text);
  const Entry* Find(std::string_view text) const;  // null: never interned
  uint32_t size() const { return size_; }          // writer only
  uint64_t bytes() const { return arena_.bytes() + table_bytes_.load(std::memory_order_relaxed); }

 private:
  using Cell = std::atomic<const Entry*>;
  struct Table {
    uint64_t mask;
    std::unique_ptr<Cell[]> cells;
  };
  static const Entry* Probe(const Table& table, std::string_view text, uint64_t hash,
                            uint64_t* free_cell);
  void Grow();

  Arena arena_;
  std::vector<std::unique_ptr<const Table>> tables_;
  std::atomic<const Table*> table_{nullptr};
  std::atomic<uint64_t> table_bytes_{0};
  uint32_t size_ = 0;
};

}  // namespace pannier::index

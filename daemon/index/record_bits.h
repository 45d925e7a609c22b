// A RecordSet made ready to be asked about records in any order, very often: a bit each where that
// is small. Threads: const calls from any. Lifetime: the set outlives it.
#pragma once

#include <cstdint>
#include <vector>

#include "daemon/index/record_set.h"

namespace pannier::index {

class RecordBits {
 public:
  explicit RecordBits(const RecordSet& set) : set_(set) {
    if (set.empty()) return;
    first_ = set.First() / 64 * 64;
    const uint64_t span = uint64_t{set.Last()} - first_ + 1;
    // Of few records far apart the set itself is the better answer.
    if (span > set.Count() * kSpanPerRecord + kSpanMin) return;
    words_.resize((span + 63) / 64);
    for (const RecordNumber record : set.ToVector()) {
      const uint32_t at = record - first_;
      words_[at / 64] |= uint64_t{1} << (at % 64);
    }
  }

  bool Contains(RecordNumber record) const {
    if (words_.empty()) return set_.Contains(record);
    const uint32_t at = record - first_;  // wraps, and is then beyond the end
    return at / 64 < words_.size() && (words_[at / 64] >> (at % 64) & 1) != 0;
  }

 private:
  static constexpr uint64_t kSpanPerRecord = 1'024;
  static constexpr uint64_t kSpanMin = 1 << 16;

  const RecordSet& set_;
  RecordNumber first_ = 0;
  std::vector<uint64_t> words_;  // from `first_` on; empty: ask the set
};

}  // namespace pannier::index

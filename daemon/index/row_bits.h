// A set of rows as plain bits: what a filter works with between its leaves and its answer.
// Rows are dense (a collection of a million has 128 KiB of them), so words beat any compression.
// Threads: a value.
#pragma once

#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace pannier::index {

class RowBits {
 public:
  // Of rows [0, rows): none of them, or all.
  explicit RowBits(uint32_t rows, bool all = false)
      : rows_(rows), words_((size_t{rows} + 63) / 64, all ? ~uint64_t{0} : 0) {
    ClearBehind();
  }

  uint32_t rows() const { return rows_; }
  void Set(uint32_t row) { words_[row / 64] |= Bit(row); }
  bool Test(uint32_t row) const { return (words_[row / 64] & Bit(row)) != 0; }
  void IntersectWith(const RowBits& other) {
    for (size_t i = 0; i < words_.size(); ++i) words_[i] &= other.words_[i];
  }
  void UniteWith(const RowBits& other) {
    for (size_t i = 0; i < words_.size(); ++i) words_[i] |= other.words_[i];
  }
  void Invert() {
    for (uint64_t& word : words_) word = ~word;
    ClearBehind();
  }
  // Adds 64 rows at once; `first` is a multiple of 64. What lies behind the end is left out.
  void SetWord(uint32_t first, uint64_t word) {
    if (first >= rows_) return;
    words_[first / 64] |= word;
    if (first + 64 > rows_) ClearBehind();
  }
  void SetRange(uint32_t begin, uint32_t end) {
    for (uint32_t row = begin; row < end && row < rows_;) {
      if (row % 64 == 0 && row + 64 <= end) {
        SetWord(row, ~uint64_t{0});
        row += 64;
      } else {
        Set(row++);
      }
    }
  }
  bool empty() const {
    return std::all_of(words_.begin(), words_.end(), [](uint64_t word) { return word == 0; });
  }
  uint64_t Count() const {
    uint64_t count = 0;
    for (const uint64_t word : words_) count += static_cast<uint64_t>(std::popcount(word));
    return count;
  }
  // Calls visit(row), ascending, for the rows from `begin` on.
  template <typename Visit>
  void ForEach(uint32_t begin, Visit visit) const {
    for (size_t i = begin / 64; i < words_.size(); ++i) {
      uint64_t word = words_[i];
      if (i == begin / 64) word &= ~uint64_t{0} << (begin % 64);
      for (; word != 0; word &= word - 1) {
        visit(static_cast<uint32_t>(i * 64 + static_cast<size_t>(std::countr_zero(word))));
      }
    }
  }

 private:
  static uint64_t Bit(uint32_t row) { return uint64_t{1} << (row % 64); }
  void ClearBehind() {
    if (rows_ % 64 != 0) words_.back() &= ~(~uint64_t{0} << (rows_ % 64));
  }

  uint32_t rows_;
  std::vector<uint64_t> words_;
};

}  // namespace pannier::index

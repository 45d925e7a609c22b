// A growing array of rows that never move, so that readers may hold pointers while a writer
// appends.
//
// Rows lie in chunks of 8, 8, 16, 32, … rows: half of all rows are in the last chunk, and the k-th
// row is found by its highest bit. An empty array owns nothing. Large chunks come from the system
// page by page as they are written, so a half-filled one costs its written half; bytes() counts so.
//
// Threads: Extend() and writes from one thread. A reader may touch row r once something it acquired
// was released after the writer wrote r. Rows are zeroed when they appear.
#pragma once

#include <algorithm>
#include <array>
#include <atomic>
#include <bit>
#include <cstdint>
#include <cstring>
#include <new>
#include <type_traits>

#include "daemon/index/huge_pages.h"
#include "lib/core/check.h"

namespace pannier::index {

enum class Pages { kHuge, kSmall };  // kSmall: parts will be given back to the system

template <typename T>
class ChunkedArray {
 public:
  static constexpr uint32_t kRowsMax = UINT32_MAX - 1;

  explicit ChunkedArray(size_t width = 1, Pages pages = Pages::kHuge)
      : width_(width), pages_(pages) {}
  ChunkedArray(const ChunkedArray&) = delete;
  ChunkedArray& operator=(const ChunkedArray&) = delete;
  ~ChunkedArray() {
    static_assert(std::is_trivially_destructible_v<T>);
    for (T* chunk : chunks_) ::operator delete(chunk, kAlignment);
  }

  size_t width() const { return width_; }
  const T* operator[](uint32_t row) const { return At(row); }
  T* operator[](uint32_t row) { return At(row); }

  // How many rows from `row` on lie one after the other.
  static uint32_t RunLength(uint32_t row) {
    const Place place = PlaceOf(row);
    return static_cast<uint32_t>(RowsOf(place.chunk) - place.offset);
  }

  // Makes room for rows [0, rows); writes nothing in those that were there.
  void Extend(uint32_t rows) {
    CHECK(rows <= kRowsMax);
    for (; rows_ < rows; ++rows_) {
      const Place place = PlaceOf(rows_);
      if (chunks_[place.chunk] == nullptr) Allocate(place.chunk);
      std::memset(static_cast<void*>(chunks_[place.chunk] + place.offset * width_), 0, RowBytes());
    }
    bytes_.store(CountBytes(), std::memory_order_relaxed);
  }

  // The same for rows that the caller fills: they hold anything until then.
  void ExtendUnset(uint32_t rows) {
    CHECK(rows <= kRowsMax);
    while (rows_ < rows) {
      const Place place = PlaceOf(rows_);
      if (chunks_[place.chunk] == nullptr) Allocate(place.chunk);
      rows_ += std::min(rows - rows_, RunLength(rows_));
    }
    bytes_.store(CountBytes(), std::memory_order_relaxed);
  }

  // Bytes that the rows make resident. Any thread.
  uint64_t bytes() const { return bytes_.load(std::memory_order_relaxed); }

 private:
  static constexpr std::align_val_t kAlignment{64};
  static constexpr int kFirstBits = 3;
  static constexpr uint64_t kWholeBytes = 64 << 10;  // a chunk up to this counts whole

  struct Place {
    int chunk;
    size_t offset;
  };
  static Place PlaceOf(uint32_t row) {
    const int chunk = std::bit_width(row >> kFirstBits);
    return {chunk, chunk == 0 ? row : row - (size_t{1} << (chunk + kFirstBits - 1))};
  }
  static size_t RowsOf(int chunk) { return size_t{1} << (chunk == 0 ? kFirstBits : chunk + 2); }
  static_assert(kFirstBits == 3);

  T* At(uint32_t row) const {
    const Place place = PlaceOf(row);
    return chunks_[place.chunk] + place.offset * width_;
  }
  // NOLINTNEXTLINE(bugprone-sizeof-expression): of what is stored, and that may be a pointer
  size_t RowBytes() const { return width_ * sizeof(T); }
  void Allocate(int chunk) {
    const size_t bytes = RowsOf(chunk) * RowBytes();
    chunks_[chunk] = static_cast<T*>(::operator new(bytes, kAlignment));
    pages_ == Pages::kHuge ? WantHugePages(chunks_[chunk], bytes)
                           : WantSmallPages(chunks_[chunk], bytes);
  }
  uint64_t CountBytes() const {
    if (rows_ == 0) return 0;
    const Place last = PlaceOf(rows_ - 1);
    const uint64_t row_bytes = RowBytes();
    const uint64_t before = last.chunk == 0 ? 0 : RowsOf(last.chunk) * row_bytes;
    const uint64_t whole = RowsOf(last.chunk) * row_bytes;
    const uint64_t touched = (last.offset + 1) * row_bytes;
    return before + std::min(whole, std::max(touched, kWholeBytes));
  }

  const size_t width_;  // Ts per row
  const Pages pages_;
  uint32_t rows_ = 0;
  std::array<T*, 30> chunks_{};
  std::atomic<uint64_t> bytes_{0};
};

}  // namespace pannier::index

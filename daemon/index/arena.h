// Bytes handed out one after the other and freed together. What was handed out never moves.
// Threads: one allocates; others may read what they learned of through a release and an acquire.
#pragma once

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

namespace pannier::index {

class Arena {
 public:
  // 8-byte aligned, not initialised.
  void* Allocate(size_t bytes) {
    bytes = (bytes + 7) / 8 * 8;
    if (bytes > left_) Grow(bytes);
    void* given = next_;
    next_ += bytes;
    left_ -= bytes;
    return given;
  }
  template <typename T>
  T* AllocateArray(size_t count) {
    static_assert(alignof(T) <= 8);
    return static_cast<T*>(Allocate(count * sizeof(T)));
  }
  uint64_t bytes() const { return bytes_.load(std::memory_order_relaxed); }

 private:
  // Blocks double from 256 bytes to 256 KiB, so that a small arena is small and a large one wastes
  // little.
  void Grow(size_t bytes) {
    const size_t size = std::max(bytes, size_t{256} << std::min<size_t>(blocks_.size(), 10));
    blocks_.push_back(std::make_unique_for_overwrite<uint64_t[]>(size / 8));
    next_ = reinterpret_cast<std::byte*>(blocks_.back().get());
    left_ = size / 8 * 8;
    bytes_.fetch_add(size, std::memory_order_relaxed);
  }

  std::vector<std::unique_ptr<uint64_t[]>> blocks_;
  std::byte* next_ = nullptr;
  size_t left_ = 0;
  std::atomic<uint64_t> bytes_{0};
};

}  // namespace pannier::index

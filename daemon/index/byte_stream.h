// Where a saved index goes to, and comes from: bytes in order. Implemented by who owns the file.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "lib/core/result.h"

namespace pannier::index {

// Threads: one at a time.
class ByteSink {
 public:
  virtual ~ByteSink() = default;
  virtual Status Write(std::span<const char> bytes) = 0;

  template <typename T>
  Status WriteArray(const T* values, size_t count) {
    return Write({reinterpret_cast<const char*>(values), count * sizeof(T)});
  }
};

class ByteSource {
 public:
  virtual ~ByteSource() = default;
  // Fills `into` with the next bytes.
  //   kCorruption  they end before, or are not what was written
  virtual Status Read(std::span<char> into) = 0;

  template <typename T>
  Status ReadArray(T* values, size_t count) {
    return Read({reinterpret_cast<char*>(values), count * sizeof(T)});
  }
};

}  // namespace pannier::index

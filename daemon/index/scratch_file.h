// Where what would take too much memory is put aside. Threads: as whoever takes it says.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>

#include "lib/file/file_system.h"

namespace pannier::index {

struct Scratch {
  // An empty file that nobody else has and whose name is gone, so that it ends with whoever holds
  // it. Null: none can be had now. Without it all stays in memory.
  std::function<std::unique_ptr<file::File>()> make = nullptr;
  uint64_t memory_bytes_max = 16 << 20;  // nothing is put aside below that
  uint64_t moved_bytes = 1 << 20;        // at a time, about; fewer, the newest, stay in memory
};

}  // namespace pannier::index

// The frames of a log that nobody has open, one by one, each held against the chain of checksums.
// Threads: one at a time.
#pragma once

#include <cstdint>
#include <functional>

#include "daemon/store/raw_file.h"
#include "daemon/store/wal_format.h"
#include "lib/core/result.h"

namespace pannier::store {

struct LogFrame {
  uint64_t number = 0;  // from 0
  FrameHeader head;
  // It has the log's salts and continues the frame before it, as that one is or as it should be.
  bool follows = false;
  // So do all before it: SQLite will use it, if a commit mark comes as well.
  bool is_used = false;
  bool has_salts = false;  // the log's own
};

// Visits every frame that lies in the file as a whole. Nothing is visited when the page size cannot
// be told. When the header is damaged (`header->valid` is false) the first frame's salts count.
//   kUnavailable  it cannot be read
Status WalkLog(const RawFile& log, LogHeader* header,
               const std::function<void(const LogFrame& frame)>& visit);

}  // namespace pannier::store

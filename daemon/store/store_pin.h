// A store's file, held still at one sequence while somebody copies it.
//
// While a pin lives, the file's bytes do not change: the log was moved into the file when the pin
// was made, and a read transaction that uses nothing of the log keeps SQLite from moving anything
// more. Writes go on, into the log, which grows until the pin is released; so pins are short, and
// their holder watches StorePin::log_bytes().
// Threads: one at a time; reading may be done by several. Lifetime: ends before the store.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "daemon/index/record_set.h"
#include "daemon/model/collection.h"
#include "lib/core/clock.h"
#include "lib/core/result.h"
#include "lib/file/file_system.h"

namespace pannier::store {

struct PinnedCollection {
  model::Collection info;
  uint64_t records = 0;
};

// A cache beside the store's file, as it was at the pin's sequence. It is never changed in place,
// so it may be read after the pin.
struct PinnedIndex {
  std::string path;  // below the store's folder
  uint64_t bytes = 0;
  std::unique_ptr<file::File> file;
};

class StorePin {
 public:
  virtual ~StorePin() = default;
  virtual index::Sequence sequence() const = 0;
  virtual WallTime time() const = 0;   // when it was pinned
  virtual uint64_t bytes() const = 0;  // of the file
  virtual const std::vector<PinnedCollection>& collections() const = 0;
  virtual uint64_t log_bytes() const = 0;  // of the write-ahead log that grows meanwhile
  // Fills `into` from `offset` on; all of it exists.
  virtual Status Read(uint64_t offset, std::span<char> into) const = 0;
  // The saved indexes that are of the pin's sequence. Those that are not, or cannot be read, are
  // left out: nothing depends on them.
  virtual std::vector<PinnedIndex> SavedIndexes() const = 0;
};

}  // namespace pannier::store

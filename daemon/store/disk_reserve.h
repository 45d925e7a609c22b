// Disk space that is kept aside for deletions. A full disk refuses every commit, those that would
// free space too: a deletion needs room in the log first. A file of zeros beside the catalog holds
// that room, and is removed when a deletion needs it; it is made again once the disk has room.
// docs/formats/data-directory.md.
//
// Threads: any. Lifetime: `files` outlives it.
#pragma once

#include <cstdint>

#include "lib/core/mutex.h"
#include "lib/core/result.h"
#include "lib/file/file_system.h"

namespace pannier::store {

class DiskReserve {
 public:
  // `path` is the file; 0 bytes: no reserve, and a file that is there is left alone.
  DiskReserve(file::Path path, uint64_t bytes, file::FileSystem& files)
      : path_(std::move(path)), bytes_(bytes), files_(files) {}

  // Makes the file where it is not whole, on a small disk a sixteenth of that, and only while four
  // times as much is free. Best effort: called again by upkeep. Costs nothing while it is there.
  void Refill();
  // Gives its space to the disk. True when it had any to give.
  bool Release();
  bool is_full() const;
  // What Refill() would still write, where there is room; 0 when that cannot be told.
  uint64_t MissingBytes() const;

 private:
  Status Write(uint64_t bytes);
  uint64_t WantedBytes(const file::Space& space) const;

  const file::Path path_;
  const uint64_t bytes_;
  file::FileSystem& files_;
  mutable Mutex mutex_;
  bool full_ GUARDED_BY(mutex_) = false;  // the file is there, as long as it should be
};

}  // namespace pannier::store

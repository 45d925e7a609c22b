// An exclusive lock between processes, by flock(2) on a file that names its holder.
//
// The kernel drops the lock when its holder dies, so there is no stale lock; what the file says is
// for people and may be stale, empty or garbage without harm. The file stays when the lock is
// released: removing it would let two processes lock two files of one name.
// Threads: a value. Lifetime: the lock is held until the object is destroyed or assigned over.
#pragma once

#include "lib/core/clock.h"
#include "lib/core/result.h"
#include "lib/file/descriptor.h"
#include "lib/file/file_system.h"

namespace pannier::file {

class FileLock {
 public:
  // Takes the lock on `path` (made when absent; its directory exists) without waiting.
  //   kConflict          held: "/data is locked by pid 7 (started 2025-01-31T12:00:00Z)"
  //   kPermissionDenied  the file cannot be made or opened
  //   kUnavailable       the file system has no locks, or I/O failed
  static Result<FileLock> Acquire(const Path& path, const Clock& clock = SystemClock());

  FileLock(FileLock&&) noexcept = default;
  FileLock& operator=(FileLock&& other) noexcept;
  ~FileLock();

 private:
  explicit FileLock(Descriptor descriptor) : descriptor_(std::move(descriptor)) {}
  void Release();
  Descriptor descriptor_;
};

}  // namespace pannier::file

// The locks and the shared memory of one database file, between connections of one process: the
// rules of SQLite's "File Locking" and "WAL-mode File Format" pages, without files.
// Threads: any. An owner is whatever address tells connections apart.
#pragma once

#include <array>
#include <memory>
#include <set>
#include <vector>

#include "lib/core/mutex.h"

namespace pannier::test {

class VfsLocks {
 public:
  using Owner = const void*;

  // --- the file's five levels (SQLITE_LOCK_*) ---
  // From `held` up to `wanted`. Returns the level reached; less than wanted means busy.
  int Lock(Owner owner, int held, int wanted);
  void Unlock(Owner owner, int held, int wanted);
  bool IsReserved() const;

  // --- shared memory ---
  // Region `index` of `bytes` bytes, zeroed at first; null when it is not there and not to be made.
  void* Map(Owner owner, int index, int bytes, bool make);
  // The memory is gone with its last user.
  void Unmap(Owner owner);
  bool LockShared(Owner owner, int slot);
  bool LockExclusive(Owner owner, int first, int count);
  void UnlockSlots(Owner owner, int first, int count);
  // Orders what is read and written in the shared memory. A lock, since ThreadSanitizer knows no
  // fences.
  void Barrier() { MutexLock lock(mutex_); }

 private:
  struct Slot {
    std::set<Owner> shared;
    Owner exclusive = nullptr;
  };

  static constexpr int kSlots = 8;  // SQLITE_SHM_NLOCK

  mutable Mutex mutex_;
  std::set<Owner> readers_ GUARDED_BY(mutex_);
  Owner reserved_ GUARDED_BY(mutex_) = nullptr;
  Owner pending_ GUARDED_BY(mutex_) = nullptr;
  Owner exclusive_ GUARDED_BY(mutex_) = nullptr;
  std::set<Owner> users_ GUARDED_BY(mutex_);
  std::vector<std::unique_ptr<char[]>> regions_ GUARDED_BY(mutex_);
  std::array<Slot, kSlots> slots_ GUARDED_BY(mutex_);
};

}  // namespace pannier::test

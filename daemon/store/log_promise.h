// How much of a database's log is promised: `<database>-ack`, 32 bytes beside it.
//
// SQLite reads a log up to the first frame that fails its check, and takes the rest for a
// transaction that a crash cut short. So a flipped bit in the newest commits, or a log that was
// cut, would lose them without a word. This file says how many frames had been synced when a commit
// was acknowledged. It is written after that sync and not synced itself: it outlives the process,
// and a power failure may leave an older, lower promise, never a higher one. Where SQLite is about
// to begin the log anew, to cut it or to remove it, the promise is withdrawn first, durably.
// docs/formats/store.md. Threads: any. Lifetime: the VFS outlives it.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "daemon/store/raw_file.h"
#include "lib/core/mutex.h"
#include "lib/core/result.h"

namespace pannier::store {

struct Promised {
  uint64_t salts = 0;   // of the log's header
  uint64_t frames = 0;  // of it, from the first on
};

class LogPromise {
 public:
  static std::string PathOf(const std::string& database) { return database + "-ack"; }
  // Nothing: there is no promise, or it cannot be read.
  static std::optional<Promised> Read(const std::string& database, const std::string& vfs);

  LogPromise(std::string database, std::string vfs)
      : database_(std::move(database)), vfs_(std::move(vfs)) {}

  // A promise that cannot be written leaves the older one: nobody needs to know.
  void Raise(const Promised& promised);
  // Durable when it returns ok.
  Status Withdraw();

 private:
  Status Open(RawFile::Mode mode) REQUIRES(mutex_);

  const std::string database_, vfs_;
  Mutex mutex_;
  RawFile file_ GUARDED_BY(mutex_);
  bool nothing_promised_ GUARDED_BY(mutex_) = false;  // false: or not known
};

}  // namespace pannier::store

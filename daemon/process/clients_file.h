// How a private daemon knows when it is needed no more: its clients hold a shared lock (flock) on a
// file, which the kernel drops when they close it or die, however they die.
//
// Who finds the file unlocked holds it alone until the process has ended. So a client that comes
// meanwhile waits for its shared lock, and then knows that the daemon is gone and starts another;
// none ever joins a daemon that is about to end.
// Threads: one. Lifetime: keep it until the process ends.
#pragma once

#include <optional>

#include "lib/file/file_lock.h"

namespace pannier::daemon {

class ClientsFile {
 public:
  explicit ClientsFile(file::Path path) : path_(std::move(path)) {}

  // True when no client has the file, or its folder is gone, so that none can come; for good then.
  // False also when it cannot be told (no descriptor free, say): better needless than missing.
  bool TakeWhenUnused();

 private:
  const file::Path path_;
  std::optional<file::FileLock> ours_;
};

}  // namespace pannier::daemon

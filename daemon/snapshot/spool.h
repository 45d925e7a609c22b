// Changed chunks of a pinned store, kept until they are sent: the first few in memory, the others
// in a file, so that the pin need not wait for a network. Threads: any. Lifetime: `files` outlives
// it; its file stays when it goes (the folder is its owner's to remove).
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "lib/core/mutex.h"
#include "lib/core/result.h"
#include "lib/file/file_system.h"

namespace pannier::snapshot {

class Spool {
 public:
  // `folder` exists. `reserve_bytes` of its disk are left free.
  Spool(std::string folder, uint64_t reserve_bytes, file::FileSystem& files)
      : folder_(std::move(folder)), reserve_bytes_(reserve_bytes), files_(files) {}

  // Its number; nothing when there is no room: the caller must send it at once.
  Result<std::optional<size_t>> Put(std::string_view chunk) EXCLUDES(mutex_);
  // Also frees the memory; once for each.
  Result<std::string> Take(size_t number) EXCLUDES(mutex_);

 private:
  struct Place {
    std::string memory;
    uint64_t offset = 0;
    size_t bytes = 0;
    bool in_file = false;
  };
  Result<bool> HasRoom(uint64_t bytes) REQUIRES(mutex_);

  const std::string folder_;
  const uint64_t reserve_bytes_;
  file::FileSystem& files_;
  Mutex mutex_;  // held while the file is written: one hand on it
  std::vector<Place> places_ GUARDED_BY(mutex_);
  size_t in_memory_ GUARDED_BY(mutex_) = 0;
  std::shared_ptr<file::File> file_ GUARDED_BY(mutex_);
  uint64_t file_bytes_ GUARDED_BY(mutex_) = 0;
  uint64_t room_bytes_ GUARDED_BY(mutex_) = 0;  // known to be free, not asked again until used up
};

}  // namespace pannier::snapshot

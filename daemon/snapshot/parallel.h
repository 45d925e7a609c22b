// Work on numbered items by a few threads. Threads: the caller's and those it starts, which end
// before it returns.
#pragma once

#include <cstdint>
#include <functional>

#include "daemon/store/store_check.h"
#include "lib/core/mutex.h"
#include "lib/core/result.h"

namespace pannier::snapshot {

// Calls `work` once for each of 0 … count-1, in order of beginning, by `threads` threads (the
// caller's among them). The first error ends it and is returned; what has begun is waited for.
Status ForEach(uint64_t count, uint32_t threads, const std::function<Status(uint64_t)>& work);

// Adds up what several threads have done, and asks one at a time whether to go on.
class SharedProgress {
 public:
  SharedProgress(uint64_t total, const store::Progress& progress)
      : total_(total), progress_(progress) {}
  //   kDeadlineExceeded  told to stop
  Status Add(uint64_t bytes) EXCLUDES(mutex_);

 private:
  const uint64_t total_;
  const store::Progress& progress_;
  Mutex mutex_;
  uint64_t done_ GUARDED_BY(mutex_) = 0;
};

}  // namespace pannier::snapshot

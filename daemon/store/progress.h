// Where long work says how far it is and is told to stop.
#pragma once

#include <cstdint>
#include <functional>

#include "lib/core/mutex.h"
#include "lib/core/result.h"

namespace pannier::store {

// `done` of `total` bytes; false: stop (kDeadlineExceeded). Called by one thread at a time.
using Progress = std::function<bool(uint64_t done, uint64_t total)>;

// One progress told by several threads. Threads: any. Lifetime: `progress` outlives it; may be
// empty.
class SharedProgress {
 public:
  SharedProgress(uint64_t total, const Progress& progress) : total_(total), progress_(progress) {}

  //   kDeadlineExceeded  told to stop
  Status Add(uint64_t bytes) EXCLUDES(mutex_) {
    MutexLock lock(mutex_);
    done_ += bytes;
    if (progress_ && !progress_(done_ < total_ ? done_ : total_, total_)) {
      return DeadlineExceeded("stopped");
    }
    return {};
  }

 private:
  const uint64_t total_;
  const Progress& progress_;
  Mutex mutex_;
  uint64_t done_ GUARDED_BY(mutex_) = 0;
};

}  // namespace pannier::store

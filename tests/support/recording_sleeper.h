// Pauses that take no time: written down instead. Threads: any.
#pragma once

#include <chrono>
#include <vector>

#include "lib/core/mutex.h"
#include "lib/repository/retry.h"

namespace pannier::test {

class RecordingSleeper final : public repository::Sleeper {
 public:
  void Sleep(std::chrono::nanoseconds time) override {
    MutexLock lock(mutex_);
    pauses_.push_back(time);
  }
  std::vector<std::chrono::nanoseconds> pauses() const {
    MutexLock lock(mutex_);
    return pauses_;
  }

 private:
  mutable Mutex mutex_;
  std::vector<std::chrono::nanoseconds> pauses_ GUARDED_BY(mutex_);
};

}  // namespace pannier::test

#include "daemon/snapshot/parallel.h"

#include <pthread.h>

#include <algorithm>
#include <atomic>
#include <thread>
#include <vector>

namespace pannier::snapshot {
namespace {

class Crew {
 public:
  Crew(uint64_t count, const std::function<Status(uint64_t)>& work) : count_(count), work_(work) {}

  void Run() {
    while (!failed_.load(std::memory_order_relaxed)) {
      const uint64_t item = next_.fetch_add(1, std::memory_order_relaxed);
      if (item >= count_) return;
      Status done = work_(item);
      if (!done.ok()) Fail(std::move(done));
    }
  }
  Status TakeResult() {
    MutexLock lock(mutex_);
    return std::move(result_);
  }

 private:
  void Fail(Status error) {
    MutexLock lock(mutex_);
    if (result_.ok()) result_ = std::move(error);
    failed_.store(true, std::memory_order_relaxed);
  }

  const uint64_t count_;
  const std::function<Status(uint64_t)>& work_;
  std::atomic<uint64_t> next_{0};
  std::atomic<bool> failed_{false};
  Mutex mutex_;
  Status result_ GUARDED_BY(mutex_);
};

}  // namespace

Status ForEach(uint64_t count, uint32_t threads, const std::function<Status(uint64_t)>& work) {
  Crew crew(count, work);
  {
    std::vector<std::jthread> helpers;
    const uint64_t wanted = std::min<uint64_t>(threads, count);
    for (uint64_t i = 1; i < wanted; ++i) {
      helpers.emplace_back([&crew, i] {
        pthread_setname_np(pthread_self(), ("transfer-" + std::to_string(i)).c_str());
        crew.Run();
      });
    }
    crew.Run();
  }
  return crew.TakeResult();
}

Status SharedProgress::Add(uint64_t bytes) {
  MutexLock lock(mutex_);
  done_ += bytes;
  if (progress_ && !progress_(done_, total_)) return DeadlineExceeded("stopped");
  return {};
}

}  // namespace pannier::snapshot

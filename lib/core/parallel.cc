#include "lib/core/parallel.h"

#include <pthread.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <string>
#include <thread>
#include <vector>

#include "lib/core/mutex.h"

namespace pannier {
namespace {

constexpr int kNice = 10;
constexpr uint32_t kComputingMax = 4;

class Items {
 public:
  Items(uint64_t count, const std::function<Status(uint64_t)>& work) : count_(count), work_(work) {}

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

uint32_t ThreadsForComputing() {
  return std::clamp(std::thread::hardware_concurrency(), 1u, kComputingMax);
}

Status ForEach(uint64_t count, const Crew& crew, const std::function<Status(uint64_t)>& work) {
  Items items(count, work);
  const uint64_t wanted = std::min<uint64_t>(crew.threads, count);
  if (wanted <= 1) {
    items.Run();
    return items.TakeResult();
  }
  {
    std::vector<std::jthread> threads;
    for (uint64_t i = 1; i <= wanted; ++i) {
      threads.emplace_back([&items, name = crew.name + ("-" + std::to_string(i))] {
        pthread_setname_np(pthread_self(), name.c_str());
        // Of this thread alone. It could not be taken back without rights, so it is never the
        // caller's.
        setpriority(PRIO_PROCESS, static_cast<id_t>(gettid()), kNice);
        items.Run();
      });
    }
  }
  return items.TakeResult();
}

}  // namespace pannier

#include "lib/core/parallel.h"

#include <pthread.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <string>
#include <thread>
#include <vector>

#include "lib/core/background_turn.h"
#include "lib/core/mutex.h"

namespace pannier {
namespace {

constexpr uint32_t kComputingMax = 4;
constexpr int kNice = 10;  // a tenth of what who is waited for gets: slow, but to its end

class Items {
 public:
  Items(uint64_t count, const std::function<Status(uint64_t)>& work) : count_(count), work_(work) {}

  void Run() {
    while (RunOne()) {
    }
  }
  Status TakeResult() {
    MutexLock lock(mutex_);
    return std::move(result_);
  }

 private:
  // No: nothing is left to begin.
  bool RunOne() {
    if (failed_.load(std::memory_order_relaxed)) return false;
    const uint64_t item = next_.fetch_add(1, std::memory_order_relaxed);
    if (item >= count_) return false;
    Status done = work_(item);
    if (!done.ok()) Fail(std::move(done));
    return true;
  }
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

// Of the calling thread. It cannot be taken back without rights, so it is for threads that end.
void GiveWay() { setpriority(PRIO_PROCESS, static_cast<id_t>(gettid()), kNice); }

}  // namespace

uint32_t ThreadsForComputing() {
  const uint32_t cores = std::clamp(std::thread::hardware_concurrency(), 1u, kComputingMax);
  return AreRequestsComing() && cores > 1 ? cores - 1 : cores;
}

Status ForEach(uint64_t count, const Crew& crew, const std::function<Status(uint64_t)>& work) {
  Items items(count, work);
  const bool is_background = crew.urgency == Urgency::kBackground;
  const uint64_t wanted = std::min<uint64_t>(crew.threads, count);
  {
    std::vector<std::jthread> threads;
    for (uint64_t i = is_background ? 0 : 1; i < wanted; ++i) {
      threads.emplace_back([&, name = crew.name + ("-" + std::to_string(i))] {
        pthread_setname_np(pthread_self(), name.c_str());
        if (is_background) GiveWay();
        items.Run();
      });
    }
    if (!is_background) items.Run();
  }
  return items.TakeResult();
}

}  // namespace pannier

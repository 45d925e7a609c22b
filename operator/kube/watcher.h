// Keeps a Cache equal to what the API has of one kind: a thread that drives a WatchMachine.
//
// Never gives up and never ends the process: whatever fails is tried again with growing pauses, and
// health() shows it meanwhile. Threads: Start() and Stop() from one; the rest from any. Lifetime:
// api, cache and clock outlive the watcher.
#pragma once

#include <atomic>
#include <chrono>
#include <functional>
#include <string>
#include <thread>

#include "lib/core/clock.h"
#include "lib/core/mutex.h"
#include "operator/kube/api.h"
#include "operator/kube/cache.h"
#include "operator/kube/metrics.h"
#include "operator/kube/watch_machine.h"

namespace pannier::kube {

class Watcher {
 public:
  struct Options {
    Resource resource;
    std::string ns;              // "" for all
    std::string label_selector;  // "" for all
    WatchMachine::Options machine;
    std::chrono::seconds server_timeout{290};
    uint64_t seed = 0;
  };
  struct Health {
    bool synced = false;
    // Since the API last said something: a page, an event, a bookmark, an accepted watch. A sound
    // watch stays below server_timeout and a little.
    std::chrono::nanoseconds age{0};
    Status error;  // of the last attempt, while it has not succeeded since
  };
  // Called on the watcher's thread, in order, after the cache shows the change. Must be brief.
  using OnChange = std::function<void(const Change& change)>;

  Watcher(Api& api, Cache& cache, const Clock& clock, Options options, RuntimeMetrics metrics,
          OnChange on_change);
  ~Watcher();

  void Start();
  // Ends the watch in flight and the thread.
  void Stop();
  Health health() const;
  const Resource& resource() const { return options_.resource; }

 private:
  class Sink;
  void Run(std::stop_token stop);
  void DoList(const WatchMachine::Ask& ask);
  void DoWatch(const WatchMachine::Ask& ask, std::stop_token stop);
  void Failed(const Error& error, std::string_view doing);
  void Alive();
  void Report(const std::vector<Change>& changes);

  Api& api_;
  Cache& cache_;
  const Clock& clock_;
  const Options options_;
  const RuntimeMetrics metrics_;
  const OnChange on_change_;
  WatchMachine machine_;               // the thread's
  std::vector<Cache::Entry> pending_;  // the thread's: items of pages until the last has come
  std::atomic<int64_t> alive_ns_;
  mutable Mutex mutex_;
  CondVar stopped_;
  Status error_ GUARDED_BY(mutex_);
  std::jthread thread_;
};

}  // namespace pannier::kube

// Runs one reconciler over the keys of one kind: a Queue and a few worker threads.
//
// A key never runs twice at once. Everything known is looked at when the controller starts and
// every `resync` after, spread over a tenth of that time. Errors are logged here and tried again
// with growing pauses; kInternal is a defect of ours and logged as error. Start and Stop may follow
// each other, as the process wins and loses its lease. Threads: Start() and Stop() from one;
// Enqueue() from any. Lifetime: clock, `keys` and what `reconcile` refers to outlive the
// controller.
#pragma once

#include <chrono>
#include <functional>
#include <string>
#include <thread>
#include <vector>

#include "lib/core/clock.h"
#include "lib/core/mutex.h"
#include "lib/core/result.h"
#include "operator/kube/metrics.h"
#include "operator/kube/queue.h"

namespace pannier::kube {

class Controller {
 public:
  struct Options {
    std::string name;  // label of metrics and logs: "vectorstore"
    int workers = 2;
    std::chrono::seconds resync{3600};
    BackoffOptions backoff = Queue::kBackoff;
    uint64_t seed = 0;
  };
  // Not told why it runs; blocks; bounded in time by the deadlines of what it calls. It may be run
  // by several threads at once, for different keys.
  using Reconcile = std::function<Result<Action>(const ObjectKey& key)>;
  // Every key there is: Cache::Keys of the kind.
  using Keys = std::function<std::vector<ObjectKey>()>;

  Controller(Options options, const Clock& clock, RuntimeMetrics metrics, Keys keys,
             Reconcile reconcile);
  ~Controller();

  void Start();
  // Returns when no reconciler runs any more; what waited is forgotten.
  void Stop();
  // Look at `key` after `delay`; ignored while stopped.
  void Enqueue(const ObjectKey& key, std::chrono::nanoseconds delay = {});
  const std::string& name() const { return options_.name; }

 private:
  void Work(std::stop_token stop);
  // The next due key, or nothing when it is time to look at `stop` again.
  std::optional<ObjectKey> Await();
  void RunOne(const ObjectKey& key);
  void Finish(const ObjectKey& key, const Result<Action>& result);
  void ResyncWhenDue();
  void CountDue(SteadyTime now) REQUIRES(mutex_);

  const Options options_;
  const Clock& clock_;
  const Keys keys_;
  const Reconcile reconcile_;
  const RuntimeMetrics metrics_;
  Mutex mutex_;
  CondVar due_;
  Queue queue_ GUARDED_BY(mutex_);
  Jitter jitter_ GUARDED_BY(mutex_);
  bool running_ GUARDED_BY(mutex_) = false;
  SteadyTime resync_at_ GUARDED_BY(mutex_){};
  SteadyTime counted_at_ GUARDED_BY(mutex_){};  // when the queue's depth was last counted
  std::vector<std::jthread> workers_;
};

}  // namespace pannier::kube

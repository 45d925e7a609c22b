// At most one operator acts: a Lease of coordination.k8s.io, renewed by who leads.
//
// What counts is the steady clock alone: a lease has expired when it was seen unchanged for its
// whole duration, whatever its renewTime says, so that stepped and skewed clocks do no harm. Who
// leads stops believing so `renew_deadline` after it last *began* a renewal that succeeded, which
// is sooner than anybody else may take over; a process that was frozen finds on waking that it
// leads no more before it does anything else, as long as it asks epoch() first. Losing the lease is
// no failure: the elector goes on and may win again.
//
// The epoch (leaseTransitions) is greater than that of any leader before and goes with every
// mutating call to the daemons, which refuse smaller ones.
//
// Threads: Start() and Stop() from one; epoch() from any; callbacks run on the elector's thread.
// Lifetime: api and clock outlive it. `api` must answer or fail well within renew_deadline: give it
// an ApiServer of its own with a time-out of a few seconds and no rate limit.
#pragma once

#include <atomic>
#include <chrono>
#include <functional>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <thread>

#include "lib/core/clock.h"
#include "lib/core/mutex.h"
#include "operator/kube/api.h"
#include "operator/kube/backoff.h"
#include "operator/kube/metrics.h"

namespace pannier::kube {

class LeaderElector {
 public:
  struct Options {
    ObjectKey lease;       // where: the operator's namespace, "pannier-operator"
    std::string identity;  // who: differs for every process
    std::chrono::seconds lease_duration{15};
    std::chrono::seconds renew_deadline{10};  // < lease_duration
    // Between two looks at the lease, and a fifth more at random.
    std::chrono::milliseconds retry_period{1'000};
    uint64_t seed = 0;
  };
  struct Callbacks {
    std::function<void(int64_t epoch)> on_started;
    // Returns when nothing acts any more.
    std::function<void()> on_stopped;
  };

  LeaderElector(Api& api, const Clock& clock, Options options, RuntimeMetrics metrics,
                Callbacks callbacks);
  ~LeaderElector();

  void Start();
  // Stops leading (on_stopped), then gives the lease back, so that another takes over within two
  // seconds.
  void Stop();

  // While we lead for certain: the epoch.
  std::optional<int64_t> epoch() const;
  // Who held the lease when it was last read; "" for nobody.
  std::string holder() const;

  // One look at the lease: what the thread does again and again. For tests, which have no thread.
  void Step();
  void Release();

 private:
  void Run(std::stop_token stop);
  void Consider(const nlohmann::json& lease, SteadyTime began);
  bool HasExpired(const nlohmann::json& lease, SteadyTime now);
  // Writes the lease as ours; `epoch` as its number of transitions. The answer of the API; a
  // conflict is told to nobody.
  Status Hold(nlohmann::json lease, int64_t epoch, SteadyTime began);
  void TryCreate(SteadyTime began);
  void Lead(int64_t epoch, SteadyTime began);
  void StopLeadingIfLate();
  void StopLeading(std::string_view why);
  void SetHolder(std::string holder);
  void Warn(const Error& error, std::string_view doing);

  Api& api_;
  const Clock& clock_;
  const Options options_;
  const RuntimeMetrics metrics_;
  const Callbacks callbacks_;
  // The thread's: the lease as it was last seen, and since when it looks so.
  std::string seen_version_;
  SteadyTime seen_at_{};
  bool leads_ = false;
  nlohmann::json held_;  // as our last write left it, so that renewing is one call; null: read it
  Jitter jitter_;
  std::atomic<int64_t> leads_until_ns_{0};  // of the steady clock; 0: not at all
  std::atomic<int64_t> epoch_{0};
  mutable Mutex mutex_;
  CondVar stopped_;
  std::string holder_ GUARDED_BY(mutex_);
  std::jthread thread_;
};

}  // namespace pannier::kube

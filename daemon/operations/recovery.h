// What happens by itself when a store is found damaged, and the search for damage.
//
// Each store that is damaged makes an event. In mode automatic a salvage is asked for, at most one
// an hour for a store; it gives up by itself where it would lose more than the configuration
// allows. Many stores at once are a bad disk, on which writing repairs makes things worse: from the
// third store within ten minutes on nothing is repaired by itself, and an event says so; stores
// that are marked count again at the next start. docs/runbooks/damage.md. Threads: OnDamage() from
// any, returns at once; one thread of its own, "recovery". Lifetime: what it is given outlives it.
#pragma once

#include <chrono>
#include <deque>
#include <functional>
#include <map>
#include <string>
#include <thread>

#include "daemon/operations/executor.h"
#include "daemon/operations/operation.h"
#include "daemon/operations/scrubber.h"
#include "daemon/operations/services.h"
#include "lib/core/clock.h"
#include "lib/core/mutex.h"

namespace pannier::operations {

struct RecoveryOptions {
  bool automatic = false;
  std::string repository;  // fills gaps; empty: none
  ScrubOptions scrub;
};

// The decision, apart from what carries it out. Threads: one.
class DamagePolicy {
 public:
  enum class Decision {
    kNothing,  // it has been tried lately
    kSalvage,
    kStop,  // this one was too many: say so, and repair nothing more
    kStopped,
  };
  Decision OnDamage(const std::string& store, SteadyTime now);
  bool stopped() const { return stopped_; }

  static constexpr size_t kMassStores = 3;
  static constexpr std::chrono::minutes kMassWindow{10};
  static constexpr std::chrono::hours kTryAgain{1};

 private:
  std::map<std::string, SteadyTime> damaged_;  // the last time, of late
  std::map<std::string, SteadyTime> tried_;
  bool stopped_ = false;
};

class Recovery {
 public:
  Recovery(Services& services, Executor& executor, RecoveryOptions options);
  ~Recovery();

  // Takes up what is known to be damaged, and begins to look for more. Once.
  void Start();
  void Stop();
  void OnDamage(const StoreName& store, const std::string& what) EXCLUDES(mutex_);

 private:
  struct Found {
    StoreName store;
    std::string what;
  };
  void Loop();
  bool MayScrub() const;
  void TakeUpKnown();
  void Handle(const Found& found);
  void Salvage(const StoreName& store);
  void SayStopped();

  Services& services_;
  Executor& executor_;
  const RecoveryOptions options_;
  Scrubber scrubber_;
  // Of the thread:
  DamagePolicy policy_;
  std::vector<Uuid> submitted_;  // automatic salvages
  SteadyTime next_scrub_;
  mutable Mutex mutex_;
  CondVar changed_;
  std::deque<Found> found_ GUARDED_BY(mutex_);
  bool stopping_ GUARDED_BY(mutex_) = false;
  std::jthread thread_;
};

}  // namespace pannier::operations

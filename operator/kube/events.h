// Events of events.k8s.io: what `kubectl describe` shows under an object. One Event per thing done;
// the same thing said again within ten minutes counts up the first (series) instead.
//
// Telling is best effort and never in anybody's way: Say() only puts it into a bounded queue, a
// thread sends, an object has a budget (25 at once, then one every five minutes), and what does not
// fit is dropped and counted. Threads: Say() from any; Start() and Stop() from one. Lifetime: api
// and clock outlive it.
#pragma once

#include <chrono>
#include <deque>
#include <map>
#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <thread>

#include "lib/core/clock.h"
#include "lib/core/mutex.h"
#include "operator/kube/api.h"
#include "operator/kube/metrics.h"
#include "operator/kube/token_bucket.h"

namespace pannier::kube {

// The object that an event is about.
struct Regarding {
  std::string api_version, kind;
  ObjectKey key;
  std::string uid;
};
Regarding RegardingOf(const Resource& resource, const ObjectKey& key, std::string uid);

class EventRecorder {
 public:
  enum class Type { kNormal, kWarning };
  struct Options {
    std::string controller = "pannier.dev/operator";  // reportingController
    std::string instance = "pannier-operator";        // reportingInstance: better the pod's name
    size_t queued_max = 256;
    size_t series_max = 1'000;  // remembered; the least recent is forgotten
    std::chrono::seconds series_time{600};
  };

  EventRecorder(Api& api, const Clock& clock, Options options, RuntimeMetrics metrics);
  ~EventRecorder();

  void Start();
  // Sends what is queued, for at most two seconds, and ends the thread.
  void Stop();

  // `reason` is a CamelCase word, `action` what was done ("Restoring"), `note` a sentence of at
  // most 1,024 bytes (longer ones are cut).
  void Say(const Regarding& regarding, Type type, std::string_view reason, std::string_view action,
           std::string_view note);
  // Sends one queued event, when there is one. For tests, which have no thread.
  bool SendOne();

 private:
  struct Entry {
    Regarding regarding;
    Type type = Type::kNormal;
    std::string reason, action, note;
    WallTime said_at;
  };
  struct Series {
    ObjectKey key;  // of the Event object
    int64_t count = 1;
    SteadyTime last{};
  };
  void Run(std::stop_token stop);
  Status Send(const Entry& entry);
  Status SendFirst(const Entry& entry, Series& series);
  Status SendAgain(const Entry& entry, Series& series);
  bool WithinBudget(const std::string& uid) REQUIRES(mutex_);
  void ForgetOldest();

  Api& api_;
  const Clock& clock_;
  const Options options_;
  const RuntimeMetrics metrics_;
  Mutex mutex_;
  CondVar queued_;
  std::deque<Entry> queue_ GUARDED_BY(mutex_);
  std::map<std::string, std::unique_ptr<TokenBucket>> budgets_ GUARDED_BY(mutex_);
  std::map<std::string, Series> series_;  // of who sends
  std::jthread thread_;
};

}  // namespace pannier::kube

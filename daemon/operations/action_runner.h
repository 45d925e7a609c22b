// What every action looks like to the executor, and the executor to every action.
// Threads: runners are asked from any, and have no state of their own; a Context belongs to the one
// thread that runs its operation.
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>
#include <vector>

#include "daemon/operations/operation.h"
#include "daemon/store/store_check.h"
#include "lib/core/clock.h"
#include "lib/core/mutex.h"
#include "lib/core/result.h"

namespace pannier::operations {

// Something that two operations may not have at once, unless both only share it.
struct Hold {
  std::string what;  // "store default_tenant/docs"
  bool shared = false;
};
Hold StoreHold(const StoreName& store);
Hold RepositoryHold(const std::string& name, bool shared);
// Every operation on single stores shares this; what concerns all stores has it alone.
Hold AllStoresHold(bool shared);

// A URL that somebody with credentials gave for one request to a repository.
struct Grant {
  std::string method, key, url;
  WallTime expires;
  std::vector<std::pair<std::string, std::string>> headers = {};  // to send with it
  std::shared_ptr<const std::string> ca_pem = nullptr;            // who may sign the server's
};
struct Want {
  std::string method, key;
};

// One operation while it runs.
class Context {
 public:
  // The executor's side: what others see and set while the operation runs.
  struct Shared {
    Mutex mutex;
    std::string phase GUARDED_BY(mutex);
    uint64_t done GUARDED_BY(mutex) = 0, total GUARDED_BY(mutex) = 0;
    nlohmann::json plan GUARDED_BY(mutex);
    std::vector<Want> wants GUARDED_BY(mutex);
    std::atomic<bool> stop{false};  // cancelled, or the daemon ends
    // Who takes grants while the operation works with them; held while they do, and taken before
    // `mutex`.
    Mutex desk_mutex;
    std::function<Status(const Grant&)> on_grant GUARDED_BY(desk_mutex);
    std::function<void()> on_stop GUARDED_BY(desk_mutex);

    void Stop() EXCLUDES(desk_mutex);
  };

  Context(const Request& request, bool happened, uint32_t attempt, SteadyTime deadline,
          const Clock& clock, Shared& shared)
      : request_(request),
        happened_(happened),
        attempt_(attempt),
        deadline_(deadline),
        clock_(clock),
        shared_(shared) {}

  const Request& request() const { return request_; }
  // Its change of the catalog was committed by an earlier attempt: only what comes after is left.
  bool happened() const { return happened_; }
  uint32_t attempt() const { return attempt_; }
  SteadyTime deadline() const { return deadline_; }

  void SetPlan(nlohmann::json plan);
  // Enters a phase: a word for people, "sending".
  //   kDeadlineExceeded  cancelled, or out of time
  Status Enter(std::string phase);
  // For work that reports how far it is.
  store::Progress Progress();
  bool Stopped() const;
  // What the operation wants granted now: while there is something, its state is AwaitingGrants.
  void SetWants(std::vector<Want> wants);
  // From now on grants go to `on_grant`, and `on_stop` is told when the operation is to end; both
  // return at once. Null: nobody takes them any more, and none is being taken.
  void TakeGrants(std::function<Status(const Grant&)> on_grant, std::function<void()> on_stop);

 private:
  const Request& request_;
  const bool happened_;
  const uint32_t attempt_;
  const SteadyTime deadline_;
  const Clock& clock_;
  Shared& shared_;
};

class ActionRunner {
 public:
  virtual ~ActionRunner() = default;
  // Before the request is taken; must not take long.
  //   kInvalidArgument  names the member
  //   kNotFound         an unknown repository or store
  virtual Status Check(const Request& request) = 0;
  // What it must have while it runs.
  virtual std::vector<Hold> Holds(const Request& request) const = 0;
  // Does it, from the start or after an attempt that a crash ended; the result is what is answered.
  // With request().dry_run it changes nothing and ends after SetPlan().
  virtual Result<nlohmann::json> Run(Context& context) = 0;
};

}  // namespace pannier::operations

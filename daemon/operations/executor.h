// Runs operations: each uid once, a few at a time, oldest first, through crashes.
//
// A request is in the journal before it is answered. Operations that need the same thing (Hold)
// wait for each other in the order in which they came. One that a crash or a shutdown ended is run
// again at the next start, after `attempts_max` crashes no more; one whose change of the catalog is
// committed goes forward. What has ended is read from the journal, which keeps the newest.
// Threads: `parallel` of its own, named "operation-N"; calls from any. Lifetime: `journal`, the
// runners and `clock` outlive it.
#pragma once

#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "daemon/operations/action_runner.h"
#include "daemon/operations/operation.h"
#include "daemon/store/journal.h"
#include "lib/core/clock.h"
#include "lib/core/mutex.h"
#include "lib/core/result.h"

namespace pannier::operations {

using Runners = std::map<Action, std::unique_ptr<ActionRunner>>;

struct ExecutorOptions {
  uint32_t parallel = 2;
  uint32_t waiting_max = 64;
  uint32_t history = 200;
  uint32_t attempts_max = 3;
};

// How one ended, for metrics and events. Called from its thread, or Cancel()'s; returns at once.
struct Ended {
  const Request& request;
  State state;
  const nlohmann::json& result;  // null when it has failed
  const Error* error;            // null when it has succeeded
  std::chrono::nanoseconds took;
};

class Executor {
 public:
  Executor(store::Journal& journal, Runners runners, const Clock& clock, ExecutorOptions options,
           std::function<void(const Ended&)> on_end);
  ~Executor();

  // Takes up what an earlier process left, and begins to work. Once.
  Status Start();
  // Stops running operations at their next step; they are run again at the next start. Idempotent.
  void Stop();

  struct Submitted {
    bool is_new = false;
    nlohmann::json operation;
  };
  // Durable when it returns. A uid that is there with an equal request is answered as it stands.
  //   kInvalidArgument, kNotFound  the request, or what its action says of it
  //   kPermissionDenied            its epoch is lower than one seen before
  //   kConflict                    the uid is there with another request
  //   kResourceExhausted           too many are waiting
  Result<Submitted> Submit(const Uuid& uid, std::string_view body);
  // The same for what the daemon asks of itself, whatever the epoch.
  Result<Submitted> SubmitOurs(const Uuid& uid, std::string_view body);
  //   kNotFound  never there, or forgotten
  Result<nlohmann::json> Show(const Uuid& uid) const;
  // The newest first.
  Result<std::vector<nlohmann::json>> List(uint32_t limit) const;
  // One that waits ends at once, one that runs at its next step. Ended already: ok. `epoch`: of a
  // leader, as in a request; nothing of a person, whom no leader shuts out.
  //   kNotFound          never there, or forgotten
  //   kPermissionDenied  its epoch is lower than one seen before
  Status Cancel(const Uuid& uid, std::optional<uint64_t> epoch = std::nullopt);
  //   kConflict          it does not work with grants, or not now
  //   kInvalidArgument   one of them is no such URL; those before it are taken
  //   kPermissionDenied  its epoch is lower than one seen before
  Status GiveGrants(const Uuid& uid, const std::vector<Grant>& grants,
                    std::optional<uint64_t> epoch = std::nullopt);

  uint32_t running() const;
  uint32_t waiting() const;

 private:
  struct Operation;
  using OperationPtr = std::shared_ptr<Operation>;

  Result<Submitted> Take(Request request) EXCLUDES(mutex_);
  Result<std::optional<Submitted>> FindSame(const Request& request) const;
  Status EndAtStart(store::JournalEntry entry, const Error& error);
  Status EndPartsThatDied();
  Result<OperationPtr> Load(const store::JournalEntry& entry) const;
  void Work(const std::stop_token& stop);
  OperationPtr TakeNext() REQUIRES(mutex_);
  void Run(Operation& operation);
  void End(Operation& operation, State state, const Result<nlohmann::json>& result);
  Status NoteEnd(const store::JournalEntry& entry);
  void NoteLeft();
  void Leave(const OperationPtr& operation) EXCLUDES(mutex_);
  OperationPtr FindLive(const Uuid& uid) const EXCLUDES(mutex_);
  nlohmann::json View(const Operation& operation) const EXCLUDES(mutex_);

  store::Journal& journal_;
  const Runners runners_;
  const Clock& clock_;
  const ExecutorOptions options_;
  const std::function<void(const Ended&)> on_end_;
  Mutex submit_mutex_;   // one submission at a time, so that one uid is never taken up twice
  mutable Mutex mutex_;  // never held across I/O or an action
  CondVar changed_;
  std::vector<OperationPtr> live_ GUARDED_BY(mutex_);  // waiting and running, oldest first
  bool stopping_ GUARDED_BY(mutex_) = false;
  // Ended while the disk took no notes. Not more than live at a time: none is taken until they are
  // noted.
  std::vector<store::JournalEntry> unnoted_ GUARDED_BY(mutex_);
  std::vector<std::jthread> threads_;
};

}  // namespace pannier::operations

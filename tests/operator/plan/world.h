// A small world for planners: objects as an API server keeps them, daemons that work on operations,
// a repository of manifests; a clock that is turned by hand; an operator that may be cut short
// at any outward call. Invariants are checked as things happen and collected in `broken`.
#pragma once

#include <any>
#include <functional>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "operator/plan/snapshot_repository_plan.h"
#include "operator/plan/store_operation_plan.h"
#include "operator/plan/store_snapshot_plan.h"
#include "operator/plan/store_snapshot_schedule_plan.h"
#include "operator/plan/vector_store_plan.h"
#include "tests/support/torture.h"

namespace pannier::test {

class World {
 public:
  using Json = nlohmann::json;

  struct Store {
    std::string id;
    uint64_t sequence = 1;
    bool damaged = false;
  };
  struct Operation {
    Json body, plan, result;
    control::OperationState state = control::OperationState::kPending;
    std::string error;
    WallTime asked;
    std::optional<WallTime> ended;
  };
  struct Daemon {
    std::string pod_uid, pod_name;
    int session = 1;
    bool up = true;
    std::map<std::string, Store> stores;  // by TENANT/DATABASE
    std::map<std::string, Operation> operations;
    int64_t epoch = 0;
  };
  struct Manifest {
    std::string uid, store_id;
    uint64_t sequence = 0;
  };

  World(uint64_t seed, int pods, int stores_each);

  // --- what people do ---
  void Create(const control::Kind& kind, const std::string& name, Json spec);
  void Delete(const control::Kind& kind, const std::string& name);  // as a person
  void SetSpec(const control::Kind& kind, const std::string& name, const Json& patch);
  bool Has(const control::Kind& kind, const std::string& name) const;
  template <typename R>
  R Get(const control::Kind& kind, const std::string& name) const;
  template <typename R>
  std::vector<R> All(const control::Kind& kind) const;

  // --- time and faults ---
  void Pass(std::chrono::seconds time);  // daemons work meanwhile
  void Restart(Daemon* daemon);          // work that was begun is begun again, or forgotten
  // The n-th outward call from now on is cut short, before or after it took effect; 0: none is.
  void CutShortAt(int call) { cut_at_ = call; }
  bool WasCut() const { return was_cut_; }

  // One pass of the operator over every object. Returns how many writes it made.
  int Reconcile(int64_t epoch = 1);
  // Passes and time until nothing is left to do; says no when that never happens.
  bool Settle(int passes_max = 400);
  // What holds at any time: called by Reconcile(); and, at the end, that nothing is left over.
  void CheckAlways();
  void CheckNothingLeftOver();

  WallTime now;
  std::vector<Daemon> daemons;
  std::map<std::string, Manifest> manifests;  // by key
  std::string repository_id = "repository-1";
  bool repository_up = true;
  uint64_t failure_one_in = 0;  // of operations; 0: none
  std::vector<std::string> broken;
  int calls = 0;

 private:
  using Place = std::pair<std::string, std::string>;  // plural, name

  bool IsAtWork() const;
  static bool AllTaken(const control::StoreSnapshot& snapshot);
  bool Call();  // whether the operator is still alive before the call
  bool AliveAfter() const { return !was_cut_; }
  void Break(const std::string& what) { broken.push_back(what); }
  void Work(Daemon* daemon);
  void Finish(Daemon* daemon, const std::string& uid, Operation* operation);
  void FinishRestore(Daemon* daemon, Operation* operation);
  const Manifest* NewestOf(const std::string& store_id) const;
  control::DaemonView View(const Daemon& daemon, const std::vector<Uuid>& uids) const;
  std::vector<control::DaemonView> Views(
      const std::function<std::vector<Uuid>(const Daemon&)>& uids) const;
  Daemon* Find(const std::string& pod_uid);

  template <typename R>
  void CarryOut(const control::Kind& kind, const R& before,
                const control::Plan<typename R::Status>& plan, const std::string& finalizer);
  bool CarryOutDaemons(const std::vector<control::DaemonStart>& starts,
                       const std::vector<control::DaemonCancel>& cancels);
  bool CarryOutRemove(const control::ObjectRef& object);
  void CheckRemoval(const control::ObjectRef& object);
  void DropIfDone(const Place& place);
  void ReconcileSnapshot(const control::StoreSnapshot& snapshot);
  void ReconcileSchedule(const control::StoreSnapshotSchedule& schedule);
  void ReconcileOperation(const control::StoreOperation& operation);
  void ReconcileStore(const control::VectorStore& store);
  void ReconcileRepository(const control::SnapshotRepository& repository);
  template <typename R>
  std::optional<R> Maybe(const control::Kind& kind, const std::string& name) const;
  template <typename R>
  std::vector<R> Others(const control::Kind& kind, const std::string& uid) const;

  Random random_;
  std::map<Place, Json> objects_;
  mutable std::map<std::string, std::pair<int, std::any>> read_;  // at a version_
  std::set<std::string> slots_;  // names of snapshots that schedules made
  int version_ = 0, uids_ = 0, writes_ = 0, cut_at_ = 0;
  bool was_cut_ = false;
  int64_t epoch_ = 1;
};

template <typename R>
R World::Get(const control::Kind& kind, const std::string& name) const {
  return control::ParseResource<R>(objects_.at({kind.plural, name})).value();
}

// Reading is most of what a world does; what did not change is not read again.
template <typename R>
std::vector<R> World::All(const control::Kind& kind) const {
  auto& [version, kept] = read_[kind.plural];
  if (version == version_) return std::any_cast<const std::vector<R>&>(kept);
  std::vector<R> all;
  for (const auto& [place, object] : objects_) {
    if (place.first == kind.plural) all.push_back(control::ParseResource<R>(object).value());
  }
  kept = all;
  version = version_;
  return all;
}

template <typename R>
std::optional<R> World::Maybe(const control::Kind& kind, const std::string& name) const {
  if (!Has(kind, name)) return std::nullopt;
  return Get<R>(kind, name);
}

template <typename R>
std::vector<R> World::Others(const control::Kind& kind, const std::string& uid) const {
  std::vector<R> all = All<R>(kind);
  std::erase_if(all, [&](const R& each) { return each.meta.uid == uid; });
  return all;
}

}  // namespace pannier::test

// What a StoreCleanupPolicy looks at when a run is due: lists that are read live, not from caches,
// since what is missing from them is removed. Threads: one at a time.
#pragma once

#include <string>
#include <vector>

#include "operator/plan/store_cleanup_policy_plan.h"
#include "operator/reconcile/context.h"

namespace pannier::control {

class CleanupObserver {
 public:
  CleanupObserver(Context& context, const StoreCleanupPolicy& policy, WallTime slot);

  // False: daemons have been asked what nobody needs, and have not answered yet; ask again.
  //   kUnavailable  this operator leads no more
  Result<bool> Observe();

  CleanupObserved TakeSeen() { return std::move(seen_); }
  const std::vector<DaemonAddress>& daemons() const { return daemons_; }

 private:
  template <typename R>
  std::vector<R> ListOurs();
  std::vector<nlohmann::json> List(const kube::Resource& resource);
  void SelectVectorStores();
  bool IsSelected(const std::string& vector_store) const;
  Status LookAtDaemons();
  void AddSessions();
  Status AskForOrphans(const DaemonAddress& daemon, const DaemonView& view);
  void AddOrphans(const DaemonAddress& daemon, const OperationView& report);
  void AddSnapshots();
  void AddRepositories();
  void AddClaims();
  void Add(std::vector<CleanupThing> things);

  Context& context_;
  const StoreCleanupPolicy& policy_;
  const WallTime slot_, now_;
  std::vector<VectorStore> selected_;
  std::vector<SnapshotRepository> repositories_;
  std::vector<StoreSnapshot> snapshots_;
  std::vector<DaemonAddress> daemons_;
  bool waits_ = false;
  CleanupObserved seen_;
};

}  // namespace pannier::control

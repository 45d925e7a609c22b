// Carries plans out, step by step, in the order that operator/plan/plan.h names. The first step
// that fails ends the pass: the next one repeats it. Threads: one pass at a time each.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "operator/kube/queue.h"
#include "operator/plan/plan.h"
#include "operator/reconcile/context.h"
#include "operator/resource/names.h"

namespace pannier::control {

// What a pass knows besides its plan.
struct Pass {
  kube::Resource resource;  // of the object
  nlohmann::json tree;      // the object as it was read
  std::vector<DaemonAddress> daemons = {};
  // Where grants lead and manifests are deleted; in S3.
  std::optional<SnapshotRepository> repository = {};
  // Whether all that was asked for could be read and understood; else nothing is removed.
  bool complete = true;
};

// The steps, each by itself. After an error nothing else must be done.
class Steps {
 public:
  Steps(Context& context, const Pass& pass);

  Status AddFinalizer();
  Status Create(const nlohmann::json& object);
  Status Resume(const ObjectRef& operation);
  Status Annotate(const Annotation& annotation);
  Status Start(const DaemonStart& start);
  Status Grant(const DaemonGrant& grant);
  Status Cancel(const DaemonCancel& cancel);
  Status DeleteManifest(const ManifestRef& manifest);
  // `patch`: {"status": …}, or nothing.
  Status WriteStatus(const std::optional<nlohmann::json>& patch);
  Status Remove(const ObjectRef& object);
  Status Release();
  void Tell(const PlanEvent& event);

 private:
  Result<const DaemonAddress*> Daemon(const std::string& pod_uid) const;
  Result<RepositorySecrets> SecretsOfRepository();

  Context& context_;
  const Pass& pass_;
  const kube::ObjectKey key_;
  std::string version_;  // of the object, as our last write left it
};

kube::Action LookAgain(const std::optional<WallTime>& when, WallTime now);

// How long grants are good for: longer than a daemon lets a URL lie.
inline constexpr std::chrono::seconds kGrantedFor{3600};

// `planned`: the time that the plan was made for. When to look again counts from it, not from a
// clock that may have been put back since: a second would become as long as that.
template <typename R>
Result<kube::Action> CarryOut(Context& context, const Pass& pass, const R& before,
                              const Plan<typename R::Status>& plan, WallTime planned) {
  Steps steps(context, pass);
  if (plan.add_finalizer) TRY(steps.AddFinalizer());
  for (const nlohmann::json& each : plan.create) {
    const Status made = steps.Create(each);
    if (made.Is(Errc::kConflict)) return kube::Action::After(std::chrono::seconds(1));
    TRY(made);
  }
  for (const ObjectRef& each : plan.resume) TRY(steps.Resume(each));
  for (const Annotation& each : plan.annotate) TRY(steps.Annotate(each));
  // A daemon that has enough to do gets what that waits for.
  Status started;
  for (const DaemonStart& each : plan.start) {
    started = steps.Start(each);
    if (!started.ok()) break;
  }
  if (!started.ok() && !started.Is(Errc::kUnavailable)) return started.error();
  for (const DaemonGrant& each : plan.grants) TRY(steps.Grant(each));
  TRY(std::move(started));
  for (const DaemonCancel& each : plan.cancel) TRY(steps.Cancel(each));
  for (const ManifestRef& each : plan.repository_deletes) TRY(steps.DeleteManifest(each));
  typename R::Status status = plan.status;
  context.definitions.Mark(pass.resource.plural, before.meta.generation, planned,
                           &status.conditions);
  const Status written = steps.WriteStatus(StatusPatch(before.status, status));
  if (written.Is(Errc::kNotFound)) return kube::Action::AwaitChange();  // deleted meanwhile
  TRY(written);
  for (const ObjectRef& each : plan.remove) TRY(steps.Remove(each));
  if (plan.release) TRY(steps.Release());
  for (const PlanEvent& each : plan.events) steps.Tell(each);
  return LookAgain(plan.next_look, planned);
}

}  // namespace pannier::control

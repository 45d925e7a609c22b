#include "operator/reconcile/cleanup_observer.h"

#include <algorithm>
#include <set>

#include "lib/core/time_text.h"
#include "operator/kube/object.h"
#include "operator/reconcile/live.h"
#include "operator/reconcile/pods.h"
#include "operator/resource/names.h"

namespace pannier::control {
namespace {

using Json = nlohmann::json;
using kube::TextAt;

// How long a daemon may look for orphans; then its report has failed, and the run says so.
constexpr std::chrono::minutes kReportTime{10};

Uuid ReportUid(const StoreCleanupPolicy& policy, const std::string& pod_uid, WallTime slot) {
  return OperationUid({policy.meta.uid, "report", pod_uid, FormatTime(slot)});
}

}  // namespace

CleanupObserver::CleanupObserver(Context& context, const StoreCleanupPolicy& policy, WallTime slot)
    : context_(context), policy_(policy), slot_(slot), now_(context.clock.Now()) {}

Result<bool> CleanupObserver::Observe() {
  seen_.may_delete_claims = context_.allow_claim_deletion;
  SelectVectorStores();
  TRY(LookAtDaemons());
  if (waits_) return false;
  AddSessions();
  AddSnapshots();
  AddRepositories();
  AddClaims();
  return true;
}

// All of the namespace. One that cannot be read makes the list an error.
std::vector<Json> CleanupObserver::List(const kube::Resource& resource) {
  Result<std::vector<Json>> all = ListLive(context_.api, resource, policy_.meta.name_space);
  if (all.ok()) return std::move(all).value();
  seen_.errors.push_back(all.error().what);
  return {};
}

template <typename R>
std::vector<R> CleanupObserver::ListOurs() {
  Several<R> all;
  for (const Json& each : List(ResourceFor<R>())) Take(each, &all);
  if (!all.complete) {
    seen_.errors.push_back("one of the " + std::string(ResourceFor<R>().plural) +
                           " cannot be understood");
  }
  return std::move(all.items);
}

void CleanupObserver::SelectVectorStores() {
  repositories_ = ListOurs<SnapshotRepository>();
  snapshots_ = ListOurs<StoreSnapshot>();
  for (VectorStore& each : ListOurs<VectorStore>()) {
    if (policy_.spec.vector_stores.Matches(each.meta.labels)) selected_.push_back(std::move(each));
  }
}

bool CleanupObserver::IsSelected(const std::string& vector_store) const {
  return policy_.spec.vector_stores.IsEmpty() ||
         std::any_of(selected_.begin(), selected_.end(),
                     [&](const VectorStore& each) { return each.meta.name == vector_store; });
}

Status CleanupObserver::LookAtDaemons() {
  for (const VectorStore& each : selected_) {
    for (DaemonAddress& daemon : context_.DaemonsOf(each)) daemons_.push_back(std::move(daemon));
  }
  const CleanupRules& rules = policy_.spec.rules;
  if (!rules.idle_stores && !rules.orphan_files) return {};
  const std::vector<DaemonView> views =
      context_.daemons.Look(daemons_, [&](const DaemonView& daemon) -> std::vector<Uuid> {
        if (!policy_.spec.rules.orphan_files) return {};
        return {ReportUid(policy_, daemon.pod_uid, slot_)};
      });
  for (size_t i = 0; i < views.size(); ++i) {
    if (!views[i].reachable) {
      seen_.errors.push_back("pod " + views[i].pod_name + ": " + WhyUnreachable(views[i]));
    } else if (rules.orphan_files) {
      TRY(AskForOrphans(daemons_[i], views[i]));
    }
  }
  Add(IdleStores(policy_, views, snapshots_, now_));
  return {};
}

// A sweep that only reports.
Status CleanupObserver::AskForOrphans(const DaemonAddress& daemon, const DaemonView& view) {
  const Uuid uid = ReportUid(policy_, daemon.pod_uid, slot_);
  const OperationView* report = view.Operation(uid);
  if (report != nullptr && report->HasEnded()) {
    AddOrphans(daemon, *report);
    return {};
  }
  waits_ = true;
  if (report != nullptr) return {};
  const int64_t epoch = TRY(context_.Epoch());
  const Json body = {{"action", "sweep"},
                     {"mode", "Report"},
                     {"timeoutSeconds", std::chrono::seconds(kReportTime).count()},
                     {"graceSeconds", policy_.spec.rules.orphan_files->older_than_seconds}};
  const Status asked = context_.daemons.Start(daemon, uid, body, epoch);
  if (!asked.ok()) seen_.errors.push_back("pod " + daemon.pod_name + ": " + asked.error().what);
  return {};
}

void CleanupObserver::AddOrphans(const DaemonAddress& daemon, const OperationView& report) {
  if (report.state != OperationState::kSucceeded) {
    seen_.errors.push_back("pod " + daemon.pod_name + ": " + report.message);
    return;
  }
  const Json found =
      report.result.is_object() ? report.result.value("found", Json::array()) : Json::array();
  for (const Json& each : found) {
    CleanupThing thing;
    thing.rule = kOrphanFilesRule;
    thing.kind = "File";
    thing.name = daemon.pod_name + ":" + TextAt(each, "/path");
    thing.uid = daemon.pod_uid + "/" + TextAt(each, "/path");
    thing.place = daemon.pod_uid;
    thing.bytes = CountOf(each, "bytes");
    thing.needed = false;
    thing.why = TextAt(each, "/why");
    thing.since = ParseTime(TextAt(each, "/since"));
    seen_.things.push_back(std::move(thing));
  }
}

void CleanupObserver::AddSessions() {
  if (!policy_.spec.rules.sessions) return;
  for (const DaemonAddress& daemon : daemons_) {
    const Result<Json> answer = context_.daemons.Sessions(daemon);
    if (answer.Is(Errc::kNotFound)) continue;  // of a version without sessions
    const auto sessions = answer.ok() ? ReadSessions(*answer) : std::nullopt;
    if (!sessions) {
      seen_.errors.push_back("the daemon of " + daemon.pod_name + " tells of no sessions: " +
                             (answer.ok() ? "the list is none" : answer.error().what));
      continue;
    }
    Add(SilentSessions(policy_, daemon.pod_uid, daemon.pod_name, *sessions, now_));
  }
}

void CleanupObserver::AddSnapshots() {
  if (!policy_.spec.rules.snapshots) return;
  std::vector<StoreSnapshot> chosen = snapshots_;
  std::erase_if(
      chosen, [&](const StoreSnapshot& each) { return !IsSelected(each.spec.vector_store.name); });
  Add(FailedSnapshots(policy_, chosen, ListOurs<StoreOperation>()));
}

// Which objects nobody needs is found out while they are collected, so a repository is one thing.
void CleanupObserver::AddRepositories() {
  if (!policy_.spec.rules.repository_objects) return;
  for (const SnapshotRepository& each : repositories_) {
    const bool writable =
        each.spec.access == AccessMode::kReadWrite && IsTrue(each.status.conditions, "Ready");
    CleanupThing thing;
    thing.rule = kRepositoryObjectsRule;
    thing.kind = kSnapshotRepositoryKind.name;
    thing.name = each.meta.name;
    thing.uid = each.meta.uid;
    thing.place = each.meta.name;
    thing.needed = !writable;
    thing.why = "objects that no snapshot names";
    seen_.things.push_back(std::move(thing));
  }
}

void CleanupObserver::AddClaims() {
  if (!policy_.spec.rules.claims) return;
  const std::vector<Json> claims = List(kube::kClaims);
  std::vector<CleanupThing> things = UnusedClaims(policy_, claims, List(kube::kPods));
  // Snapshots stay although no pod has them mounted now.
  for (CleanupThing& thing : things) {
    for (const SnapshotRepository& each : repositories_) {
      if (!each.spec.volume || each.spec.volume->claim_name != thing.name) continue;
      thing.needed = true;
      thing.why = "SnapshotRepository " + each.meta.name + " keeps its snapshots there";
    }
  }
  Add(std::move(things));
}

void CleanupObserver::Add(std::vector<CleanupThing> things) {
  for (CleanupThing& each : things) seen_.things.push_back(std::move(each));
}

}  // namespace pannier::control

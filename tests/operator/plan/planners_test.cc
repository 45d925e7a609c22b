// Goal: the long-lived kinds say what is, act only when they may, and name why they do not.
// Method: tables; each planner with few observations.
#include <catch2/catch.hpp>

#include "lib/core/time_text.h"
#include "lib/json/cold.h"
#include "operator/cron/cron.h"
#include "operator/plan/snapshot_repository_plan.h"
#include "operator/plan/store_cleanup_policy_plan.h"
#include "operator/plan/store_operation_plan.h"
#include "operator/plan/store_snapshot_schedule_plan.h"
#include "operator/plan/vector_store_plan.h"
#include "operator/resource/names.h"

using namespace pannier;
using namespace pannier::control;
using namespace std::chrono_literals;

namespace {

WallTime At(const char* text) { return *ParseTime(text); }

const WallTime kNow = At("2025-06-15T12:00:30Z");

StoreSnapshotSchedule Hourly() {
  StoreSnapshotSchedule schedule;
  schedule.meta.name = "hourly";
  schedule.meta.uid = "schedule-uid";
  schedule.meta.created = At("2025-06-15T10:30:00Z");
  schedule.spec.schedule = "0 * * * *";
  schedule.spec.snapshot.spec.vector_store.name = "vst";
  return schedule;
}

StoreSnapshot Run(const char* slot, const char* reason, bool sound) {
  StoreSnapshot snapshot;
  snapshot.meta.name = SlotName("hourly", At(slot));
  snapshot.meta.uid = snapshot.meta.name;
  snapshot.meta.resource_version = "1";
  snapshot.meta.created = At(slot);
  snapshot.meta.labels[kScheduleLabel] = "schedule-uid";
  snapshot.meta.annotations[kSlotAnnotation] = slot;
  snapshot.spec.vector_store.name = "vst";
  if (*reason == '\0') return snapshot;
  snapshot.status.completion = At(slot) + 60s;
  const Truth truth = sound ? Truth::kTrue : Truth::kFalse;
  Set(&snapshot.status.conditions, {"Succeeded", truth, reason, ""}, kNow);
  Set(&snapshot.status.conditions, {"Verified", truth, reason, ""}, kNow);
  return snapshot;
}

std::string ReadyReason(const Conditions& conditions) { return ReasonOf(conditions, "Ready"); }

}  // namespace

TEST_CASE(
    "vector store plan: a daemon whose words may mean something else is told from a silent one",
    "[operator][plan]") {
  VectorStoreObserved seen;
  seen.pods = {{"pod-uid", "pod", true, false}};
  DaemonView daemon;
  daemon.pod_uid = "pod-uid";
  daemon.pod_name = "pod";
  daemon.version = "7.3.0";
  daemon.skewed = true;
  daemon.trouble = "its daemon is of version 7.3.0";
  seen.daemons = {daemon};
  VectorStore store;
  const VectorStorePlan first = PlanVectorStore(store, seen, kNow);
  REQUIRE(ReadyReason(first.status.conditions) == "VersionSkew");
  REQUIRE(Find(first.status.conditions, "Healthy")->status == Truth::kUnknown);
  REQUIRE(first.status.daemon_versions.size() == 1);
  REQUIRE(first.status.pods.reachable == 0);
  REQUIRE(first.create.empty());
  REQUIRE(first.events.size() == 1);
  store.status = first.status;
  REQUIRE(PlanVectorStore(store, seen, kNow + 30s).events.empty());
}

TEST_CASE("daemon versions: neighbours understand each other", "[operator][plan]") {
  for (const char* version :
       {"0.3.0", "0.3.9", "0.2.0", "0.4.7", "1.0.2", "", "dev", "0.3.0-rc1"}) {
    CAPTURE(version);
    REQUIRE(Understands("0.3.1", version));
    REQUIRE(Understands(version, "0.3.1"));
  }
  for (const char* version : {"0.1.0", "0.5.0", "1.1.0", "2.0.0"}) {
    CAPTURE(version);
    REQUIRE_FALSE(Understands("0.3.1", version));
    REQUIRE_FALSE(Understands(version, "0.3.1"));
  }
}

TEST_CASE("schedule plan: many missed slots are caught up by one", "[operator][plan]") {
  const SchedulePlan plan = PlanSchedule(Hourly(), {}, kNow);
  REQUIRE(plan.create.size() == 1);
  REQUIRE(plan.create[0]["metadata"]["name"] == SlotName("hourly", At("2025-06-15T12:00:00Z")));
  REQUIRE(plan.create[0]["metadata"]["labels"][kScheduleLabel] == "schedule-uid");
  // Else it would be another write.
  REQUIRE(plan.create[0]["metadata"]["finalizers"] == nlohmann::json{kSnapshotFinalizer});
  REQUIRE(plan.status.missed_runs == 1);
  REQUIRE(plan.status.last_schedule == At("2025-06-15T12:00:00Z"));
  REQUIRE(plan.next_look == At("2025-06-15T13:00:00Z"));
}

TEST_CASE("schedule plan: a slot runs once, whatever the status and the clock say",
          "[operator][plan]") {
  StoreSnapshotSchedule schedule = Hourly();
  const ScheduleObserved ran{{Run("2025-06-15T12:00:00Z", "", false)}, {}};
  REQUIRE(PlanSchedule(schedule, ran, kNow).create.empty());  // the status was lost
  schedule.status.last_schedule = At("2025-06-15T12:00:00Z");
  REQUIRE(PlanSchedule(schedule, {}, kNow).create.empty());       // the snapshot is gone
  REQUIRE(PlanSchedule(schedule, {}, kNow - 1h).create.empty());  // the clock was put back
}

TEST_CASE("schedule plan: runs that must not be", "[operator][plan]") {
  StoreSnapshotSchedule schedule = Hourly();
  ScheduleObserved seen;
  std::string reason = "Scheduled";
  SECTION("too late") { schedule.spec.starting_deadline_seconds = 10; }
  SECTION("one is active") { seen.snapshots = {Run("2025-06-15T11:00:00Z", "", false)}; }
  SECTION("the name is somebody else's") {
    seen.snapshots = {Run("2025-06-15T12:00:00Z", "", false)};
    seen.snapshots[0].meta.labels.clear();
  }
  SECTION("suspended") {
    schedule.spec.suspend = true;
    reason = "Suspended";
  }
  SECTION("no schedule") {
    schedule.spec.schedule = "0 0 30 2 *";
    reason = "InvalidSchedule";
  }
  const SchedulePlan plan = PlanSchedule(schedule, seen, kNow);
  REQUIRE(plan.create.empty());
  REQUIRE(ReadyReason(plan.status.conditions) == reason);
}

TEST_CASE("schedule plan: nothing is deleted while the newest run failed", "[operator][plan]") {
  StoreSnapshotSchedule schedule = Hourly();
  schedule.status.last_schedule = At("2025-06-15T12:00:00Z");
  schedule.spec.retention.emplace();
  schedule.spec.retention->keep_last = 1;
  ScheduleObserved seen;
  for (const char* slot :
       {"2025-06-15T08:00:00Z", "2025-06-15T09:00:00Z", "2025-06-15T10:00:00Z"}) {
    seen.snapshots.push_back(Run(slot, "Completed", true));
  }
  const SchedulePlan good = PlanSchedule(schedule, seen, kNow);
  REQUIRE(good.remove.size() == 2);
  REQUIRE(good.remove[0].name == seen.snapshots[0].meta.name);
  REQUIRE(good.remove[0].uid == seen.snapshots[0].meta.uid);
  REQUIRE(good.status.consecutive_failures == 0);
  seen.snapshots[0].spec.hold = true;
  REQUIRE(PlanSchedule(schedule, seen, kNow).remove.size() == 1);
  seen.snapshots.push_back(Run("2025-06-15T11:00:00Z", "Failed", false));
  const SchedulePlan bad = PlanSchedule(schedule, seen, kNow);
  REQUIRE(bad.remove.empty());
  REQUIRE(bad.status.consecutive_failures == 1);
  REQUIRE(ReadyReason(bad.status.conditions) == "SnapshotsFailing");
  schedule.status = bad.status;
  REQUIRE_FALSE(StatusPatch(bad.status, PlanSchedule(schedule, seen, kNow).status).has_value());
}

TEST_CASE("schedule plan: at most ten go in one pass", "[operator][plan]") {
  StoreSnapshotSchedule schedule = Hourly();
  schedule.status.last_schedule = At("2025-06-15T12:00:00Z");
  schedule.spec.retention.emplace();
  schedule.spec.retention->keep_last = 1;
  ScheduleObserved seen;
  for (int i = 0; i < 30; ++i) {
    const std::string slot = FormatTime(At("2025-06-15T10:00:00Z") - std::chrono::hours(i));
    seen.snapshots.push_back(Run(slot.c_str(), "Completed", true));
  }
  REQUIRE(PlanSchedule(schedule, seen, kNow).remove.size() == 10);
}

namespace {

VectorStoreObserved Fleet(int stores, int corrupt) {
  VectorStoreObserved seen;
  seen.pods = {{"pod-uid", "pod", true, false}};
  DaemonView daemon;
  daemon.pod_uid = "pod-uid";
  daemon.pod_name = "pod";
  daemon.reachable = true;
  for (int i = 0; i < stores; ++i) {
    StoreView store;
    store.name = "t/" + std::to_string(i);
    store.damaged = i < corrupt;
    daemon.stores.push_back(store);
  }
  seen.daemons = {daemon};
  return seen;
}

VectorStore Store() {
  VectorStore store;
  store.meta.name = "vst";
  store.meta.uid = "vst-uid";
  return store;
}

}  // namespace

TEST_CASE("vector store plan: what daemons say becomes conditions", "[operator][plan]") {
  VectorStoreObserved seen = Fleet(3, 0);
  const auto ready = [&] {
    return ReadyReason(PlanVectorStore(Store(), seen, kNow).status.conditions);
  };
  REQUIRE(ready() == "AsWanted");
  seen.pods.push_back({"bare", "bare", false, false});
  REQUIRE(ready() == "BarePods");
  seen.pods.pop_back();
  seen.daemons[0].stores[0].damaged = true;
  REQUIRE(ready() == "CorruptStores");
  seen.daemons[0].reachable = false;
  REQUIRE(ready() == "Unreachable");
  const VectorStorePlan silent = PlanVectorStore(Store(), seen, kNow);
  REQUIRE(silent.status.stores.corrupt == 0);
  REQUIRE(Find(silent.status.conditions, "Healthy")->status == Truth::kUnknown);
  REQUIRE(PlanVectorStore(Store(), {}, kNow).status.pods.matched == 0);
}

TEST_CASE("operation plan: once begun, a daemon that is silent is asked again soon",
          "[operator][plan]") {
  StoreOperation operation;
  operation.meta.created = kNow - 60s;
  operation.spec.action.compact.emplace();
  operation.spec.target = {"pod", "t/0"};
  OperationObserved seen;
  seen.vector_store = Store();
  seen.pods_known = true;
  seen.daemons = Fleet(1, 0).daemons;
  seen.daemons[0].reachable = false;
  const OperationPlanning before = PlanOperation(operation, seen, kNow);
  REQUIRE(ReasonOf(before.status.conditions, "Succeeded") == "Planned");
  REQUIRE(*before.next_look == kNow + 30s);
  operation.status = before.status;
  operation.status.plan.emplace();
  operation.status.attempt = 1;
  operation.status.start = kNow - 20s;
  const OperationPlanning since = PlanOperation(operation, seen, kNow);
  REQUIRE(ReasonOf(since.status.conditions, "Succeeded") == "Executing");
  REQUIRE(*since.next_look == kNow + 1s);
  REQUIRE(since.start.empty());
}

TEST_CASE("operation plan: one that waits is given up in time, which begins when it is first seen",
          "[operator][plan]") {
  StoreOperation operation;
  operation.meta.created = kNow - 24h;  // no operator ran meanwhile
  operation.spec.action.compact.emplace();
  operation.spec.target = {"pod", "t/0"};
  operation.spec.timeout_seconds = 3600;
  OperationObserved seen;
  seen.vector_store = Store();
  const auto state = [&](WallTime now) {
    operation.status = PlanOperation(operation, seen, now).status;
    return ReasonOf(operation.status.conditions, "Succeeded");
  };
  REQUIRE(state(kNow) == "Planned");
  REQUIRE(state(kNow + 3599s) == "Planned");
  REQUIRE(state(kNow + 3601s) == "TimedOut");
}

TEST_CASE("vector store plan: a repair is begun once the incident is written down",
          "[operator][plan]") {
  VectorStore store = Store();
  const VectorStoreObserved seen = Fleet(10, 1);
  VectorStorePlan plan = PlanVectorStore(store, seen, kNow);
  REQUIRE(plan.create.empty());
  store.status = plan.status;
  plan = PlanVectorStore(store, seen, kNow + 60s);
  REQUIRE(plan.create.size() == 1);
  REQUIRE(plan.create[0]["spec"]["action"].contains("rebuildIndex"));
  REQUIRE(plan.create[0]["metadata"]["name"] == RepairName(store, store.status.unhealthy[0], 1));
  REQUIRE(PlanVectorStore(store, seen, kNow + 90s).create == plan.create);
  store.spec.recovery.mode = RecoveryMode::kManual;
  REQUIRE(PlanVectorStore(store, seen, kNow + 60s).create.empty());
}

TEST_CASE("vector store plan: many corrupt at once are left to a person", "[operator][plan]") {
  const auto creates = [](int stores, int corrupt) {
    VectorStore store = Store();
    store.status = PlanVectorStore(store, Fleet(stores, corrupt), kNow).status;
    return PlanVectorStore(store, Fleet(stores, corrupt), kNow).create.size();
  };
  REQUIRE(creates(25, 4) == 4);
  REQUIRE(creates(25, 5) == 0);
  REQUIRE(creates(26, 5) == 5);
  REQUIRE(creates(4, 4) == 4);
}

TEST_CASE("repository plan: what a probe finds becomes a reason", "[operator][plan]") {
  SnapshotRepository repository;
  repository.spec.s3.emplace();
  repository.status.repository_id = "id";
  RepositoryProbe probe;
  probe.identity = "id";
  std::string reason = "Validated";
  SECTION("sound") {}
  SECTION("denied") {
    probe.fault = ProbeFault::kAccessDenied;
    reason = "AccessDenied";
  }
  SECTION("no bucket") {
    probe.fault = ProbeFault::kNotFound;
    reason = "NotFound";
  }
  SECTION("certificate") {
    probe.fault = ProbeFault::kTlsInvalid;
    reason = "TLSInvalid";
  }
  SECTION("silent") {
    probe.fault = ProbeFault::kUnreachable;
    reason = "Unreachable";
  }
  SECTION("clock") {
    probe.clock_skew = -301s;
    reason = "ClockSkewed";
  }
  SECTION("another one") {
    probe.identity = "other";
    reason = "IdentityMismatch";
  }
  SECTION("emptied") {
    probe.identity.reset();
    probe.empty = true;
    reason = "IdentityMismatch";
  }
  SECTION("not writable") {
    probe.write_denied = true;
    reason = "ReadOnly";
  }
  RepositoryObserved seen;
  seen.probe = probe;
  const RepositoryPlan plan = PlanRepository(repository, seen, kNow);
  REQUIRE(ReadyReason(plan.status.conditions) == reason);
  REQUIRE(plan.status.repository_id == "id");
  REQUIRE_FALSE(plan.make_identity);
  repository.status = plan.status;
  REQUIRE_FALSE(
      StatusPatch(plan.status, PlanRepository(repository, seen, kNow + 30min).status).has_value());
}

TEST_CASE("repository plan: only what is empty and was never ours becomes ours",
          "[operator][plan]") {
  SnapshotRepository repository;
  repository.spec.s3.emplace();
  RepositoryObserved seen;
  seen.probe.emplace();
  REQUIRE_FALSE(PlanRepository(repository, seen, kNow).make_identity);
  seen.probe->empty = true;
  REQUIRE(PlanRepository(repository, seen, kNow).make_identity);
  repository.spec.access = AccessMode::kReadOnly;
  REQUIRE_FALSE(PlanRepository(repository, seen, kNow).make_identity);
}

TEST_CASE("repository plan: the snapshot that is read whole stays the same while others come",
          "[operator][plan]") {
  const WallTime slot = kNow;
  using Seen = std::pair<std::chrono::seconds, const char*>;
  const auto chosen = [&](const std::vector<Seen>& all) {
    RepositoryListing listing;
    ChoiceToVerify choice(slot);
    for (const auto& [time, uid] : all) choice.Consider(slot + time, uid, "key", &listing);
    return listing.chosen_uid;
  };
  REQUIRE(chosen({}).empty());
  REQUIRE(chosen({{-20s, "a"}, {-10s, "b"}}) == "b");
  REQUIRE(chosen({{10s, "c"}, {-20s, "a"}, {-10s, "b"}, {20s, "d"}}) == "b");
  REQUIRE(chosen({{30s, "e"}, {10s, "c"}, {20s, "d"}}) == "c");  // none was there in time
  REQUIRE(chosen({{-10s, "a"}, {-10s, "b"}}) == chosen({{-10s, "b"}, {-10s, "a"}}));
}

TEST_CASE("repository plan: one in S3 is read whole by URLs, and nothing else of it",
          "[operator][plan]") {
  SnapshotRepository repository;
  repository.meta.uid = "repo-uid";
  repository.meta.created = At("2025-06-15T10:30:00Z");
  repository.spec.s3.emplace();
  repository.spec.deep_verify_schedule = "0 * * * *";
  repository.status.repository_id = "7a3f2f54-32c4-4c0e-b1fb-2f5cf3ee2f5b";
  Set(&repository.status.conditions, {"Ready", Truth::kTrue, "Validated", ""}, kNow);
  RepositoryObserved seen;
  seen.listing.emplace();
  seen.listing->chosen_uid = "snapshot-uid";
  seen.listing->chosen_key = "snapshots/o/s/1.json";
  DaemonView daemon;
  daemon.pod_uid = "pod-uid";
  daemon.reachable = true;
  seen.daemons = {daemon};
  const RepositoryPlan first = PlanRepository(repository, seen, kNow);
  REQUIRE(first.start.size() == 1);
  const nlohmann::json& body = first.start[0].body;
  REQUIRE(body["grants"] == true);
  REQUIRE(body["repositoryID"] == repository.status.repository_id);
  REQUIRE(body["manifests"] == nlohmann::json{"snapshots/o/s/1.json"});
  REQUIRE_FALSE(body.contains("repository"));
  const Uuid uid = first.start[0].uid;
  OperationView& operation = seen.daemons[0].operations[uid.ToString()];
  operation.uid = uid.ToString();
  operation.state = OperationState::kAwaitingGrants;
  operation.wants = {{"GET", "snapshots/o/s/1.json"},
                     {"GET", "chunks/ab/x"},
                     {"GET", "snapshots/o/s/2.json"},
                     {"PUT", "chunks/ab/y"},
                     {"PUT", "snapshots/o/s/1.verified.json"}};
  const RepositoryPlan second = PlanRepository(repository, seen, kNow);
  REQUIRE(second.start.empty());
  REQUIRE(second.grants.at(0).items.size() == 3);
  repository.spec.access = AccessMode::kReadOnly;
  REQUIRE(PlanRepository(repository, seen, kNow).grants.empty());
  repository.spec.access = AccessMode::kReadWrite;
  operation.state = OperationState::kSucceeded;
  operation.result = {{"sound", true}};
  const RepositoryPlan last = PlanRepository(repository, seen, kNow);
  REQUIRE(last.status.deep_verify->result == "Sound");
  REQUIRE(last.status.deep_verify->snapshot == "snapshot-uid");
  REQUIRE(last.grants.empty());
}

TEST_CASE("repository plan: the next check of a whole snapshot is looked after in time",
          "[operator][plan]") {
  SnapshotRepository repository;
  repository.meta.created = kNow;
  repository.spec.s3.emplace();
  repository.spec.validation_interval_seconds = 86'400;
  repository.spec.deep_verify_schedule = "17 * * * *";
  Set(&repository.status.conditions, {"Ready", Truth::kTrue, "Validated", ""}, kNow);
  const RepositoryPlan plan = PlanRepository(repository, {}, kNow);
  REQUIRE(plan.next_look == Cron::Parse("17 * * * *", "", "").value().NextDue(kNow));
}

TEST_CASE("cleanup plan: what two runs name and is old enough goes, within limits",
          "[operator][plan]") {
  StoreCleanupPolicy policy;
  policy.meta.uid = "policy";
  policy.meta.created = At("2025-06-15T10:30:00Z");
  policy.spec.schedule = "@hourly";
  policy.spec.mode = CleanupMode::kDelete;
  policy.spec.limits.max_percent = 50;
  policy.spec.rules.snapshots = SnapshotsRule{3600};
  CleanupObserved seen;
  for (int i = 0; i < 4; ++i) {
    CleanupThing thing;
    thing.rule = kSnapshotsRule;
    thing.kind = "StoreSnapshot";
    thing.name = thing.uid = "failed-" + std::to_string(i);
    thing.needed = i == 3;
    thing.since = kNow - std::chrono::hours(i < 2 ? 10 : 0);
    seen.things.push_back(thing);
  }
  CleanupPlan plan = PlanCleanup(policy, seen, kNow);
  REQUIRE(plan.remove.empty());
  REQUIRE(plan.status.sample.size() == 3);
  REQUIRE(plan.next_look == At("2025-06-15T13:00:00Z"));
  policy.status = plan.status;
  REQUIRE(PlanCleanup(policy, seen, kNow + 60s).remove.empty());  // no run is due
  const WallTime next = At("2025-06-15T13:00:00Z");
  plan = PlanCleanup(policy, seen, next);
  REQUIRE(plan.remove.size() == 2);
  REQUIRE(plan.remove[0].uid == "failed-0");
  REQUIRE(plan.status.rules.at(0).deleted == 2);
  CleanupObserved failed = seen;
  failed.errors = {"pods: timed out"};
  REQUIRE(PlanCleanup(policy, failed, next).remove.empty());
  REQUIRE(ReadyReason(PlanCleanup(policy, failed, next).status.conditions) == "ListFailed");
  policy.spec.limits.max_deletions = 1;
  plan = PlanCleanup(policy, seen, next);
  REQUIRE(plan.remove.size() == 1);
  REQUIRE(IsTrue(plan.status.conditions, "LimitReached"));
  policy.spec.mode = CleanupMode::kReport;
  REQUIRE(PlanCleanup(policy, seen, next).remove.empty());
}

TEST_CASE("cleanup plan: idle stores that a sound snapshot has are put aside", "[operator][plan]") {
  StoreCleanupPolicy policy;
  policy.meta.uid = "policy";
  policy.meta.created = At("2025-06-15T10:30:00Z");
  policy.spec.schedule = "@hourly";
  policy.spec.mode = CleanupMode::kQuarantine;
  policy.spec.limits.max_percent = 50;
  policy.spec.rules.idle_stores = IdleStoresRule{3600};
  StoreSnapshot snapshot;
  snapshot.status.items.resize(1);
  snapshot.status.items[0].store_id = "saved";
  snapshot.status.items[0].verified = true;
  snapshot.status.items[0].sequence = 7;
  Set(&snapshot.status.conditions, {"Succeeded", Truth::kTrue, "Completed", ""}, kNow);
  Set(&snapshot.status.conditions, {"Verified", Truth::kTrue, "Sound", ""}, kNow);
  DaemonView daemon;
  daemon.pod_uid = "pod";
  StoreView store;
  store.unused_since = kNow - std::chrono::hours(3);
  for (const char* id : {"saved", "unsaved", "grown", "fresh", "temporary", "default"}) {
    store.id = id;
    store.name = std::string("team/") + id;
    daemon.stores.push_back(store);
  }
  daemon.stores[2].id = "saved";  // of the same snapshot, and has been written since
  daemon.stores[2].sequence = 8;
  daemon.stores[3].unused_since = kNow - 60s;
  daemon.stores[4].temporary = true;
  daemon.stores[5].name = "default_tenant/default_database";
  CleanupObserved seen;
  seen.things = IdleStores(policy, {daemon}, {snapshot}, kNow);
  REQUIRE(seen.things.size() == 4);
  CleanupPlan plan = PlanCleanup(policy, seen, kNow);
  REQUIRE(plan.start.empty());  // one run named it
  policy.status = plan.status;
  const WallTime next = At("2025-06-15T13:00:00Z");
  plan = PlanCleanup(policy, seen, next);
  REQUIRE(plan.start.size() == 1);
  REQUIRE(plan.start[0].pod_uid == "pod");
  const nlohmann::json body = {{"action", "quarantine"},
                               {"store", "team/saved"},
                               {"id", "saved"},
                               {"idleSeconds", 3600},
                               {"sequence", 7}};
  REQUIRE(plan.start[0].body == body);
  policy.spec.mode = CleanupMode::kDelete;
  REQUIRE(PlanCleanup(policy, seen, next).start.at(0).body["quarantineSeconds"] == 604'800);
  policy.spec.mode = CleanupMode::kReport;
  REQUIRE(PlanCleanup(policy, seen, next).start.empty());
}

TEST_CASE("cleanup plan: a claim is stamped, and unstamped when it is used", "[operator][plan]") {
  using Json = nlohmann::json;
  StoreCleanupPolicy policy;
  policy.meta.created = At("2025-06-15T10:30:00Z");
  policy.spec.schedule = "@hourly";
  policy.spec.mode = CleanupMode::kDelete;
  policy.spec.rules.claims.emplace();
  policy.spec.rules.claims->selector.match_labels = {{"a", "b"}};
  policy.spec.rules.claims->unused_seconds = 86400;
  Json claim = Json::parse(R"({"metadata": {"name": "data-0", "uid": "u", "labels": {"a": "b"}}})");
  const Json pod =
      Json::parse(R"({"spec": {"volumes": [{"persistentVolumeClaim": {"claimName": "data-0"}}]}})");
  const Json other = Json::parse(R"({"metadata": {"name": "mine", "uid": "v"}})");
  CleanupObserved seen;
  seen.things = UnusedClaims(policy, {claim, other}, {});
  REQUIRE(seen.things.size() == 1);
  REQUIRE(PlanCleanup(policy, seen, kNow).annotate.at(0).value.has_value());
  claim["metadata"]["annotations"][kUnusedSince] = "2025-06-10T00:00:00Z";
  seen.things = UnusedClaims(policy, {claim}, {pod});
  REQUIRE_FALSE(PlanCleanup(policy, seen, kNow).annotate.at(0).value.has_value());
  REQUIRE(PlanCleanup(policy, seen, kNow).remove.empty());
  seen.things = UnusedClaims(policy, {claim}, {});
  REQUIRE(PlanCleanup(policy, seen, kNow).annotate.empty());
}

TEST_CASE("daemon view: sizes and sequences are read from the text that a daemon sends",
          "[operator][plan]") {
  DaemonView daemon;
  ReadStatus(json::ParseCold(R"({"sessionID":"s","quarantined":2})").value(), &daemon);
  ReadStores(json::ParseCold(R"({"stores":[{"tenant":"t","database":"d","bytesOnDisk":487424,
                                 "sequence":7,"damaged":false}]})")
                 .value(),
             &daemon);
  REQUIRE(daemon.quarantined == 2);
  REQUIRE(daemon.Store("t/d")->bytes == 487'424);
  REQUIRE(daemon.Store("t/d")->sequence == 7);
  REQUIRE(CountOf({{"count", -1}}, "count") == 0);
  REQUIRE(CountOf({{"count", "many"}}, "count") == 0);
}

TEST_CASE("vector store: a size that hardly changed is not written again", "[operator][plan]") {
  VectorStoreObserved seen;
  seen.daemons.resize(1);
  seen.daemons[0].reachable = true;
  seen.daemons[0].stores.resize(1);
  VectorStore store;
  store.status.stores.bytes = 100'000'000;
  const auto bytes_after = [&](uint64_t bytes) {
    seen.daemons[0].stores[0].bytes = bytes;
    return PlanVectorStore(store, seen, kNow).status.stores.bytes;
  };
  REQUIRE(bytes_after(104'000'000) == 100'000'000);
  REQUIRE(bytes_after(106'000'000) == 106'000'000);
  REQUIRE(bytes_after(0) == 0);
  store.status.stores.bytes = 100'000;  // of small ones a file more or less
  REQUIRE(bytes_after(900'000) == 100'000);
  REQUIRE(bytes_after(2'000'000) == 2'000'000);
  store.status.stores.bytes = 0;
  REQUIRE(bytes_after(1) == 1);
}

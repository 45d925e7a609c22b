// Goal: each state of a StoreSnapshot and each reason for its end is reached when it should be.
// Method: tables; one thing differs from a run that goes well.
#include "operator/plan/store_snapshot_plan.h"

#include <catch2/catch.hpp>

#include "operator/resource/names.h"

using namespace pannier;
using namespace pannier::control;
using namespace std::chrono_literals;

namespace {

StoreView StoreNamed(const std::string& name, const std::string& id) {
  StoreView store;
  store.name = name;
  store.id = id;
  return store;
}

struct Case {
  StoreSnapshot snapshot;
  SnapshotObserved seen;
  WallTime now = WallTime(1'750'000'000s);

  Case() {
    snapshot.meta.name = "one";
    snapshot.meta.uid = "snapshot-uid";
    snapshot.meta.generation = 1;
    snapshot.meta.created = now;
    snapshot.meta.finalizers = {kSnapshotFinalizer};
    snapshot.spec.vector_store.name = "vst";
    seen.vector_store.emplace();
    seen.vector_store->meta.uid = "vst-uid";
    seen.vector_store->spec.repository_ref = Reference{"repo"};
    seen.repository.emplace();
    seen.repository->meta.name = "repo";
    seen.repository->spec.s3.emplace();
    seen.repository->status.repository_id = "id";
    Set(&seen.repository->status.conditions, {"Ready", Truth::kTrue, "Validated", ""}, now);
    DaemonView daemon;
    daemon.pod_uid = "pod-uid";
    daemon.pod_name = "pod";
    daemon.reachable = true;
    daemon.session_id = "s1";
    daemon.stores = {StoreNamed("t/a", "id-a")};
    seen.daemons = {daemon};
  }
  SnapshotPlan Step() {
    SnapshotPlan plan = PlanSnapshot(snapshot, seen, now);
    snapshot.status = plan.status;
    return plan;
  }
  std::string Reason() const { return ReasonOf(snapshot.status.conditions, "Succeeded"); }
  std::string Accepted() const { return ReasonOf(snapshot.status.conditions, "Accepted"); }
  // The operation of an attempt, as the daemon shows it.
  OperationView& Show(int64_t attempt, OperationState state) {
    const std::string uid =
        SnapshotOperationUid(snapshot.meta, "pod-uid", "t/a", attempt).ToString();
    OperationView& view = seen.daemons[0].operations[uid];
    view.uid = uid;
    view.state = state;
    if (state == OperationState::kFailed || state == OperationState::kSucceeded) view.ended = now;
    if (state == OperationState::kSucceeded) {
      view.result = {{"uid", uid},      {"storeID", "id-a"}, {"manifest", "snapshots/vst-uid/k"},
                     {"sequence", 3},   {"bytes", 10},       {"newBytes", 5},
                     {"verified", true}};
    }
    return view;
  }
  void Run() {
    Step();
    Step();
    Show(1, OperationState::kRunning);
  }
};

}  // namespace

TEST_CASE("snapshot plan: items are written down before anything is begun", "[operator][plan]") {
  Case c;
  const SnapshotPlan first = c.Step();
  REQUIRE(c.Reason() == "Running");
  REQUIRE(first.start.empty());
  REQUIRE(first.next_look == c.now);
  const SnapshotPlan second = c.Step();
  REQUIRE(second.start.size() == 1);
  REQUIRE(second.start[0].body["grants"] == true);
  REQUIRE(second.start[0].body["owner"] == "vst-uid");
  REQUIRE(second.start[0].uid == SnapshotOperationUid(c.snapshot.meta, "pod-uid", "t/a", 1));
  REQUIRE(c.Step().start[0].uid == second.start[0].uid);  // the same again, until it is seen
  c.Show(1, OperationState::kRunning);
  REQUIRE(c.Step().start.empty());
  c.Show(1, OperationState::kRunning).phase = "verifying";
  c.Step();
  REQUIRE(c.Reason() == "Running");  // of what is soon over phases are not worth a write
  c.now += std::chrono::seconds(20);
  c.Step();
  REQUIRE(c.Reason() == "Verifying");
  c.Show(1, OperationState::kRunning).phase = "committing";
  c.Step();
  REQUIRE(c.Reason() == "Committing");
  c.Show(1, OperationState::kSucceeded);
  c.Step();
  REQUIRE(c.Reason() == "Completed");
  REQUIRE(IsSound(c.snapshot));
  REQUIRE(c.snapshot.status.bytes == 10);
  const auto status = WriteFields(c.snapshot.status);
  c.seen = {};
  c.now += 1h;
  REQUIRE_FALSE(StatusPatch(c.snapshot.status, c.Step().status).has_value());
  REQUIRE(WriteFields(c.snapshot.status) == status);
}

TEST_CASE("snapshot plan: one store costs two writes, its beginning and its end",
          "[operator][plan]") {
  Case c;
  int writes = 0;
  const auto step = [&] {
    const StoreSnapshotStatus before = c.snapshot.status;
    writes += StatusPatch(before, c.Step().status).has_value() ? 1 : 0;
    c.now += 1s;
  };
  step();
  REQUIRE(writes == 1);
  for (const OperationState state :
       {OperationState::kPending, OperationState::kRunning, OperationState::kAwaitingGrants,
        OperationState::kRunning, OperationState::kSucceeded}) {
    step();
    c.Show(1, state);
    step();
  }
  REQUIRE(c.Reason() == "Completed");
  REQUIRE(writes == 2);
}

TEST_CASE("snapshot plan: while something is missing it waits, in the end it times out",
          "[operator][plan]") {
  Case c;
  std::string why;
  SECTION("VectorStore") {
    c.seen.vector_store.reset();
    why = "VectorStoreNotFound";
  }
  SECTION("suspended VectorStore") {
    c.seen.vector_store->spec.suspend = true;
    why = "VectorStoreSuspended";
  }
  SECTION("repository") {
    c.seen.repository.reset();
    why = "RepositoryNotFound";
  }
  SECTION("repository that is not ready") {
    Set(&c.seen.repository->status.conditions, {"Ready", Truth::kFalse, "IdentityMismatch", ""},
        c.now);
    why = "RepositoryNotReady";
  }
  REQUIRE(c.Step().next_look == c.now + 30s);
  REQUIRE(c.Reason() == "Queued");
  REQUIRE(c.Accepted() == why);
  c.now += 3600s;
  c.Step();
  REQUIRE(c.Reason() == "TimedOut");
}

TEST_CASE("snapshot plan: what cannot mend is rejected", "[operator][plan]") {
  Case c;
  std::string why;
  SECTION("no repository is named") {
    c.seen.vector_store->spec.repository_ref.reset();
    why = "NoRepository";
  }
  SECTION("it may not be written") {
    c.seen.repository->spec.access = AccessMode::kReadOnly;
    why = "RepositoryReadOnly";
  }
  SECTION("no pods") {
    c.seen.daemons.clear();
    why = "NothingToTake";
  }
  SECTION("no such store") {
    c.snapshot.spec.store_names = {"t/other"};
    why = "NothingToTake";
  }
  SECTION("too many for a piece") {
    for (int i = 0; i < 101; ++i)
      c.seen.daemons[0].stores.push_back(StoreNamed("t/" + std::to_string(i), "x"));
    c.snapshot.meta.owners = {{kApiVersion, "StoreSnapshot", "whole", "whole-uid", true}};
    why = "TooManyStores";
  }
  SECTION("too many for all pieces") {
    for (int i = 0; i < 10'100; ++i)
      c.seen.daemons[0].stores.push_back(StoreNamed("t/" + std::to_string(i), "x"));
    why = "TooManyStores";
  }
  c.Step();
  REQUIRE(c.Reason() == "Rejected");
  REQUIRE(c.Accepted() == why);
  REQUIRE(IsFalse(c.snapshot.status.conditions, "Verified"));
}

TEST_CASE("snapshot plan: no more stores are at work than may be", "[operator][plan]") {
  Case c;
  for (int i = 0; i < 9; ++i)
    c.seen.daemons[0].stores.push_back(StoreNamed("t/" + std::to_string(i), "x"));
  c.seen.transfers = 0;
  c.Step();
  REQUIRE(c.Reason() == kQueued);
  REQUIRE(c.snapshot.status.items.empty());
  c.seen.transfers = 3;
  c.Step();
  REQUIRE(c.Step().start.size() == 3);
  REQUIRE(c.Step().start.size() == 3);    // the same ones, which the daemon does not show yet
  c.Show(1, OperationState::kSucceeded);  // of t/a
  c.Step();
  c.Step();
  int running = 0;
  for (const SnapshotItem& each : c.snapshot.status.items) {
    running += each.state == ItemState::kRunning ? 1 : 0;
  }
  REQUIRE(running == 3);
  REQUIRE(c.snapshot.status.stores->total == 10);
}

TEST_CASE("snapshot plan: one at a time, the oldest first", "[operator][plan]") {
  Case c;
  StoreSnapshot other = c.snapshot;
  other.meta.name = "other";
  other.meta.uid = "other-uid";
  const auto waits = [&] {
    Case fresh = c;
    fresh.seen.siblings = {other};
    fresh.Step();
    return fresh.Reason() == "Queued";
  };
  other.meta.created = c.now - 1s;
  REQUIRE(waits());
  other.spec.store_names = {"t/b"};
  c.snapshot.spec.store_names = {"t/a"};
  REQUIRE_FALSE(waits());
  c.snapshot.spec.store_names.clear();
  other.spec.store_names.clear();
  other.meta.created = c.now + 1s;
  REQUIRE_FALSE(waits());
  other.status.items.resize(1);  // it has begun
  REQUIRE(waits());
  Set(&other.status.conditions, {"Succeeded", Truth::kFalse, "Failed", ""}, c.now);
  REQUIRE_FALSE(waits());
  StoreOperation restore;
  restore.spec.target.store_name = "t/a";
  Set(&restore.status.conditions, {"Fenced", Truth::kTrue, "Exclusive", ""}, c.now);
  c.seen.operations = {restore};
  REQUIRE(waits());
}

TEST_CASE("snapshot plan: a failure is tried again after a pause, up to the limit",
          "[operator][plan]") {
  Case c;
  c.snapshot.spec.backoff_limit = 1;
  c.Run();
  c.Show(1, OperationState::kFailed).message = "disk";
  REQUIRE(c.Step().start.empty());
  REQUIRE(c.snapshot.status.items[0].message == "disk");
  c.now += 10s;
  const SnapshotPlan again = c.Step();
  REQUIRE(again.start[0].uid == SnapshotOperationUid(c.snapshot.meta, "pod-uid", "t/a", 2));
  c.Show(2, OperationState::kFailed).message = "disk";
  c.now += 1h - 30s;
  c.now -= 1h - 60s;
  c.Step();
  REQUIRE(c.Reason() == "Failed");
  REQUIRE(c.snapshot.status.stores->failed == 1);
}

TEST_CASE("snapshot plan: what is hopeless, cancelled or unsound fails at once",
          "[operator][plan]") {
  Case c;
  c.Run();
  SECTION("hopeless") { c.Show(1, OperationState::kFailed).error = "not found"; }
  SECTION("cancelled") { c.Show(1, OperationState::kCancelled); }
  SECTION("unsound") { c.Show(1, OperationState::kSucceeded).result["verified"] = false; }
  SECTION("no manifest") { c.Show(1, OperationState::kSucceeded).result.erase("manifest"); }
  SECTION("the pod is gone") { c.seen.daemons.clear(); }
  SECTION("the VectorStore is gone") { c.seen.vector_store.reset(); }
  SECTION("another repository") { c.seen.repository->status.repository_id = "other"; }
  c.Step();
  REQUIRE(c.Reason() == "Failed");
}

TEST_CASE("snapshot plan: another run of the daemon is another attempt", "[operator][plan]") {
  Case c;
  c.Run();
  c.seen.daemons[0].session_id = "s2";
  const SnapshotPlan plan = c.Step();
  REQUIRE(plan.cancel.size() == 1);
  REQUIRE(plan.start.size() == 1);
  REQUIRE(c.snapshot.status.items[0].attempt == 2);
  REQUIRE(c.snapshot.status.items[0].session_id == "s2");
  // But what the old one finished counts.
  Case done;
  done.Run();
  done.seen.daemons[0].session_id = "s2";
  done.Show(1, OperationState::kSucceeded);
  done.Step();
  REQUIRE(done.Reason() == "Completed");
}

TEST_CASE("snapshot plan: a silent daemon is waited for, then counts as failed",
          "[operator][plan]") {
  Case c;
  DaemonView silent;
  silent.pod_uid = "silent";
  silent.pod_name = "silent";
  c.seen.daemons.push_back(silent);
  c.Step();
  REQUIRE(c.Reason() == "Queued");
  c.now += 120s;
  c.Step();
  c.Step();
  c.Show(1, OperationState::kSucceeded);
  c.Step();
  REQUIRE(c.Reason() == "PartiallyFailed");
  REQUIRE(c.snapshot.status.items[0].pod_uid == "silent");
}

TEST_CASE("snapshot plan: at its deadline what runs is stopped", "[operator][plan]") {
  Case c;
  c.Run();
  c.now += 3600s;
  const SnapshotPlan plan = c.Step();
  REQUIRE(c.Reason() == "TimedOut");
  REQUIRE(plan.cancel.size() == 2);
  REQUIRE(plan.start.empty());
  Case done;
  done.Run();
  done.Show(1, OperationState::kSucceeded);
  done.now += 3600s;
  done.Step();
  REQUIRE(done.Reason() == "Completed");
}

TEST_CASE("snapshot plan: only keys of a snapshot are granted, a manifest never over another",
          "[operator][plan]") {
  Case c;
  c.Run();
  c.Show(1, OperationState::kAwaitingGrants).wants = {
      {"PUT", "chunks/ab/x"},
      {"PUT", "snapshots/vst-uid/s/1.json"},
      {"PUT", "snapshots/vst-uid/s/1.verified.json"},
      {"GET", "repository.json"},
      {"PUT", "repository.json"},
      {"PUT", "snapshots/other/s/1.json"},
      {"DELETE", "chunks/ab/x"},
      {"PUT", "identity.json"},
      {"GET", "chunks/../identity.json"}};
  const SnapshotPlan plan = c.Step();
  REQUIRE(plan.grants.size() == 1);
  REQUIRE(plan.grants[0].items.size() == 4);
  REQUIRE_FALSE(plan.grants[0].items[0].if_absent);
  REQUIRE(plan.grants[0].items[1].if_absent);
  REQUIRE_FALSE(plan.grants[0].items[2].if_absent);
  REQUIRE(plan.grants[0].items[3].key == "repository.json");
  REQUIRE(plan.grants[0].items[3].method == "GET");
}

TEST_CASE("snapshot plan: it expires, but not while it is the last, held or in use",
          "[operator][plan]") {
  Case c;
  c.snapshot.spec.expire_after_seconds = 3600;
  c.Run();
  c.Show(1, OperationState::kSucceeded);
  REQUIRE(c.Step().next_look == c.now + 3600s);
  c.now += 3600s;
  REQUIRE(c.Step().remove.empty());
  StoreSnapshot newer = c.snapshot;
  newer.meta.uid = "newer";
  newer.meta.created = c.now;
  c.seen.siblings = {newer};
  REQUIRE(c.Step().remove.at(0).uid == "snapshot-uid");
  c.snapshot.spec.hold = true;
  REQUIRE(c.Step().remove.empty());
  c.snapshot.spec.hold = false;
  StoreOperation restore;
  restore.spec.action.restore.emplace();
  restore.spec.action.restore->snapshot = Reference{"one"};
  c.seen.operations = {restore};
  REQUIRE(c.Step().remove.empty());
}

TEST_CASE("snapshot plan: deletion takes the data first, and never wedges", "[operator][plan]") {
  Case c;
  c.Run();
  c.Show(1, OperationState::kSucceeded);
  c.Step();
  c.snapshot.meta.deleted = c.now;
  const std::string uid = c.snapshot.status.items[0].snapshot_uid;
  const auto plan = [&] { return PlanSnapshotDeletion(c.snapshot, c.seen, c.now); };
  REQUIRE_FALSE(plan().release);  // the repository could not be read
  c.seen.manifests_left = {{uid, "snapshots/vst-uid/k"}};
  REQUIRE(plan().repository_deletes.at(0).key == "snapshots/vst-uid/k");
  REQUIRE_FALSE(plan().release);
  SECTION("gone") { c.seen.manifests_left->clear(); }
  SECTION("retained") { c.snapshot.spec.deletion = DeletionPolicy::kRetain; }
  SECTION("repository gone") { c.seen.repository.reset(); }
  SECTION("another repository") { c.seen.repository->status.repository_id = "other"; }
  SECTION("read-only repository") { c.seen.repository->spec.access = AccessMode::kReadOnly; }
  SECTION("namespace terminating") { c.seen.namespace_terminating = true; }
  SECTION("forced") { c.snapshot.meta.annotations[kForceFinalize] = "true"; }
  REQUIRE(plan().release);
  REQUIRE(plan().repository_deletes.empty());
}

TEST_CASE("snapshot plan: a held one is not let go", "[operator][plan]") {
  Case c;
  c.Run();
  c.snapshot.meta.deleted = c.now;
  c.seen.manifests_left.emplace();
  REQUIRE_FALSE(PlanSnapshotDeletion(c.snapshot, c.seen, c.now).release);  // still at work
  c.Show(1, OperationState::kCancelled);
  REQUIRE(PlanSnapshotDeletion(c.snapshot, c.seen, c.now).release);
  c.snapshot.spec.hold = true;
  REQUIRE_FALSE(PlanSnapshotDeletion(c.snapshot, c.seen, c.now).release);
  REQUIRE(PlanSnapshotDeletion(c.snapshot, c.seen, c.now).events.at(0).reason == "Held");
}

TEST_CASE("snapshot plan: a restore that waits for its end does not keep a deleted one",
          "[operator][plan]") {
  Case c;
  c.Run();
  c.snapshot.meta.deleted = c.now;
  c.seen.manifests_left.emplace();
  c.Show(1, OperationState::kCancelled);
  StoreOperation restore;
  restore.spec.vector_store.name = "vst";
  restore.spec.action.restore.emplace();
  restore.spec.action.restore->latest.emplace();
  c.seen.operations = {restore};
  REQUIRE(PlanSnapshotDeletion(c.snapshot, c.seen, c.now).release);
}

TEST_CASE("snapshot plan: a deletion that failed is asked for again under another uid",
          "[operator][plan]") {
  Case c;
  c.snapshot.meta.deleted = c.now;
  c.snapshot.status.items.emplace_back();
  c.snapshot.status.items[0].pod_uid = "pod-uid";
  c.snapshot.status.items[0].store_name = "t/a";
  c.snapshot.status.items[0].attempt = 1;
  const auto first = DeletionUids(c.snapshot, "s1", c.now);
  REQUIRE(first.size() == 2);
  REQUIRE(DeletionUids(c.snapshot, "s1", c.now + 599s) == first);
  REQUIRE(DeletionUids(c.snapshot, "s1", c.now + 600s) != first);
  REQUIRE(DeletionUids(c.snapshot, "s2", c.now) != first);
}

// Goal: a snapshot of more stores than a status lists is taken whole, in pieces; no store is left
// out or taken twice, and what the pieces come to is what it comes to.
// Method: planners of whole and pieces, over a list of objects that stands for the API.
#include "operator/plan/snapshot_pieces.h"

#include <catch2/catch.hpp>
#include <set>

#include "operator/plan/operation_request.h"
#include "operator/plan/snapshot_items.h"
#include "operator/resource/names.h"

using namespace pannier;
using namespace pannier::control;
using namespace std::chrono_literals;

namespace {

using Pair = std::pair<std::string, std::string>;  // pod and store

struct Many {
  std::vector<StoreSnapshot> all;  // the first is the whole
  SnapshotObserved seen;
  WallTime now = WallTime(1'750'000'000s);

  Many() {
    StoreSnapshot whole;
    whole.meta.name = "one";
    whole.meta.uid = "whole-uid";
    whole.meta.created = now;
    whole.meta.finalizers = {kSnapshotFinalizer};
    whole.spec.vector_store.name = "vst";
    all = {whole};
    seen.vector_store.emplace();
    seen.vector_store->meta.uid = "vst-uid";
    seen.vector_store->spec.repository_ref = Reference{"repo"};
    seen.repository.emplace();
    seen.repository->meta.name = "repo";
    seen.repository->spec.s3.emplace();
    seen.repository->status.repository_id = "id";
    Set(&seen.repository->status.conditions, {"Ready", Truth::kTrue, "Validated", ""}, now);
  }
  void AddPod(const std::string& name, int stores) {
    DaemonView daemon;
    daemon.pod_uid = name + "-uid";
    daemon.pod_name = name;
    daemon.reachable = true;
    daemon.session_id = "s";
    for (int i = 0; i < stores; ++i) {
      StoreView store;
      store.name = "t/" + std::to_string(i);
      daemon.stores.push_back(store);
    }
    seen.daemons.push_back(daemon);
  }
  SnapshotPlan Step(size_t which = 0) {
    seen.siblings = all;
    seen.siblings.erase(seen.siblings.begin() + static_cast<std::ptrdiff_t>(which));
    SnapshotPlan plan = PlanSnapshot(all[which], seen, now);
    all[which].status = plan.status;
    for (const nlohmann::json& each : plan.create) Add(each);
    return plan;
  }
  void Add(nlohmann::json tree) {
    tree["metadata"]["uid"] = "uid-" + tree["metadata"]["name"].get<std::string>();
    tree["metadata"]["resourceVersion"] = "1";
    StoreSnapshot made = ParseResource<StoreSnapshot>(tree).value();
    made.meta.created = now;
    all.push_back(made);
  }
  // Until all pieces are made.
  void Divide() {
    for (int i = 0; i < 100 && all[0].status.pieces.value_or(0) == 0; ++i) Step();
    INFO(Reason() << ": " << Find(all[0].status.conditions, "Succeeded")->message << " "
                  << all.size());
    REQUIRE(all[0].status.pieces.value_or(0) > 0);
  }
  // What a piece takes once it has begun.
  std::vector<Pair> Taken(size_t which) {
    Step(which);
    std::vector<Pair> taken;
    for (const SnapshotItem& item : all[which].status.items) {
      taken.emplace_back(item.pod_name, item.store_name);
    }
    return taken;
  }
  void End(size_t which, bool sound) {
    StoreSnapshotStatus& status = all[which].status;
    for (SnapshotItem& item : status.items) {
      item.state = sound ? ItemState::kSucceeded : ItemState::kFailed;
      item.verified = sound;
      item.bytes = 10;
      item.manifest_key = "snapshots/vst-uid/" + item.pod_name + item.store_name;
    }
    SumUp(&status);
    Set(&status.conditions,
        {"Succeeded", sound ? Truth::kTrue : Truth::kFalse, sound ? kCompleted : kFailed, ""}, now);
    Set(&status.conditions, {"Verified", sound ? Truth::kTrue : Truth::kFalse, "x", ""}, now);
  }
  std::string Reason() const { return ReasonOf(all[0].status.conditions, "Succeeded"); }
};

}  // namespace

TEST_CASE("snapshot pieces: each store of each pod is in one, and none has too many",
          "[operator][plan]") {
  Many many;
  int stores = 330;
  if (GENERATE(false, true)) {
    for (int i = 0; i < stores; ++i) many.AddPod("pod-" + std::to_string(i), 1);
  } else {
    many.AddPod("large", 950);
    many.AddPod("middle", 85);
    for (int i = 0; i < 20; ++i) many.AddPod("small-" + std::to_string(i), 7);
    stores = 950 + 85 + 140;
  }
  many.Divide();
  REQUIRE(many.Reason() == "Running");
  REQUIRE(many.all[0].status.items.empty());
  REQUIRE(many.all.size() == 1 + static_cast<size_t>(*many.all[0].status.pieces));
  std::set<Pair> seen;
  int count = 0;
  for (size_t which = 1; which < many.all.size(); ++which) {
    const std::vector<Pair> taken = many.Taken(which);
    CAPTURE(which, many.all[which].meta.name);
    REQUIRE_FALSE(taken.empty());
    REQUIRE(taken.size() <= kSnapshotItemsMax);
    seen.insert(taken.begin(), taken.end());
    count += static_cast<int>(taken.size());
  }
  REQUIRE(count == stores);
  REQUIRE(seen.size() == static_cast<size_t>(stores));

  SECTION("all go well") {
    for (size_t which = 1; which < many.all.size(); ++which) many.End(which, true);
    many.Step();
    REQUIRE(many.Reason() == kCompleted);
    REQUIRE(IsSound(many.all[0]));
    REQUIRE(many.all[0].status.stores->succeeded == stores);
    REQUIRE(many.all[0].status.bytes == 10 * stores);
    // The newest snapshot is the whole, not one of its pieces.
    REQUIRE(NewestSound(many.all)->meta.name == "one");
  }
  SECTION("one does not") {
    for (size_t which = 1; which < many.all.size(); ++which) many.End(which, which != 2);
    many.Step();
    REQUIRE(many.Reason() == kPartiallyFailed);
    REQUIRE_FALSE(IsSound(many.all[0]));
    REQUIRE(many.all[0].status.stores->total == stores);
    REQUIRE(NewestSound(many.all) == nullptr);
  }
  SECTION("one was deleted") {
    for (size_t which = 1; which < many.all.size(); ++which) many.End(which, true);
    many.all.pop_back();
    many.Step();
    REQUIRE(many.Reason() == kPartiallyFailed);
  }
}

TEST_CASE("snapshot pieces: passes that are cut short make none twice, also when stores come",
          "[operator][plan]") {
  Many many;
  many.AddPod("large", 1'500);
  many.Step();  // only what is written down is begun
  REQUIRE(many.all[0].status.pieces == 0);
  REQUIRE(many.all.size() == 1);
  const SnapshotPlan first = many.Step();
  REQUIRE(first.create.size() == kPiecesPerPassMax);
  many.all.resize(1 + 4);  // the rest was not made
  StoreView late;
  late.name = "t/late";
  many.seen.daemons[0].stores.push_back(late);
  many.Divide();
  std::set<Pair> seen;
  size_t count = 0;
  for (size_t which = 1; which < many.all.size(); ++which) {
    for (const Pair& each : many.Taken(which)) {
      seen.insert(each);
      ++count;
    }
  }
  REQUIRE(count == 1'501);
  REQUIRE(seen.size() == 1'501);
}

TEST_CASE("snapshot pieces: a store that no daemon has, and a pod that is silent, are failures",
          "[operator][plan]") {
  Many many;
  for (int i = 0; i < 120; ++i) many.AddPod("pod-" + std::to_string(i), 1);
  many.all[0].spec.store_names = {"t/0", "t/nowhere"};
  many.Step();
  many.Divide();
  REQUIRE(many.all[0].status.items.size() == 1);
  REQUIRE(many.all[0].status.items[0].store_name == "t/nowhere");
  many.seen.daemons[7].reachable = false;
  size_t failed = 0, taken = 0;
  for (size_t which = 1; which < many.all.size(); ++which) {
    many.Step(which);
    many.now += 130s;
    many.Taken(which);
    for (SnapshotItem& each : many.all[which].status.items) {
      ++(each.state == ItemState::kFailed ? failed : taken);
    }
  }
  REQUIRE(failed == 1);
  REQUIRE(taken == 119);
}

TEST_CASE("snapshot pieces: who comes later waits for the whole, pieces wait for nobody later",
          "[operator][plan]") {
  Many many;
  for (int i = 0; i < 150; ++i) many.AddPod("pod-" + std::to_string(i), 1);
  many.Step();
  StoreSnapshot later = many.all[0];
  later.meta.name = "later";
  later.meta.uid = "later-uid";
  later.meta.created = many.now + 1s;
  later.status = {};
  many.all.push_back(later);
  many.now += 5s;
  many.Divide();
  many.Step(1);
  REQUIRE(ReasonOf(many.all[1].status.conditions, "Succeeded") == kQueued);
  for (size_t which = 2; which < many.all.size(); ++which) {
    REQUIRE_FALSE(many.Taken(which).empty());
  }
}

TEST_CASE("snapshot pieces: they go first, and with their whole", "[operator][plan]") {
  Many many;
  for (int i = 0; i < 150; ++i) many.AddPod("pod-" + std::to_string(i), 1);
  many.Divide();
  for (size_t which = 1; which < many.all.size(); ++which) {
    many.Step(which);
    many.End(which, true);
  }
  many.Step();
  many.all[0].meta.deleted = many.now;
  many.seen.siblings.assign(many.all.begin() + 1, many.all.end());
  many.seen.manifests_left.emplace();
  SECTION("not while it is held") {
    many.all[0].spec.hold = true;
    const SnapshotPlan plan = PlanSnapshotDeletion(many.all[0], many.seen, many.now);
    REQUIRE((plan.remove.empty() && !plan.release));
  }
  SECTION("nor while somebody restores from it") {
    StoreOperation restore;
    restore.spec.vector_store.name = "vst";
    restore.spec.target = {"pod-3", "t/0"};
    restore.spec.action.restore.emplace();
    restore.spec.action.restore->snapshot = Reference{"one"};
    many.seen.operations = {restore};
    const SnapshotPlan plan = PlanSnapshotDeletion(many.all[0], many.seen, many.now);
    REQUIRE((plan.remove.empty() && !plan.release));
    // Which finds its store in a piece.
    OperationObserved seen;
    seen.source = many.all[0];
    seen.snapshots = many.all;
    REQUIRE(SourceItem(restore, seen)->pod_name == "pod-3");
  }
  SECTION("then all") {
    SnapshotPlan plan = PlanSnapshotDeletion(many.all[0], many.seen, many.now);
    REQUIRE(plan.remove.size() == many.all.size() - 1);
    REQUIRE_FALSE(plan.release);
    many.seen.siblings.clear();
    plan = PlanSnapshotDeletion(many.all[0], many.seen, many.now);
    REQUIRE(plan.release);
  }
  SECTION("a piece alone stays while its whole is held") {
    StoreSnapshot piece = many.all[1];
    piece.meta.deleted = many.now;
    many.all[0].meta.deleted.reset();
    many.all[0].spec.hold = true;
    many.seen.siblings = {many.all[0]};
    const SnapshotPlan plan = PlanSnapshotDeletion(piece, many.seen, many.now);
    REQUIRE((plan.repository_deletes.empty() && !plan.release));
  }
}

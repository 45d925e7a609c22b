// Goal: a daemon whose volume is empty begins with what it had, as far as StoreSnapshots and the
// repository know, and with nothing only where both are known and have none.
// Method: planners with few observations.
#include "operator/plan/bootstrap.h"

#include <catch2/catch.hpp>

#include "operator/resource/names.h"
#include "tests/operator/plan/snapshots_in_s3.h"

using namespace pannier;
using namespace pannier::control;
using namespace pannier::test;
using namespace std::chrono_literals;

namespace {

const WallTime kNow = SomeNoon();

DaemonView Daemon(const std::string& pod) {
  DaemonView daemon;
  daemon.pod_uid = pod + "-uid";
  daemon.pod_name = pod;
  daemon.reachable = true;
  daemon.session_id = "session";
  return daemon;
}

// A VectorStore team/notes of which a daemon waits; nothing is known of any snapshot.
struct Waiting {
  VectorStore store;
  VectorStoreObserved seen;

  Waiting() {
    store.meta.uid = "vst";
    store.meta.name_space = "team";
    store.meta.name = "notes";
    store.spec.bootstrap = Bootstrap::kLatestSnapshot;
    store.spec.repository_ref = Reference{"backups"};
    seen.repository = InS3();
    seen.daemons = {Daemon("notes-0")};
    seen.daemons[0].awaiting_bootstrap = true;
    seen.inventory.emplace();
  }
  VectorStorePlan Plan(WallTime now = kNow) const {
    VectorStorePlan plan;
    PlanBootstrap(store, seen, now, &plan);
    return plan;
  }
  // The manifests that the daemon is told.
  nlohmann::json Told() const {
    const VectorStorePlan plan = Plan();
    return plan.start.empty() ? nlohmann::json() : plan.start[0].body["manifests"];
  }
  void List(int number, const std::string& origin, const std::string& store_name,
            const std::string& owner = "other") {
    listed.push_back({owner, "chain", ManifestKey(number), origin, store_name,
                      kNow - 100h + std::chrono::hours(number)});
    seen.inventory = InventoryOf(listed, ClaimRuleOf(store.meta));
  }
  std::vector<ListedSnapshot> listed;
};

nlohmann::json Keys(const std::vector<int>& numbers) {
  nlohmann::json keys = nlohmann::json::array();
  for (const int number : numbers) keys.push_back(ManifestKey(number));
  return keys;
}

TEST_CASE("bootstrap: a daemon that waits gets the newest of each store, or learns there is none",
          "[operator][plan]") {
  Waiting world;
  world.seen.daemons[0].awaiting_bootstrap = false;
  REQUIRE(world.Plan().start.empty());  // it serves already
  world.seen.daemons[0].awaiting_bootstrap = true;
  REQUIRE(world.Told() == Keys({}));
  world.seen.snapshots = {TakenSnapshot(1, "notes-0", "t/a"), TakenSnapshot(2, "notes-0", "t/a"),
                          TakenSnapshot(3, "notes-1", "t/a"), TakenSnapshot(4, "notes-0", "t/b")};
  REQUIRE(world.Told() == Keys({2, 4}));
  // A pod of a name that never was begins with the newest of any.
  world.seen.daemons[0].pod_name = "notes-9";
  REQUIRE(world.Told() == Keys({3, 4}));
}

TEST_CASE("bootstrap: in a new cluster the repository alone tells what there is",
          "[operator][plan]") {
  Waiting world;
  world.List(1, "team/notes/notes-0", "t/a");
  world.List(2, "team/notes/notes-1", "t/a");
  world.List(3, "team/other/notes-0", "t/a", "foreign");
  world.List(4, "elsewhere/notes/notes-0", "t/b", "stranger");
  REQUIRE(world.Told() == Keys({1}));
  world.seen.daemons[0].pod_name = "notes-9";
  REQUIRE(world.Told() == Keys({2}));
  // Another pod of the new cluster was snapshotted since: that does not make it this one's.
  world.seen.daemons[0].pod_name = "notes-0";
  world.seen.snapshots = {TakenSnapshot(9, "notes-1", "t/a")};
  REQUIRE(world.Told() == Keys({1}));
  // What is being deleted is not begun with, whoever lists it.
  world.seen.snapshots = {TakenSnapshot(1, "notes-0", "t/a")};
  world.seen.snapshots[0].meta.deleted = kNow;
  REQUIRE(world.Told() == Keys({2}));
}

TEST_CASE("bootstrap: of one owner all are of the same VectorStore", "[operator][plan]") {
  Waiting world;
  world.List(1, "", "t/old", "owner");  // by a daemon that did not say it yet
  world.List(2, "team/notes/notes-0", "t/new", "owner");
  world.seen.daemons[0].pod_name = "notes-9";
  REQUIRE(world.Told() == Keys({2, 1}));
}

TEST_CASE(
    "bootstrap: snapshots that say nothing keep it waiting, until somebody says whose they are",
    "[operator][plan]") {
  Waiting world;
  world.List(1, "", "t/a", "owner");
  REQUIRE(world.Plan().start.empty());
  REQUIRE(world.Plan().next_look == kNow + 10s);
  REQUIRE_THAT(WhyBootstrapWaits(world.store, world.seen),
               Catch::Contains("owner") && Catch::Contains(kBootstrapOwner));
  SECTION("they are its own") {
    world.store.meta.annotations[kBootstrapOwner] = "owner";
    world.List(2, "", "t/b", "another");
    REQUIRE(world.Told() == Keys({1}));
    REQUIRE(WhyBootstrapWaits(world.store, world.seen).empty());
  }
  SECTION("its uid says it") {
    world.store.meta.uid = "owner";
    world.List(1, "", "t/a", "owner");
    REQUIRE(world.Told() != nlohmann::json());
  }
  SECTION("it has others") {
    world.seen.snapshots = {TakenSnapshot(2, "notes-0", "t/a")};
    REQUIRE(world.Told() == Keys({2}));
  }
}

TEST_CASE("bootstrap: nothing is begun while it is not known what there is", "[operator][plan]") {
  Waiting world;
  std::string why;
  SECTION("a StoreSnapshot cannot be read") {
    world.seen.complete = false;
    why = "not every StoreSnapshot";
  }
  SECTION("the repository is not there") {
    world.seen.repository.reset();
    why = "there is no SnapshotRepository backups";
  }
  SECTION("the repository is not ready") {
    Set(&world.seen.repository->status.conditions, {"Ready", Truth::kUnknown, "Unreachable", ""},
        kNow);
    why = "not ready: Unreachable";
  }
  SECTION("its listing failed") {
    world.seen.inventory.reset();
    world.seen.inventory_trouble = "no answer";
    REQUIRE(world.Plan().next_look == kNow + 10s);
    why = "no answer";
  }
  SECTION("a manifest cannot be understood") {
    world.seen.snapshots = {TakenSnapshot(2, "notes-0", "t/a")};
    world.seen.inventory->unreadable = {ManifestKey(1)};
    why = ManifestKey(1);
  }
  REQUIRE(world.Plan().start.empty());
  REQUIRE_THAT(WhyBootstrapWaits(world.store, world.seen), Catch::Contains(why));
}

TEST_CASE("bootstrap: what it was told may be read, and a failed attempt is followed by another",
          "[operator][plan]") {
  Waiting world;
  world.List(3, "team/notes/notes-0", "t/a");
  const std::vector<Uuid> uids = BootstrapUids(world.store, "notes-0-uid");
  OperationView running;
  running.uid = uids[0].ToString();
  running.state = OperationState::kAwaitingGrants;
  running.wants = {{"GET", ManifestKey(3)}, {"GET", ManifestKey(5)}, {"PUT", "chunks/ab/cd"}};
  OperationView& operation = world.seen.daemons[0].operations[running.uid] = running;
  REQUIRE(NeedsInventory(world.store, world.seen, kNow));
  const VectorStorePlan granted = world.Plan();
  REQUIRE(granted.start.empty());
  REQUIRE(granted.grants.size() == 1);
  REQUIRE(granted.grants[0].items.size() == 1);
  operation.wants = {{"GET", "chunks/ab/cd"}};
  REQUIRE_FALSE(NeedsInventory(world.store, world.seen, kNow));
  // The next attempt after a pause, in which nobody lists.
  operation.state = OperationState::kFailed;
  operation.ended = kNow;
  REQUIRE_FALSE(NeedsInventory(world.store, world.seen, kNow + 5s));
  REQUIRE(world.Plan(kNow + 5s).start.empty());
  REQUIRE(world.Plan(kNow + 15s).start.at(0).uid == uids[1]);
  for (const Uuid& uid : uids) {
    OperationView failed = operation;
    failed.uid = uid.ToString();
    failed.message = "disk full";
    world.seen.daemons[0].operations[failed.uid] = failed;
  }
  REQUIRE(world.Plan(kNow + 1h).start.empty());
  REQUIRE_THAT(WhyBootstrapWaits(world.store, world.seen), Catch::Contains("disk full"));
}

}  // namespace

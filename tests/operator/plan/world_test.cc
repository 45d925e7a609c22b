// Goal: whatever fails and wherever the operator is cut short, objects come to their ends, nothing
// is claimed that is not there, and nothing that somebody needs is removed. Method: planners in a
// small world (world.h): a sweep over every outward call that a crash can cut short, and random
// runs with failing daemons, restarts, crashes, clock steps; replayed by PANNIER_SEED.
#include "tests/operator/plan/world.h"

#include <catch2/catch.hpp>

#include "operator/resource/names.h"

using namespace pannier;
using namespace pannier::control;
using namespace pannier::test;
using namespace std::chrono_literals;

namespace {

nlohmann::json StoreSpec() {
  return {{"storage", {{"emptyDir", nlohmann::json::object()}}},
          {"repositoryRef", {{"name", "repo"}}},
          {"recovery", {{"mode", "Automatic"}, {"maxDataLossSeconds", 60}}}};
}

void Prepare(World* world, bool s3 = true) {
  world->Create(kSnapshotRepositoryKind, "repo",
                s3 ? nlohmann::json{{"s3", {{"bucket", "bucket"}}}}
                   : nlohmann::json{{"volume", {{"claimName", "claim"}}}});
  world->Create(kVectorStoreKind, "vst", StoreSpec());
}

nlohmann::json SnapshotSpec() { return {{"vectorStoreRef", {{"name", "vst"}}}}; }

std::string ReasonOfSnapshot(const World& world, const std::string& name) {
  return ReasonOf(world.Get<StoreSnapshot>(kStoreSnapshotKind, name).status.conditions,
                  "Succeeded");
}

}  // namespace

TEST_CASE("world: a snapshot is taken of all stores of all pods", "[operator][plan]") {
  World world(1, 2, 2);
  Prepare(&world);
  world.Create(kStoreSnapshotKind, "one", SnapshotSpec());
  REQUIRE(world.Settle());
  REQUIRE(ReasonOfSnapshot(world, "one") == "Completed");
  REQUIRE(world.manifests.size() == 4);
  world.CheckNothingLeftOver();
  REQUIRE(world.broken.empty());
}

TEST_CASE("world: an operator that dies at any call ends where one that lives does",
          "[operator][plan]") {
  const bool s3 = GENERATE(true, false);
  bool met = true;
  for (int call = 1; met; ++call) {
    CAPTURE(call, s3);
    REQUIRE(call < 500);
    World world(7, 2, 2);
    Prepare(&world, s3);
    world.Create(kStoreSnapshotKind, "one", SnapshotSpec());
    world.CutShortAt(call);
    met = false;
    for (int i = 0; i < 30; ++i) {
      world.Pass(5s);
      world.Reconcile();
      met = met || world.WasCut();
    }
    REQUIRE(world.Settle());
    REQUIRE(ReasonOfSnapshot(world, "one") == "Completed");
    REQUIRE(world.manifests.size() == 4);
    world.Delete(kStoreSnapshotKind, "one");
    world.CutShortAt(call);
    REQUIRE(world.Settle());
    REQUIRE_FALSE(world.Has(kStoreSnapshotKind, "one"));
    REQUIRE(world.manifests.empty());
    REQUIRE(world.broken == std::vector<std::string>());
  }
}

TEST_CASE("world: a corrupt store is rebuilt, else restored where that loses little",
          "[operator][plan]") {
  for (uint64_t seed = 1; seed <= 20; ++seed) {
    CAPTURE(seed);
    World world(seed, 1, 3);
    Prepare(&world);
    world.Create(kStoreSnapshotKind, "one", SnapshotSpec());
    REQUIRE(world.Settle());
    world.daemons[0].stores["t/db1"].damaged = true;
    REQUIRE(world.Settle());
    for (const auto& each : world.All<StoreOperation>(kStoreOperationKind)) {
      UNSCOPED_INFO(each.meta.name << " " << WriteFields(each.spec) << WriteFields(each.status));
    }
    REQUIRE_FALSE(world.daemons[0].stores["t/db1"].damaged);
    REQUIRE(IsTrue(world.Get<VectorStore>(kVectorStoreKind, "vst").status.conditions, "Healthy"));
    REQUIRE(world.broken == std::vector<std::string>());
  }
}

namespace {

// What may happen between two passes.
void Disturb(World* world, Random* random, int step) {
  World::Daemon& daemon = world->daemons[random->Below(world->daemons.size())];
  switch (random->Below(14)) {
    case 0:
      daemon.up = !daemon.up;
      break;
    case 1:
      world->Restart(&daemon);
      break;
    case 2:
      world->CutShortAt(1 + static_cast<int>(random->Below(12)));
      break;
    case 3:
      world->repository_up = !world->repository_up;
      break;
    case 4:
      world->now -= std::chrono::seconds(random->Below(3600));
      break;
    case 5:
      world->now += std::chrono::seconds(random->Below(3600));
      break;
    case 6:
      world->Create(kStoreSnapshotKind, "hand-" + std::to_string(step), SnapshotSpec());
      break;
    case 7: {
      const auto all = world->All<StoreSnapshot>(kStoreSnapshotKind);
      if (!all.empty()) world->Delete(kStoreSnapshotKind, random->Of(all).meta.name);
      break;
    }
    case 8: {
      const auto all = world->All<StoreSnapshot>(kStoreSnapshotKind);
      if (all.empty()) break;
      const auto& one = random->Of(all);
      world->SetSpec(kStoreSnapshotKind, one.meta.name, {{"hold", random->OneIn(2)}});
      break;
    }
    case 9:
      daemon.stores.begin()->second.damaged = true;
      break;
    case 10:
      for (auto& [name, store] : daemon.stores) ++store.sequence;
      break;
    case 11:
      world->Create(kStoreOperationKind, "verify-" + std::to_string(step),
                    {{"vectorStoreRef", {{"name", "vst"}}},
                     {"target", {{"podName", daemon.pod_name}, {"storeName", "t/db0"}}},
                     {"action", {{"verify", nlohmann::json::object()}}}});
      break;
    default:
      break;
  }
}

void Calm(World* world) {
  world->failure_one_in = 0;
  world->repository_up = true;
  world->CutShortAt(0);
  for (World::Daemon& daemon : world->daemons) daemon.up = true;
  world->SetSpec(kStoreSnapshotScheduleKind, "hourly", {{"suspend", true}});
  for (const auto& each : world->All<StoreSnapshot>(kStoreSnapshotKind)) {
    if (each.meta.IsDeleting())
      world->SetSpec(kStoreSnapshotKind, each.meta.name, {{"hold", false}});
  }
}

}  // namespace

TEST_CASE("world: random runs settle, and the invariants hold", "[operator][plan]") {
  for (int round = 0; round < Rounds(6); ++round) {
    const uint64_t seed = Seed() + static_cast<uint64_t>(round);
    CAPTURE(seed);
    Random random(seed);
    World world(seed, 1 + static_cast<int>(random.Below(3)), 1 + static_cast<int>(random.Below(3)));
    world.failure_one_in = 3 + random.Below(8);
    Prepare(&world, random.OneIn(2));
    world.Create(
        kStoreSnapshotScheduleKind, "hourly",
        {{"schedule", "H * * * *"},
         {"template", {{"spec", {{"vectorStoreRef", {{"name", "vst"}}}, {"timeoutSeconds", 900}}}}},
         {"retention", {{"keepLast", 2}}},
         {"failedHistoryLimit", 1}});
    for (int step = 0; step < 100; ++step) {
      Disturb(&world, &random, step);
      world.Pass(std::chrono::seconds(5 + random.Below(600)));
      // A deposed leader that does not know it yet acts now and then.
      world.Reconcile(random.OneIn(10) ? 1 : 2);
      REQUIRE(world.broken == std::vector<std::string>());
    }
    world.Reconcile(2);
    Calm(&world);
    REQUIRE(world.Settle(600));
    world.CheckNothingLeftOver();
    REQUIRE(world.broken == std::vector<std::string>());
  }
}

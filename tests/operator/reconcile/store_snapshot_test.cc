// Goal: a StoreSnapshot goes its way by steps in the order that plans are carried out in, and a
// pass that fails in the middle is repeated whole.
// Method: the API in memory; the log has every call that changes something.
#include <catch2/catch.hpp>

#include "lib/core/time_text.h"
#include "tests/operator/reconcile/bench.h"

namespace pannier::test {
namespace {

using namespace control;
using Log = std::vector<std::string>;

const Json kSpec = {{"vectorStoreRef", {{"name", "notes"}}}};

// With the keys of a snapshot that was taken by the operation that runs.
Json ResultOf(Bench& bench) {
  const std::string pod = bench.UidOf(kube::kPods, "notes-0");
  const std::string uid = bench.daemons.views[pod].operations.begin()->first;
  const std::string key =
      "snapshots/" + bench.UidOf(kVectorStores, "notes") + "/store-1/1-" + uid + ".json";
  bench.s3.manifests[uid] = key;
  return {{"uid", uid},   {"storeID", "store-1"}, {"sequence", 5},   {"manifest", key},
          {"bytes", 100}, {"newBytes", 10},       {"verified", true}};
}

// Begun: its operation runs.
void Begin(Bench& bench) {
  bench.MakeWorld();
  bench.Create(kSnapshots, "one", kSpec);
  REQUIRE(bench.Run(ReconcileSnapshot, "one").ok());
  REQUIRE(bench.log == Log{"patch StoreSnapshot", "status StoreSnapshot"});
  REQUIRE(bench.events.empty());  // one for each thing done, and nothing is done yet
  REQUIRE(bench.Condition(kSnapshots, "one", "Succeeded") == "Unknown/Running");
  REQUIRE(bench.Run(ReconcileSnapshot, "one").ok());
}

void Complete(Bench& bench) {
  Begin(bench);
  bench.daemons.Finish(ResultOf(bench));
  REQUIRE(bench.Run(ReconcileSnapshot, "one").ok());
  REQUIRE(bench.Condition(kSnapshots, "one", "Succeeded") == "True/Completed");
}

}  // namespace

TEST_CASE("reconcile: a snapshot waits while others use the repository, and keeps its turn then",
          "[operator][reconcile]") {
  Bench bench;
  bench.MakeWorld();
  bench.Create(kSnapshots, "one", kSpec);
  const Transfers::Who other{kSnapshots, {"team", "other"}};
  const auto use = [&] { bench.context.transfers.Claim(other, "team/backups", {9, 9, 9}); };
  use();
  REQUIRE(bench.Run(ReconcileSnapshot, "one").ok());
  REQUIRE(bench.Condition(kSnapshots, "one", "Succeeded") == "Unknown/Queued");
  bench.context.transfers.Keep(other, 0);
  REQUIRE(bench.Run(ReconcileSnapshot, "one").ok());
  REQUIRE(bench.Condition(kSnapshots, "one", "Succeeded") == "Unknown/Running");
  REQUIRE(bench.Get(kSnapshots, "one")["status"]["items"][0]["state"] == "Running");
  use();
  REQUIRE(bench.Run(ReconcileSnapshot, "one").ok());
  REQUIRE(bench.log == Log{"start snapshot epoch 7"});
}

TEST_CASE("reconcile: a snapshot is written down, begun, granted, and completed",
          "[operator][reconcile]") {
  Bench bench;
  Begin(bench);
  REQUIRE(bench.log == Log{"start snapshot epoch 7"});  // which was written down before

  const std::string pod = bench.UidOf(kube::kPods, "notes-0");
  bench.daemons.views[pod].operations.begin()->second.wants = {{"PUT", "chunks/ab/cd"}};
  REQUIRE(bench.Run(ReconcileSnapshot, "one").ok());
  REQUIRE(bench.log == Log{"grant https://s3/chunks/ab/cd"});

  bench.daemons.Finish(ResultOf(bench));
  REQUIRE(bench.Run(ReconcileSnapshot, "one").ok());
  REQUIRE(bench.log == Log{"status StoreSnapshot"});
  REQUIRE(bench.events == Log{"Completed"});
  REQUIRE(bench.Condition(kSnapshots, "one", "Verified") == "True/Sound");
  // And it stays so, at no cost.
  bench.daemons.looked_at.clear();
  REQUIRE(bench.Run(ReconcileSnapshot, "one").ok());
  REQUIRE(bench.log.empty());
  REQUIRE(bench.daemons.looked_at.empty());
}

TEST_CASE("reconcile: a step that fails ends the pass, and the next one repeats it",
          "[operator][reconcile]") {
  Bench bench;
  bench.MakeWorld();
  bench.Create(kSnapshots, "one", kSpec);
  REQUIRE(bench.Run(ReconcileSnapshot, "one").ok());
  bench.daemons.next_start = Unavailable("too busy");
  REQUIRE(bench.Run(ReconcileSnapshot, "one").Is(Errc::kUnavailable));
  REQUIRE(bench.log == Log{"start snapshot epoch 7"});  // and no status
  REQUIRE(bench.events.empty());
  REQUIRE(bench.Run(ReconcileSnapshot, "one").ok());
  REQUIRE(bench.log == Log{"start snapshot epoch 7"});
}

TEST_CASE(
    "reconcile: a status that somebody changed meanwhile is not overwritten, and nothing is told",
    "[operator][reconcile]") {
  Bench bench;
  bench.MakeWorld();
  bench.Create(kSnapshots, "one", kSpec);
  bench.Sync();
  bench.SetStatus(kSnapshots, "one", {{"repositoryName", "other"}});
  bench.events.clear();
  REQUIRE(ReconcileSnapshot(bench.context, {"team", "one"}).Is(Errc::kConflict));
  REQUIRE(bench.events.empty());
  REQUIRE(bench.Get(kSnapshots, "one")["status"]["repositoryName"] == "other");
}

TEST_CASE("reconcile: who leads no more neither writes nor starts", "[operator][reconcile]") {
  Bench bench;
  bench.MakeWorld();
  bench.Create(kSnapshots, "one", kSpec);
  REQUIRE(bench.Run(ReconcileSnapshot, "one").ok());
  bench.epoch.reset();
  REQUIRE(bench.Run(ReconcileSnapshot, "one").Is(Errc::kUnavailable));
  REQUIRE(bench.log.empty());
}

TEST_CASE("reconcile: a deleted snapshot goes after its manifest", "[operator][reconcile]") {
  Bench bench;
  Complete(bench);
  REQUIRE(bench.api.Delete(kSnapshots, {"team", "one"}, {}).ok());
  REQUIRE(bench.Run(ReconcileSnapshot, "one").ok());
  REQUIRE(bench.log == Log{"delete manifest"});
  REQUIRE(bench.Has(kSnapshots, "one"));
  REQUIRE(bench.Run(ReconcileSnapshot, "one").ok());
  REQUIRE(bench.log == Log{"patch StoreSnapshot"});
  REQUIRE_FALSE(bench.Has(kSnapshots, "one"));
}

TEST_CASE("reconcile: manifests are found although the VectorStore is gone",
          "[operator][reconcile]") {
  Bench bench;
  Complete(bench);
  REQUIRE(bench.api.Delete(kVectorStores, {"team", "notes"}, {}).ok());
  REQUIRE(bench.api.Delete(kSnapshots, {"team", "one"}, {}).ok());
  REQUIRE(bench.Run(ReconcileSnapshot, "one").ok());
  REQUIRE(bench.log == Log{"delete manifest"});
}

TEST_CASE("reconcile: a snapshot whose repository is gone is let go with a warning",
          "[operator][reconcile]") {
  Bench bench;
  Complete(bench);
  REQUIRE(bench.api.Delete(kRepositories, {"team", "backups"}, {}).ok());
  REQUIRE(bench.api.Delete(kSnapshots, {"team", "one"}, {}).ok());
  REQUIRE(bench.Run(ReconcileSnapshot, "one").ok());
  REQUIRE_FALSE(bench.Has(kSnapshots, "one"));
  REQUIRE(bench.events == Log{"!DataLeft"});
}

TEST_CASE("reconcile: an object that cannot be understood says so once", "[operator][reconcile]") {
  Bench bench;
  bench.MakeWorld();
  bench.Create(kSnapshots, "odd", {{"vectorStoreRef", {{"name", "notes"}}}, {"backoffLimit", "x"}});
  REQUIRE(bench.Run(ReconcileSnapshot, "odd").ok());
  REQUIRE(bench.Condition(kSnapshots, "odd", "Succeeded") == "False/Unreadable");
  REQUIRE(bench.events == Log{"!Unreadable"});
  REQUIRE(bench.Run(ReconcileSnapshot, "odd").ok());
  REQUIRE(bench.log.empty());
  REQUIRE(bench.events.empty());
}

TEST_CASE("reconcile: a snapshot that expires is asked of the API whether it is the last",
          "[operator][reconcile]") {
  Bench bench;
  Json conditions = Json::array();
  for (const char* type : {"Succeeded", "Verified"}) {
    conditions.push_back({{"type", type}, {"status", "True"}, {"reason", "Completed"}});
  }
  Json spec = kSpec;
  spec["expireAfterSeconds"] = 3600;
  for (const char* name : {"older", "newer"}) {
    bench.Create(kSnapshots, name, spec);
    const WallTime expires = bench.clock.Now() + std::chrono::hours(1);
    bench.SetStatus(kSnapshots, name,
                    {{"conditions", conditions}, {"expirationTime", FormatTime(expires)}});
    bench.clock.Advance(std::chrono::seconds(2));
  }
  bench.clock.Advance(std::chrono::hours(2));
  bench.Sync();
  REQUIRE(bench.api.Delete(kSnapshots, {"team", "newer"}, {}).ok());  // by a person, just now
  REQUIRE(ReconcileSnapshot(bench.context, {"team", "older"}).ok());
  REQUIRE(bench.Has(kSnapshots, "older"));
  // Where there is a newer one, it goes.
  bench.Create(kSnapshots, "newest", spec);
  bench.SetStatus(kSnapshots, "newest", {{"conditions", conditions}});
  REQUIRE(bench.Run(ReconcileSnapshot, "older").ok());
  REQUIRE_FALSE(bench.Has(kSnapshots, "older"));
}

}  // namespace pannier::test

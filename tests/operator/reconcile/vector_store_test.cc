// Goal: a VectorStore shows what its daemons say, and corrupt stores get a repair each.
// Method: as store_snapshot_test.cc.
#include <catch2/catch.hpp>

#include "operator/daemons/admin_certificates.h"
#include "tests/operator/reconcile/bench.h"

namespace pannier::test {

using namespace control;
using Log = std::vector<std::string>;

TEST_CASE("reconcile: a VectorStore is Ready once its daemons answer, and then nothing is written",
          "[operator][reconcile]") {
  Bench bench;
  bench.MakeWorld();
  REQUIRE(bench.Run(ReconcileVectorStore, "notes").ok());
  REQUIRE(bench.Condition(kVectorStores, "notes", "Ready") == "True/AsWanted");
  REQUIRE(bench.daemons.looked_at.at(0).address == "https://10.0.0.7:9465");
  REQUIRE(bench.daemons.looked_at.at(0).server_name ==
          AdminNameOf(bench.UidOf(kVectorStores, "notes")));
  REQUIRE(bench.Run(ReconcileVectorStore, "notes").ok());
  REQUIRE(bench.log.empty());
}

TEST_CASE("reconcile: a corrupt store gets one repair, also where the cache lags behind",
          "[operator][reconcile]") {
  Bench bench;
  bench.MakeWorld();
  bench.daemons.views[bench.UidOf(kube::kPods, "notes-0")].stores[0].damaged = true;
  REQUIRE(bench.Run(ReconcileVectorStore, "notes").ok());  // notes the incident
  REQUIRE(bench.log == Log{"status VectorStore"});
  REQUIRE(bench.Run(ReconcileVectorStore, "notes").ok());
  REQUIRE(bench.log == Log{"create StoreOperation", "status VectorStore"});
  REQUIRE(bench.events == Log{"!Repairing"});

  // The cache has the VectorStore, but not yet its operation: it is there already, look again.
  bench.SetStatus(kVectorStores, "notes", {{"daemonVersions", Json::array()}});
  bench.Sync();
  bench.caches.Of(kOperations).Swap({});
  bench.log.clear();
  const auto again = ReconcileVectorStore(bench.context, {"team", "notes"});
  REQUIRE(again.ok());
  REQUIRE(again->after() == std::chrono::seconds(1));
  REQUIRE(bench.log == Log{"create StoreOperation"});
}

TEST_CASE("reconcile: without the daemons' certificate a VectorStore goes no further",
          "[operator][reconcile]") {
  Bench bench;
  bench.MakeWorld();
  bench.context.keep_admin_secret = [](const VectorStore&) { return Conflict("it changed"); };
  REQUIRE(bench.Run(ReconcileVectorStore, "notes").Is(Errc::kConflict));
  REQUIRE(bench.log.empty());
  // What will not pass by itself is told, once, and looked at again.
  bench.context.keep_admin_secret = [](const VectorStore&) {
    return PermissionDenied("not ours", "remove it");
  };
  const auto again = bench.Run(ReconcileVectorStore, "notes");
  REQUIRE(again.value().after() == std::chrono::seconds(10));
  REQUIRE(bench.Condition(kVectorStores, "notes", "Ready") == "False/NoCertificate");
  REQUIRE(bench.events == Log{"!NoCertificate"});
  REQUIRE(bench.Run(ReconcileVectorStore, "notes").ok());
  REQUIRE(bench.log.empty());
  REQUIRE(bench.events.empty());
}

TEST_CASE("reconcile: daemons of another version are told of, and are no reason to worry",
          "[operator][reconcile]") {
  Bench bench;
  bench.MakeWorld();
  bench.daemons.views[bench.UidOf(kube::kPods, "notes-0")].version = "0.0.1";
  REQUIRE(bench.Run(ReconcileVectorStore, "notes").ok());
  REQUIRE(bench.Condition(kVectorStores, "notes", "Injected") == "True/OtherVersion");
  REQUIRE(bench.Condition(kVectorStores, "notes", "Ready") == "True/AsWanted");
}

TEST_CASE("reconcile: an empty daemon begins only when the repository was listed",
          "[operator][reconcile]") {
  Bench bench;
  bench.MakeWorld();
  const Json change =
      Json::array({{{"op", "add"}, {"path", "/spec/bootstrap"}, {"value", "LatestSnapshot"}}});
  bench.api.PatchJson(kVectorStores, {"team", "notes"}, change).value();
  bench.daemons.views[bench.UidOf(kube::kPods, "notes-0")].awaiting_bootstrap = true;
  const auto set_ready = [&](const char* status) {
    bench.SetStatus(kRepositories, "backups",
                    {{"repositoryID", "repository-1"},
                     {"conditions",
                      Json::array({{{"type", "Ready"}, {"status", status}, {"reason", "Test"}}})}});
  };
  set_ready("False");
  REQUIRE(bench.Run(ReconcileVectorStore, "notes").ok());
  REQUIRE(bench.log == Log{"status VectorStore"});
  set_ready("True");
  bench.s3.inventory = Unavailable("the bucket does not answer");
  REQUIRE(bench.Run(ReconcileVectorStore, "notes").value().after() == std::chrono::seconds(10));
  REQUIRE(bench.log == Log{"inventory", "status VectorStore"});
  REQUIRE(bench.Condition(kVectorStores, "notes", "Ready") == "False/AwaitingBootstrap");
  RepositoryInventory inventory;
  inventory.snapshots.push_back({"snapshots/a", "notes-0", "t/a", bench.clock.Now()});
  bench.s3.inventory = inventory;
  REQUIRE(bench.Run(ReconcileVectorStore, "notes").ok());
  REQUIRE(bench.log.at(1) == "start restore epoch 7");
  REQUIRE(bench.daemons.last_started["manifests"] == Json::array({"snapshots/a"}));
  // While it restores nobody lists.
  REQUIRE(bench.Run(ReconcileVectorStore, "notes").ok());
  REQUIRE(bench.log.empty());
}

}  // namespace pannier::test

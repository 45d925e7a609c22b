// Goal: a SnapshotRepository becomes ours once, in S3 by the operator and on a volume by a daemon.
// Method: as store_snapshot_test.cc.
#include <catch2/catch.hpp>

#include "tests/operator/reconcile/bench.h"

namespace pannier::test {

using namespace control;
using Log = std::vector<std::string>;

TEST_CASE("reconcile: an empty bucket becomes a repository, by the credentials of its Secret",
          "[operator][reconcile]") {
  Bench bench;
  bench.MakeWorld();
  bench.s3.identity.clear();
  bench.Create(kRepositories, "fresh",
               {{"s3", {{"bucket", "fresh"}, {"credentialsSecretRef", {{"name", "keys"}}}}}});
  REQUIRE(bench.Run(ReconcileRepository, "fresh").ok());
  REQUIRE(bench.log == Log{"status SnapshotRepository", "identity"});
  REQUIRE(bench.s3.access_key == "AK1");
  REQUIRE(bench.Run(ReconcileRepository, "fresh").ok());
  REQUIRE(bench.Condition(kRepositories, "fresh", "Ready") == "True/Validated");
  REQUIRE(bench.Get(kRepositories, "fresh")["status"]["repositoryID"] == "repository-1");
  // Nothing is due now.
  REQUIRE(bench.Run(ReconcileRepository, "fresh").ok());
  REQUIRE(bench.log.empty());
}

TEST_CASE("reconcile: a repository on a volume is made and listed by a daemon that has it mounted",
          "[operator][reconcile]") {
  Bench bench;
  bench.MakeWorld();
  bench.Create(kRepositories, "disk", {{"volume", {{"claimName", "claim"}}}});
  REQUIRE(bench.Run(ReconcileRepository, "disk").ok());
  REQUIRE(bench.Condition(kRepositories, "disk", "Ready") == "Unknown/Unreachable");

  bench.Create(
      kVectorStores, "other",
      {{"storage", {{"emptyDir", Json::object()}}}, {"repositoryRef", {{"name", "disk"}}}});
  bench.CreatePod("other-0", "other");
  Json entry = {{"name", "disk"}, {"state", "NotInitialised"}, {"id", nullptr}};
  bench.daemons.repositories["repositories"] = Json::array({entry});
  REQUIRE(bench.Run(ReconcileRepository, "disk").ok());
  REQUIRE(bench.log == Log{"status SnapshotRepository", "start repositoryInit epoch 7"});

  entry["state"] = "Ready";
  entry["id"] = "repository-2";
  bench.daemons.repositories["repositories"] = Json::array({entry});
  bench.daemons.snapshots = {
      {"total", 1},
      {"snapshots",
       {{{"uid", "u"}, {"key", "k"}, {"newBytes", 7}, {"time", "2025-01-01T00:00:00Z"}}}}};
  REQUIRE(bench.Run(ReconcileRepository, "disk").ok());
  const Json status = bench.Get(kRepositories, "disk")["status"];
  REQUIRE(bench.Condition(kRepositories, "disk", "Ready") == "True/Validated");
  REQUIRE(status["snapshots"] == 1);
  REQUIRE(status["bytes"] == 7);

  // Another repository in its place is not adopted.
  bench.clock.Advance(std::chrono::hours(1));
  entry["state"] = "Refused";
  bench.daemons.repositories["repositories"] = Json::array({entry});
  REQUIRE(bench.Run(ReconcileRepository, "disk").ok());
  REQUIRE(bench.Condition(kRepositories, "disk", "Ready") == "False/IdentityMismatch");
}

TEST_CASE("reconcile: without its Secret a repository is not reached, and says so",
          "[operator][reconcile]") {
  Bench bench;
  bench.Create(kRepositories, "fresh",
               {{"s3", {{"bucket", "fresh"}, {"credentialsSecretRef", {{"name", "none"}}}}}});
  REQUIRE(bench.Run(ReconcileRepository, "fresh").ok());
  REQUIRE(bench.s3.access_key.empty());
}

}  // namespace pannier::test

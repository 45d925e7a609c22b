// Goal: at a glance: what is healthy, how old the last snapshot is; for scripts by exit code.
#include "cli/cluster/status.h"

#include <catch2/catch.hpp>

#include "lib/json/cold.h"
#include "tests/cli/cluster/world.h"

namespace pannier::cluster {
namespace {

using nlohmann::json;

json Ready(const char* status, const char* reason, const char* message = "") {
  return {{"conditions", {Condition("Ready", status, reason, message)}}};
}

// A fleet in order; FakeClock begins at 2025-01-01T00:00:00Z.
json GoodStatus() {
  json status = Ready("True", "Healthy");
  status["pods"] = {{"matched", 3}, {"injected", 3}, {"reachable", 3}};
  status["stores"] = {{"total", 7}, {"corrupt", 0}, {"bytes", 1'048'576}};
  status["lastSnapshotTime"] = "2024-12-31T22:00:00Z";
  status["daemonVersions"] = json::array({{{"version", "0.1.0"}, {"pods", 3}}});
  return status;
}

json BadStatus() {
  json status = Ready("False", "Corrupt", "one store is damaged");
  status["stores"] = {{"total", 7}, {"corrupt", 1}};
  status["unhealthyStores"] = {{{"podName", "docs-1"},
                                {"podUID", "u"},
                                {"storeName", "t/main"},
                                {"state", "Corrupt"},
                                {"reason", "PageChecksum"},
                                {"operationName", "docs-12"}}};
  return status;
}

TEST_CASE("cluster status: a fleet in order is one line of each kind and exit code 0",
          "[cli][cluster]") {
  World world;
  world.Put(kVectorStores, "docs", {{"repositoryRef", {{"name", "s3"}}}}, GoodStatus());
  world.Put(kRepositories, "s3", json::object(),
            {{"conditions", {Condition("Ready", "True", "Validated")}}, {"snapshots", 12}});
  world.Put(kSchedules, "nightly", {{"schedule", "H 3 * * *"}}, Ready("True", "Scheduled"));
  const auto answer = world.Run({"status"});
  REQUIRE(answer.ok());
  REQUIRE(answer->exit_code == 0);
  const std::string& text = answer->text;
  CAPTURE(text);
  REQUIRE(text.find("docs  True   Healthy  3/3   7       0        2h\n") != std::string::npos);
  REQUIRE(text.find("s3    True   Validated  12") != std::string::npos);
  REQUIRE(text.find("nightly  H 3 * * *  True") != std::string::npos);
  REQUIRE(text.find("not healthy") == std::string::npos);
}

TEST_CASE("cluster status: a corrupt store is named and ends with 3", "[cli][cluster]") {
  World world;
  world.Put(kVectorStores, "docs", json::object(), BadStatus());
  const auto answer = world.Run({"status"});
  REQUIRE(answer->exit_code == 3);
  REQUIRE(answer->text.find("docs         docs-1  t/main  Corrupt") != std::string::npos);
  REQUIRE(answer->text.find("PageChecksum") != std::string::npos);
}

TEST_CASE("cluster status: what is not ready ends with 4, what is suspended does not",
          "[cli][cluster]") {
  World world;
  world.Put(kVectorStores, "docs", json::object(), GoodStatus());
  world.Put(kSchedules, "paused", {{"schedule", "@daily"}, {"suspend", true}},
            Ready("False", "Suspended"));
  REQUIRE(world.Run({"status"})->exit_code == 0);
  world.Put(kRepositories, "new", json::object());  // nobody has looked at it
  const auto answer = world.Run({"status"});
  REQUIRE(answer->exit_code == 4);
  REQUIRE(answer->text.find("new   Unknown  -") != std::string::npos);
}

TEST_CASE("cluster status: other namespaces show with -A only, and more with wide",
          "[cli][cluster]") {
  World world;
  world.Put(kVectorStores, "docs", json::object(), GoodStatus(), "other");
  REQUIRE(world.Run({"status"})->text == "no VectorStore in namespace team\n");
  REQUIRE(world.Run({"status", "-n", "other"})->text.find("docs") != std::string::npos);
  const auto all = world.Run({"status", "-A", "-o", "wide"});
  REQUIRE(all->text.find("NAMESPACE") != std::string::npos);
  REQUIRE(all->text.find("other") != std::string::npos);
  REQUIRE(all->text.find("1.0 MiB") != std::string::npos);
  REQUIRE(all->text.find("0.1.0") != std::string::npos);
}

TEST_CASE("cluster status: json is whole objects, with the same exit codes", "[cli][cluster]") {
  World world;
  world.Put(kVectorStores, "docs", json::object(), BadStatus());
  const auto answer = world.Run({"status", "-o", "json"});
  REQUIRE(answer->exit_code == 3);
  const json tree = pannier::json::ParseCold(answer->text).value();
  REQUIRE(tree["vectorStores"][0]["status"]["stores"]["corrupt"] == 1);
  REQUIRE(tree["snapshotRepositories"].empty());
}

TEST_CASE("cluster operations: newest first, of one VectorStore if wished", "[cli][cluster]") {
  World world;
  const auto put = [&](const char* name, const char* of) {
    world.Put(kOperations, name,
              {{"vectorStoreRef", {{"name", of}}},
               {"target", {{"podName", "p"}, {"storeName", "t/d"}}},
               {"action", {{"compact", json::object()}}}},
              Ended("True", "Completed"));
    world.clock.Advance(std::chrono::hours(1));
  };
  put("first", "docs");
  put("second", "docs");
  put("third", "others");
  const auto answer = world.Run({"operations", "docs"});
  REQUIRE(answer.ok());
  CAPTURE(answer->text);
  REQUIRE(answer->text.find("second") < answer->text.find("first"));
  REQUIRE(answer->text.find("third") == std::string::npos);
  REQUIRE(answer->text.find("compact  Completed") != std::string::npos);
}

TEST_CASE("cluster cleanup report: what each rule found, and a sample", "[cli][cluster]") {
  World world;
  json status = Ready("True", "Reported");
  status["lastRunTime"] = "2024-12-31T23:00:00Z";
  status["rules"] = {
      {{"rule", "idleStores"}, {"candidates", 3}, {"deleted", 0}, {"reclaimedBytes", 2'097'152}}};
  status["sample"] = {{{"kind", "Store"}, {"name", "t/old"}, {"reason", "idle"}, {"uid", "u"}}};
  world.Put(kPolicies, "weekly", {{"schedule", "@weekly"}}, status);
  for (const auto& words : std::vector<std::vector<const char*>>{{"cleanup", "report"},
                                                                 {"cleanup", "report", "weekly"}}) {
    const auto answer = world.Run(words);
    REQUIRE(answer.ok());
    CAPTURE(answer->text);
    REQUIRE(answer->text.starts_with("weekly:\n  mode: Report\n"));
    REQUIRE(answer->text.find("last run: 60m ago") != std::string::npos);
    REQUIRE(answer->text.find("idleStores  3           0        2.0 MiB") != std::string::npos);
    REQUIRE(answer->text.find("Store  t/old  -      idle") != std::string::npos);
  }
  REQUIRE(world.Run({"cleanup", "report", "absent"}).Is(Errc::kNotFound));
}

}  // namespace
}  // namespace pannier::cluster

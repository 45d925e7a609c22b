// Goal: a schedule knows the snapshots that it made, and keeps as many as it says.
// Method: as store_snapshot_test.cc; the snapshots' ends are written by hand.
#include <catch2/catch.hpp>

#include "lib/core/time_text.h"
#include "operator/resource/names.h"
#include "tests/operator/reconcile/bench.h"

namespace pannier::test {
namespace {

using namespace control;

std::vector<std::string> Names(Bench& bench) {
  std::vector<std::string> names;
  for (const std::string& each : bench.log) {
    if (each.find("StoreSnapshot") != std::string::npos) names.push_back(each);
  }
  return names;
}

// As a snapshot that came out well has it.
Json Ended(const Bench& bench) {
  Json conditions = Json::array();
  for (const char* type : {"Succeeded", "Verified"}) {
    conditions.push_back({{"type", type}, {"status", "True"}, {"reason", "Completed"}});
  }
  return {{"conditions", conditions}, {"completionTime", FormatTime(bench.clock.Now())}};
}

}  // namespace

TEST_CASE("reconcile: a schedule takes a snapshot when it is due, knows it, and lets old ones go",
          "[operator][reconcile]") {
  Bench bench;
  bench.Create(kSchedules, "hourly",
               {{"schedule", "0 * * * *"},
                {"retention", {{"keepLast", 1}}},
                {"template", {{"spec", {{"vectorStoreRef", {{"name", "notes"}}}}}}}});
  std::vector<std::string> made;
  for (int hour = 1; hour <= 2; ++hour) {
    bench.clock.Advance(std::chrono::hours(1));
    REQUIRE(bench.Run(ReconcileSchedule, "hourly").ok());
    REQUIRE(Names(bench).front() == "create StoreSnapshot");
    bench.Sync();
    for (const kube::ObjectPtr& each : bench.caches.Of(kSnapshots).All()) {
      if (each->json.find("completionTime") != std::string::npos) continue;
      made.push_back(each->key.name);
      REQUIRE(bench.Run(ReconcileSchedule, "hourly").ok());
      REQUIRE(bench.Get(kSchedules, "hourly")["status"]["active"] == Json::array({made.back()}));
      bench.SetStatus(kSnapshots, made.back(), Ended(bench));
    }
    REQUIRE(bench.Run(ReconcileSchedule, "hourly").ok());
    REQUIRE(bench.Get(kSchedules, "hourly")["status"].contains("lastSuccessfulTime"));
  }
  REQUIRE(made.size() == 2);
  // Its data goes first, which is not the schedule's to see to.
  REQUIRE(bench.Get(kSnapshots, made[0])["metadata"].contains("deletionTimestamp"));
  REQUIRE(bench.Has(kSnapshots, made[1]));
}

TEST_CASE("reconcile: retention counts what is there, not what a cache that is behind still knows",
          "[operator][reconcile]") {
  Bench bench;
  bench.Create(kSchedules, "yearly",
               {{"schedule", "0 0 1 1 *"},
                {"retention", {{"keepLast", 1}}},
                {"template", {{"spec", {{"vectorStoreRef", {{"name", "notes"}}}}}}}});
  const Json labels = {{"labels", {{kScheduleLabel, bench.UidOf(kSchedules, "yearly")}}}};
  for (const char* name : {"older", "newer"}) {
    bench.Create(kSnapshots, name, {{"vectorStoreRef", {{"name", "notes"}}}}, labels);
    bench.SetStatus(kSnapshots, name, Ended(bench));
    bench.clock.Advance(std::chrono::seconds(2));
  }
  bench.Sync();
  REQUIRE(bench.api.Delete(kSnapshots, {"team", "newer"}, {}).ok());  // by a person, just now
  REQUIRE(ReconcileSchedule(bench.context, {"team", "yearly"}).ok());
  REQUIRE(bench.Has(kSnapshots, "older"));
}

}  // namespace pannier::test

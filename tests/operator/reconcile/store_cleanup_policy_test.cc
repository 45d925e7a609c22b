// Goal: clean-up reads everything live, removes only what two runs named, and nothing where a list
// fails or flags forbid it.
// Method: as store_snapshot_test.cc; runs are hourly.
#include <catch2/catch.hpp>

#include "lib/core/time_text.h"
#include "tests/operator/reconcile/bench.h"

namespace pannier::test {
namespace {

using namespace control;
using Log = std::vector<std::string>;

Json Policy(const std::string& mode, const Json& rules) {
  return {{"schedule", "0 * * * *"}, {"mode", mode}, {"rules", rules}};
}
const Json kClaimsRule1 = {
    {"persistentVolumeClaims",
     {{"selector", {{"matchLabels", {{"app", "x"}}}}}, {"unusedSeconds", 86400}}}};

void CreateClaim(Bench& bench, const std::string& name) {
  bench.Create(kube::kClaims, name, Json::object(), {{"labels", {{"app", "x"}}}});
}

// Runs it when the next hour begins, `hours` times.
void RunHours(Bench& bench, int hours) {
  for (int i = 0; i < hours; ++i) {
    bench.clock.Advance(std::chrono::hours(1));
    REQUIRE(bench.Run(ReconcilePolicy, "tidy").ok());
  }
}

}  // namespace

TEST_CASE("reconcile: an unused claim goes after its grace, where the operator may delete claims",
          "[operator][reconcile]") {
  Bench bench;
  bench.MakeWorld();
  bench.context.allow_claim_deletion = GENERATE(false, true);
  bench.Create(kPolicies, "tidy", Policy("Delete", kClaimsRule1));
  CreateClaim(bench, "left");
  RunHours(bench, 2);
  const bool is_stamped = bench.Get(kube::kClaims, "left")["metadata"].contains("annotations");
  REQUIRE(is_stamped == bench.context.allow_claim_deletion);
  RunHours(bench, 24);
  REQUIRE(bench.Has(kube::kClaims, "left") != bench.context.allow_claim_deletion);
  const Json rule = bench.Get(kPolicies, "tidy")["status"]["rules"][0];
  REQUIRE(rule["candidates"] == (bench.context.allow_claim_deletion ? 0 : 1));
}

TEST_CASE("reconcile: a claim that keeps snapshots is never unused", "[operator][reconcile]") {
  Bench bench;
  bench.MakeWorld();
  bench.context.allow_claim_deletion = true;
  bench.Create(kRepositories, "disk", {{"volume", {{"claimName", "left"}}}});
  bench.Create(kPolicies, "tidy", Policy("Delete", kClaimsRule1));
  CreateClaim(bench, "left");
  RunHours(bench, 30);
  REQUIRE(bench.Has(kube::kClaims, "left"));
}

TEST_CASE("reconcile: where a list cannot be read nothing is removed", "[operator][reconcile]") {
  Bench bench;
  bench.MakeWorld();
  bench.context.allow_claim_deletion = true;
  bench.Create(kPolicies, "tidy", Policy("Delete", kClaimsRule1));
  CreateClaim(bench, "left");
  RunHours(bench, 24);
  bench.Sync();
  bench.clock.Advance(std::chrono::hours(10));
  bench.api.SetBefore(
      [](std::string_view verb, const kube::Resource& resource, const kube::ObjectKey&) -> Status {
        if (verb == "list" && resource.kind == "Pod") return Unavailable("no");
        return {};
      });
  REQUIRE(ReconcilePolicy(bench.context, {"team", "tidy"}).ok());
  bench.api.SetBefore(nullptr);
  REQUIRE(bench.Has(kube::kClaims, "left"));
  REQUIRE(bench.Condition(kPolicies, "tidy", "Ready") == "False/ListFailed");
}

TEST_CASE("reconcile: daemons are asked for orphans, then those are swept",
          "[operator][reconcile]") {
  Bench bench;
  bench.MakeWorld();
  bench.Create(kPolicies, "tidy",
               Policy("Quarantine", {{"orphanFiles", {{"olderThanSeconds", 3600}}}}));
  const Json found = {{"found",
                       {{{"path", "stores/x"},
                         {"why", "no database has it"},
                         {"bytes", 12},
                         {"since", "2024-12-31T00:00:00Z"}}}}};
  RunHours(bench, 1);
  REQUIRE(bench.log == Log{"start sweep epoch 7"});  // no status: the run has not come to its end
  bench.daemons.Finish(found);
  REQUIRE(bench.Run(ReconcilePolicy, "tidy").ok());
  REQUIRE(bench.log == Log{"status StoreCleanupPolicy"});
  REQUIRE(bench.Get(kPolicies, "tidy")["status"]["rules"][0]["candidates"] == 1);
  RunHours(bench, 1);
  bench.daemons.Finish(found);
  REQUIRE(bench.Run(ReconcilePolicy, "tidy").ok());
  REQUIRE(bench.log == Log{"start sweep epoch 7", "status StoreCleanupPolicy"});
}

TEST_CASE("reconcile: a daemon that is silent makes the run a report", "[operator][reconcile]") {
  Bench bench;
  bench.MakeWorld();
  bench.daemons.views.clear();
  bench.Create(kPolicies, "tidy",
               Policy("Quarantine", {{"orphanFiles", {{"olderThanSeconds", 3600}}}}));
  RunHours(bench, 1);
  REQUIRE(bench.Condition(kPolicies, "tidy", "Ready") == "False/ListFailed");
}

TEST_CASE("reconcile: sessions that two runs found silent are ended by their daemon",
          "[operator][reconcile]") {
  Bench bench;
  bench.MakeWorld();
  const auto session = [&](const std::string& uid, std::chrono::seconds silent) {
    const auto heard = std::chrono::floor<std::chrono::seconds>(bench.clock.Now() - silent);
    return Json{{"uid", uid}, {"id", "id-" + uid}, {"lastActivity", FormatTime(heard)}};
  };
  const Json rule = {{"sessions", {{"idleSeconds", 7200}}}};
  SECTION("in mode Delete, those alone") {
    bench.Create(kPolicies, "tidy", Policy("Delete", rule));
    bench.daemons.sessions = {
        {"sessions",
         {session("old", std::chrono::hours(3)), session("young", std::chrono::hours(0))}}};
    RunHours(bench, 1);
    REQUIRE(bench.log == Log{"status StoreCleanupPolicy"});
    const Json first = bench.Get(kPolicies, "tidy")["status"];
    REQUIRE(first["rules"][0]["candidates"] == 1);
    REQUIRE(first["sample"][0]["kind"] == "Session");
    RunHours(bench, 1);
    REQUIRE(bench.log == Log{"start sweep epoch 7", "status StoreCleanupPolicy"});
    const Json& body = bench.daemons.last_started;
    REQUIRE(body["what"] == "Sessions");
    REQUIRE(body["mode"] == "Delete");
    REQUIRE(body["sessions"] == Json{"old"});
    REQUIRE(body["sessionIdleSeconds"] == 7200);
    REQUIRE(bench.Get(kPolicies, "tidy")["status"]["rules"][0]["deleted"] == 1);
  }
  SECTION("in mode Quarantine none, since they cannot be put aside") {
    bench.Create(kPolicies, "tidy", Policy("Quarantine", rule));
    bench.daemons.sessions = {{"sessions", {session("old", std::chrono::hours(3))}}};
    RunHours(bench, 2);
    REQUIRE(bench.log == Log{"status StoreCleanupPolicy"});
  }
  SECTION("of a daemon that knows no sessions, there are none") {
    bench.Create(kPolicies, "tidy", Policy("Delete", rule));
    bench.daemons.sessions = nullptr;
    RunHours(bench, 1);
    REQUIRE(bench.Condition(kPolicies, "tidy", "Ready") == "True/Scheduled");
  }
  SECTION("where the list is none, the run is a report") {
    bench.Create(kPolicies, "tidy", Policy("Delete", rule));
    bench.daemons.sessions = Json::object();
    RunHours(bench, 1);
    REQUIRE(bench.Condition(kPolicies, "tidy", "Ready") == "False/ListFailed");
  }
}

}  // namespace pannier::test

// Goal: single steps do what plans mean by them, and refuse what has changed.
// Method: steps alone, against the API in memory.
#include <catch2/catch.hpp>

#include "operator/reconcile/carry_out.h"
#include "tests/operator/reconcile/bench.h"

namespace pannier::test {

using namespace control;

TEST_CASE("steps: an operation is let go only as it was seen", "[operator][reconcile]") {
  Bench bench;
  bench.Create(kOperations, "repair", {{"suspend", true}});
  const Json seen = bench.Get(kOperations, "repair");
  Pass pass{kOperations, seen};
  Steps steps(bench.context, pass);
  const ObjectRef object{"storeoperations", "repair", bench.UidOf(kOperations, "repair"),
                         seen["metadata"]["resourceVersion"], ""};
  bench.SetStatus(kOperations, "repair", {{"action", "restore"}});
  REQUIRE(steps.Resume(object).Is(Errc::kConflict));
  ObjectRef fresh = object;
  fresh.resource_version = bench.Get(kOperations, "repair")["metadata"]["resourceVersion"];
  REQUIRE(steps.Resume(fresh).ok());
  REQUIRE(bench.Get(kOperations, "repair")["spec"]["suspend"] == false);
}

TEST_CASE("steps: an annotation is put on, and taken away", "[operator][reconcile]") {
  Bench bench;
  bench.Create(kube::kClaims, "claim", Json::object());
  const auto object = [&] {
    const Json tree = bench.Get(kube::kClaims, "claim");
    return ObjectRef{"persistentvolumeclaims", "claim", tree["metadata"]["uid"],
                     tree["metadata"]["resourceVersion"], ""};
  };
  Pass pass{kPolicies, {{"metadata", {{"namespace", "team"}, {"name", "tidy"}}}}};
  Steps steps(bench.context, pass);
  REQUIRE(steps.Annotate({object(), kUnusedSince, "now"}).ok());
  REQUIRE(bench.Get(kube::kClaims, "claim")["metadata"]["annotations"][kUnusedSince] == "now");
  REQUIRE(steps.Annotate({object(), kUnusedSince, std::nullopt}).ok());
  REQUIRE(bench.Get(kube::kClaims, "claim")["metadata"]["annotations"].empty());
  REQUIRE(steps.Annotate({object(), kUnusedSince, std::nullopt}).ok());
}

TEST_CASE("steps: nothing is removed where not everything could be read, or without a uid",
          "[operator][reconcile]") {
  Bench bench;
  bench.Create(kSnapshots, "one", Json::object());
  const Json tree = bench.Get(kSnapshots, "one");
  ObjectRef object{"storesnapshots", "one", tree["metadata"]["uid"],
                   tree["metadata"]["resourceVersion"], "old"};
  Pass pass{kSchedules, {{"metadata", {{"namespace", "team"}, {"name", "nightly"}}}}};
  pass.complete = false;
  REQUIRE(Steps(bench.context, pass).Remove(object).ok());
  REQUIRE(bench.events == std::vector<std::string>{"!NotRemoved"});
  pass.complete = true;
  ObjectRef nobody = object;
  nobody.uid.clear();
  REQUIRE(Steps(bench.context, pass).Remove(nobody).Is(Errc::kInternal));
  ObjectRef another = object;
  another.uid = "another";
  REQUIRE(Steps(bench.context, pass).Remove(another).Is(Errc::kConflict));
  REQUIRE(bench.Has(kSnapshots, "one"));
  REQUIRE(Steps(bench.context, pass).Remove(object).ok());
  REQUIRE_FALSE(bench.Has(kSnapshots, "one"));
  REQUIRE(Steps(bench.context, pass).Remove(object).ok());  // gone already
}

TEST_CASE("steps: a look that is due far ahead comes sooner", "[operator][reconcile]") {
  const WallTime now(std::chrono::hours(1));
  REQUIRE_FALSE(LookAgain(std::nullopt, now).after());
  REQUIRE(LookAgain(now + std::chrono::hours(24), now).after() == std::chrono::minutes(15));
  REQUIRE(LookAgain(now - std::chrono::hours(1), now).after() == std::chrono::milliseconds(300));
}

TEST_CASE("steps: a clock that is put back in the middle of a pass delays no look",
          "[operator][reconcile]") {
  Bench bench;
  bench.Create(kSnapshots, "one", {{"vectorStoreRef", {{"name", "notes"}}}});
  const WallTime planned = bench.clock.Now();
  Plan<StoreSnapshotStatus> plan;
  plan.next_look = planned + std::chrono::seconds(1);
  bench.clock.Advance(-std::chrono::hours(20));
  const auto next = CarryOut(bench.context, Pass{kSnapshots, bench.Get(kSnapshots, "one")},
                             StoreSnapshot(), plan, planned);
  REQUIRE(next.value().after() == std::chrono::seconds(1));
}

}  // namespace pannier::test

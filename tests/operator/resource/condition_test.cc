// Goal: conditions move as Kubernetes' conventions say, so that nothing is written twice.
// Method: a table of changes.
#include "operator/resource/condition.h"

#include <catch2/catch.hpp>

#include "operator/resource/resource.h"

using namespace pannier;
using namespace pannier::control;
using namespace std::chrono_literals;

namespace {

const WallTime kStart = WallTime(std::chrono::seconds(1'700'000'000));

}  // namespace

TEST_CASE("conditions: the time changes only with the status", "[operator][resource]") {
  Conditions conditions;
  Set(&conditions, {"Ready", Truth::kFalse, "Waiting", "for a pod", 1}, kStart);
  REQUIRE(Find(conditions, "Ready")->last_transition == kStart);
  Set(&conditions, {"Ready", Truth::kFalse, "StillWaiting", "", 2}, kStart + 10s);
  REQUIRE(Find(conditions, "Ready")->last_transition == kStart);
  REQUIRE(Find(conditions, "Ready")->observed_generation == 2);
  REQUIRE(ReasonOf(conditions, "Ready") == "StillWaiting");
  Set(&conditions, {"Ready", Truth::kTrue, "AsExpected", "", 2}, kStart + 20s);
  REQUIRE(Find(conditions, "Ready")->last_transition == kStart + 20s);
  REQUIRE(IsTrue(conditions, "Ready"));
  REQUIRE_FALSE(IsFalse(conditions, "Ready"));
}

TEST_CASE("conditions: the same set in any order is the same list", "[operator][resource]") {
  Conditions a, b;
  Set(&a, {"B", Truth::kTrue, "R", ""}, kStart);
  Set(&a, {"A", Truth::kUnknown, "R", ""}, kStart);
  Set(&b, {"A", Truth::kUnknown, "R", ""}, kStart);
  Set(&b, {"B", Truth::kTrue, "R", ""}, kStart);
  REQUIRE(a.size() == 2);
  for (size_t i = 0; i < 2; ++i) REQUIRE(SameMeaning(a[i], b[i]));
  Remove(&a, "A");
  REQUIRE(a.size() == 1);
  REQUIRE(Find(a, "A") == nullptr);
  REQUIRE(ReasonOf(a, "A").empty());
}

TEST_CASE("conditions: a message is never longer than the schema allows", "[operator][resource]") {
  std::string message;
  for (int i = 0; i < 2000; ++i) message += "ü";
  Conditions conditions;
  Set(&conditions, {"Ready", Truth::kFalse, "R", message}, kStart);
  nlohmann::json written = WriteFields(conditions[0]);
  REQUIRE(ReadFields<Condition>(written, "c").ok());
}

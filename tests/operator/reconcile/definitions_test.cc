// Goal: fields that an older API server drops are found and told, nothing is removed then, and what
// cannot be asked changes nothing.
// Method: the document that the API server publishes, made of our own definitions, with some of it
// cut out.
#include "operator/reconcile/definitions.h"

#include <catch2/catch.hpp>

#include "operator/reconcile/carry_out.h"
#include "tests/operator/reconcile/bench.h"

namespace pannier::test {
namespace {

using namespace pannier::control;

constexpr const char* kPath = "/openapi/v3/apis/pannier.dev/v1alpha1";

Json Published() {
  Json schemas = Json::object();
  for (const Kind* kind : Kinds()) {
    const Json made = Json::parse(CustomResourceDefinition(*kind).dump());
    schemas["dev.pannier.v1alpha1." + std::string(kind->name)] =
        made["spec"]["versions"][0]["schema"]["openAPIV3Schema"];
  }
  return {{"components", {{"schemas", std::move(schemas)}}}};
}

Json& PropertiesOf(Json& document, const std::string& kind, const char* part) {
  return document["components"]["schemas"]["dev.pannier.v1alpha1." + kind]["properties"][part]
                 ["properties"];
}

TEST_CASE("definitions: what is as new as the operator lacks nothing", "[operator][reconcile]") {
  Bench bench;
  bench.api.SetPath(kPath, Published());
  REQUIRE(bench.context.definitions.Look(bench.api) == Definitions::Found::kComplete);
  REQUIRE(bench.context.definitions.AreComplete());
  Conditions conditions;
  Set(&conditions, {"Ready", Truth::kTrue, "AsWanted", ""}, bench.clock.Now());
  bench.context.definitions.Mark("vectorstores", 1, bench.clock.Now(), &conditions);
  REQUIRE(conditions.size() == 1);
}

TEST_CASE("definitions: fields that are dropped are named, until they are known",
          "[operator][reconcile]") {
  Bench bench;
  Json old = Published();
  PropertiesOf(old, "StoreSnapshot", "spec").erase("hold");
  PropertiesOf(old, "VectorStore", "spec")["recovery"]["properties"].erase("mode");
  PropertiesOf(old, "VectorStore", "status")["unhealthyStores"]["items"]["properties"].erase(
      "since");
  bench.api.SetPath(kPath, old);
  Definitions& definitions = bench.context.definitions;
  REQUIRE(definitions.Look(bench.api) == Definitions::Found::kOutdated);
  REQUIRE_FALSE(definitions.AreComplete());
  Conditions conditions;
  definitions.Mark("vectorstores", 1, bench.clock.Now(), &conditions);
  REQUIRE(conditions.empty());  // of what is not long-lived
  Set(&conditions, {"Ready", Truth::kTrue, "AsWanted", ""}, bench.clock.Now());
  definitions.Mark("storesnapshotschedules", 1, bench.clock.Now(), &conditions);
  REQUIRE(conditions.size() == 1);  // this kind lacks nothing
  definitions.Mark("vectorstores", 1, bench.clock.Now(), &conditions);
  const Condition* told = Find(conditions, "DefinitionCurrent");
  REQUIRE(told->reason == "DefinitionOutdated");
  REQUIRE(told->message.find("spec.recovery.mode") != std::string::npos);
  REQUIRE(told->message.find("status.unhealthyStores[].since") != std::string::npos);
  SECTION("nothing is removed meanwhile") {
    bench.Create(kSnapshots, "one", Json::object());
    const Json tree = bench.Get(kSnapshots, "one");
    const Pass pass{kSchedules, {{"metadata", {{"namespace", "team"}, {"name", "nightly"}}}}};
    const ObjectRef object{"storesnapshots", "one", tree["metadata"]["uid"], "", "old"};
    REQUIRE(Steps(bench.context, pass).Remove(object).ok());
    REQUIRE(bench.Has(kSnapshots, "one"));
    REQUIRE(bench.events == std::vector<std::string>{"!NotRemoved"});
  }
  SECTION("an API server that does not say changes nothing") {
    bench.api.SetPath(kPath, Json::object());
    REQUIRE(definitions.Look(bench.api) == Definitions::Found::kUnknown);
    REQUIRE_FALSE(definitions.AreComplete());
  }
  SECTION("once they are there the condition goes") {
    bench.api.SetPath(kPath, Published());
    REQUIRE(definitions.Look(bench.api) == Definitions::Found::kComplete);
    definitions.Mark("vectorstores", 1, bench.clock.Now(), &conditions);
    REQUIRE(conditions.size() == 1);
  }
}

}  // namespace
}  // namespace pannier::test

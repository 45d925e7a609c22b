// Goal: the real API server takes our Events, and counts what is said again.
#include "operator/kube/events.h"

#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>
#include <vector>

#include "tests/e2e/kube/cluster.h"
#include "tests/operator/kube/api_suite.h"

namespace pannier::kube {
namespace {

using Json = nlohmann::json;

TEST_CASE("events: the API server stores them, once and counted", "[e2e][kube]") {
  const auto api = test::SharedCluster().Connect();
  const std::string ns = test::SharedCluster().NewNamespace();
  const Json widget = api->Create(test::kWidgets, test::Widget(ns, "w")).value();
  EventRecorder recorder(*api, SystemClock(), {}, {});
  const Regarding about = RegardingOf(test::kWidgets, {ns, "w"}, TextAt(widget, "/metadata/uid"));
  for (int i = 0; i < 3; ++i) {
    recorder.Say(about, EventRecorder::Type::kWarning, "RestoreFailed", "Restoring", "it is gone");
  }
  recorder.Say(about, EventRecorder::Type::kNormal, "Restored", "Restoring", "it is back");
  while (recorder.SendOne()) continue;
  std::vector<Json> events;
  REQUIRE(api->List(kEvents, {ns, "", 500, ""}, [&](Json& item) { events.push_back(item); }).ok());
  REQUIRE(events.size() == 2);
  const Json& counted = events[0]["reason"] == "RestoreFailed" ? events[0] : events[1];
  REQUIRE(counted["series"]["count"] == 3);
  REQUIRE(counted["note"] == "it is gone");
}

}  // namespace
}  // namespace pannier::kube

// Goal: one Event per thing done; the same again counts up; nothing is queued or remembered without
// limit, and nothing fails because telling did.
#include "operator/kube/events.h"

#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>

#include "tests/operator/kube/api_suite.h"
#include "tests/support/fake_clock.h"
#include "tests/support/fake_kube_api.h"

namespace pannier::kube {
namespace {

using Json = nlohmann::json;
using Type = EventRecorder::Type;

struct Fixture {
  test::FakeClock clock;
  test::FakeKubeApi api{clock};
  metrics::Registry registry;
  EventRecorder recorder{api,
                         clock,
                         {.instance = "pod-1", .queued_max = 50, .series_max = 3},
                         RuntimeMetrics(registry)};

  void Say(const std::string& note, const std::string& object = "w") {
    recorder.Say(RegardingOf(test::kWidgets, {"ns", object}, "uid-" + object), Type::kWarning,
                 "RestoreFailed", "Restoring", note);
  }
  int SendAll() {
    int count = 0;
    while (recorder.SendOne()) ++count;
    return count;
  }
  std::vector<Json> Events() {
    std::vector<Json> events;
    REQUIRE(api.List(kEvents, {"", "", 0, ""}, [&](Json& item) { events.push_back(item); }).ok());
    return events;
  }
  bool Counted(const std::string& result, int count) {
    return registry.Render().find("pannier_operator_events_total{result=\"" + result + "\"} " +
                                  std::to_string(count) + "\n") != std::string::npos;
  }
};

TEST_CASE("events: an event names the object, the reason and who says it", "[operator][kube]") {
  Fixture fixture;
  fixture.Say("the snapshot is gone");
  REQUIRE(fixture.SendAll() == 1);
  const Json event = fixture.Events().at(0);
  REQUIRE(TextAt(event, "/metadata/namespace") == "ns");
  REQUIRE(TextAt(event, "/metadata/name").starts_with("w."));
  REQUIRE(event["regarding"] == Json{{"apiVersion", "test.pannier.dev/v1"},
                                     {"kind", "Widget"},
                                     {"namespace", "ns"},
                                     {"name", "w"},
                                     {"uid", "uid-w"}});
  REQUIRE(event["reason"] == "RestoreFailed");
  REQUIRE(event["action"] == "Restoring");
  REQUIRE(event["type"] == "Warning");
  REQUIRE(event["note"] == "the snapshot is gone");
  REQUIRE(event["reportingController"] == "pannier.dev/operator");
  REQUIRE(event["reportingInstance"] == "pod-1");
  REQUIRE(!event.contains("series"));
}

TEST_CASE("events: the same again counts up, another note is another event", "[operator][kube]") {
  Fixture fixture;
  for (int i = 0; i < 4; ++i) fixture.Say("a");
  fixture.Say("b");
  fixture.SendAll();
  const auto events = fixture.Events();
  REQUIRE(events.size() == 2);
  const Json& series = events[0]["note"] == "a" ? events[0] : events[1];
  REQUIRE(series["series"]["count"] == 4);
  // After a while it is news again.
  fixture.clock.Advance(std::chrono::minutes(11));
  fixture.Say("a");
  fixture.SendAll();
  REQUIRE(fixture.Events().size() == 3);
}

TEST_CASE("events: one that the API has forgotten is told anew", "[operator][kube]") {
  Fixture fixture;
  fixture.Say("a");
  fixture.SendAll();
  const std::string name = TextAt(fixture.Events().at(0), "/metadata/name");
  REQUIRE(fixture.api.Delete(kEvents, {"ns", name}, {}).ok());
  fixture.Say("a");
  fixture.SendAll();
  REQUIRE(fixture.Events().size() == 1);
}

TEST_CASE("events: an object has a budget, the queue a length", "[operator][kube]") {
  Fixture fixture;
  for (int i = 0; i < 40; ++i) fixture.Say(std::to_string(i));
  REQUIRE(fixture.SendAll() == 25);
  REQUIRE(fixture.Counted("dropped", 15));
  fixture.clock.Advance(std::chrono::seconds(301));
  fixture.Say("later");
  fixture.Say("too much");
  REQUIRE(fixture.SendAll() == 1);
  for (int i = 0; i < 60; ++i) fixture.Say("x", std::to_string(i));
  REQUIRE(fixture.SendAll() == 50);
}

TEST_CASE("events: a long note is cut between characters", "[operator][kube]") {
  Fixture fixture;
  std::string note(1'023, 'n');
  note += "ß and more";
  fixture.Say(note);
  fixture.SendAll();
  REQUIRE(fixture.Events().at(0)["note"] == std::string(1'023, 'n'));
}

TEST_CASE("events: one that cannot be sent is counted and forgotten", "[operator][kube]") {
  Fixture fixture;
  fixture.api.SetBefore([](std::string_view, const Resource&, const ObjectKey&) -> Status {
    return Unavailable("no connection");
  });
  fixture.Say("a");
  REQUIRE(fixture.SendAll() == 1);
  REQUIRE(fixture.Counted("failed", 1));
  REQUIRE(fixture.Counted("sent", 0));
}

TEST_CASE("events: its thread sends what is said, and the rest when it is stopped",
          "[operator][kube]") {
  test::FakeKubeApi api(SystemClock());
  EventRecorder recorder(api, SystemClock(), {}, {});
  recorder.Start();
  for (int i = 0; i < 10; ++i) {
    recorder.Say(RegardingOf(kNamespaces, {"", "n"}, "u"), Type::kNormal, "Done", "Doing",
                 std::to_string(i));
  }
  recorder.Stop();
  REQUIRE(api.writes() == 10);
}

}  // namespace
}  // namespace pannier::kube

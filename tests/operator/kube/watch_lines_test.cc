// Goal: the same events come out however the bytes are cut; memory stays bounded; refusals inside a
// watch are errors.
#include "operator/kube/watch_lines.h"

#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>
#include <vector>

#include "tests/support/torture.h"

namespace pannier::kube {
namespace {

struct Names final : WatchSink {
  void OnOpen() override {}
  void OnEvent(Type type, nlohmann::json& object) override {
    seen.push_back(std::to_string(static_cast<int>(type)) + TextAt(object, "/metadata/name"));
  }
  std::vector<std::string> seen;
};

std::string Line(const std::string& type, const std::string& name, size_t padding = 0) {
  const nlohmann::json event = {
      {"type", type},
      {"object", {{"metadata", {{"name", name}}}, {"pad", std::string(padding, 'p')}}}};
  return event.dump() + "\n";
}

TEST_CASE("watch lines: events do not depend on how the bytes come", "[operator][kube]") {
  CAPTURE(test::Seed());
  test::Random random(test::Seed());
  std::string stream;
  std::vector<std::string> expected;
  const char* const kTypes[] = {"ADDED", "MODIFIED", "DELETED", "BOOKMARK"};
  for (int i = 0; i < 50; ++i) {
    const size_t type = random.Below(4);
    stream += Line(kTypes[type], "n" + std::to_string(i), random.Below(300));
    expected.push_back(std::to_string(type) + "n" + std::to_string(i));
  }
  for (int round = 0; round < 50; ++round) {
    Names names;
    WatchLines lines(names, 1'000, "watch");
    std::string_view rest = stream;
    while (!rest.empty()) {
      const size_t size = std::min<size_t>(rest.size(), 1 + random.Below(700));
      REQUIRE(lines.Take(rest.substr(0, size)));
      rest.remove_prefix(size);
    }
    REQUIRE(names.seen == expected);
  }
}

TEST_CASE("watch lines: a line of 2 MB is an event, one beyond the bound is not",
          "[operator][kube]") {
  Names names;
  WatchLines lines(names, 4 << 20, "watch");
  REQUIRE(lines.Take(Line("ADDED", "large", 2 << 20)));
  REQUIRE(names.seen.size() == 1);
  REQUIRE(!lines.Take(Line("ADDED", "larger", 5 << 20)));
  REQUIRE(lines.status().Is(Errc::kResourceExhausted));
  REQUIRE(!lines.Take(Line("ADDED", "after")));
  REQUIRE(names.seen.size() == 1);
}

TEST_CASE("watch lines: an ERROR event is the API's refusal", "[operator][kube]") {
  Names names;
  WatchLines lines(names, 1'000, "watch widgets");
  REQUIRE(
      !lines.Take("{\"type\":\"ERROR\",\"object\":{\"kind\":\"Status\",\"code\":410,"
                  "\"message\":\"too old resource version\"}}\n"));
  REQUIRE(lines.status().Is(Errc::kConflict));
  REQUIRE(lines.status().error().what == "watch widgets: too old resource version");
}

TEST_CASE("watch lines: what is no event ends the watch", "[operator][kube]") {
  for (const char* line : {"no json\n", "[]\n", "{}\n", "{\"type\":\"ODD\",\"object\":{}}\n",
                           "{\"type\":\"ADDED\"}\n"}) {
    CAPTURE(line);
    Names names;
    WatchLines lines(names, 1'000, "watch");
    REQUIRE(!lines.Take(line));
    REQUIRE(lines.status().Is(Errc::kInternal));
  }
}

}  // namespace
}  // namespace pannier::kube

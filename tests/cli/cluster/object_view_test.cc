// Goal: objects of whatever shape are read without harm.
#include "cli/cluster/object_view.h"

#include <catch2/catch.hpp>

#include "lib/core/time_text.h"
#include "tests/cli/cluster/world.h"

namespace pannier::cluster {
namespace {

using nlohmann::json;

TEST_CASE("object view: what is missing or odd is empty", "[cli][cluster]") {
  for (const json& object :
       {json(), json(3), json("x"), json::object(), json::array(), json{{"status", nullptr}},
        json{{"status", {{"conditions", 3}}}}, json{{"status", {{"conditions", {1, nullptr}}}}}}) {
    CAPTURE(object.dump());
    REQUIRE(ConditionOf(object, "Ready").status.empty());
    REQUIRE_FALSE(NumberAt(object, "/status/stores/total"));
    REQUIRE(AgeAt(object, "/metadata/creationTimestamp", WallTime{}) == "-");
  }
}

TEST_CASE("object view: ages are short and never negative", "[cli][cluster]") {
  const json object = {{"t", "2026-01-01T00:00:00Z"}};
  const WallTime then = *ParseTime("2026-01-01T00:00:00Z");
  const std::pair<int64_t, const char*> ages[] = {{-50, "0s"},      {0, "0s"},       {119, "119s"},
                                                  {120, "2m"},      {7'199, "119m"}, {7'200, "2h"},
                                                  {172'799, "47h"}, {172'800, "2d"}};
  for (const auto& [seconds, text] : ages) {
    REQUIRE(AgeAt(object, "/t", then + std::chrono::seconds(seconds)) == text);
  }
}

TEST_CASE("object view: all pages are read, in order of their names", "[cli][cluster]") {
  World world;
  for (int i = 0; i < 1'200; ++i) world.Put(kPolicies, "p" + std::to_string(i), json::object());
  const auto all = ListAll(world.api, kPolicies, "team");
  REQUIRE(all.ok());
  REQUIRE(all->size() == 1'200);
  REQUIRE(kube::TextAt(all->front(), "/metadata/name") == "p0");
  REQUIRE(kube::TextAt(all->back(), "/metadata/name") == "p999");
}

TEST_CASE("object view: a cluster without our kinds gets a hint to install them",
          "[cli][cluster]") {
  World world;
  world.api.SetBefore([](std::string_view, const kube::Resource&, const kube::ObjectKey&) {
    return Status(NotFound("the server could not find the requested resource"));
  });
  const auto all = ListAll(world.api, kVectorStores, "");
  REQUIRE(all.Is(Errc::kNotFound));
  REQUIRE(all.error().hint.find("charts/pannier") != std::string::npos);
}

}  // namespace
}  // namespace pannier::cluster

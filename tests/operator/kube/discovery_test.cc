// Goal: which kinds are served is read right, and an API that cannot say is not one that lacks
// them.
#include "operator/kube/discovery.h"

#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>

#include "tests/operator/kube/api_suite.h"
#include "tests/support/fake_clock.h"
#include "tests/support/fake_kube_api.h"

namespace pannier::kube {
namespace {

using Json = nlohmann::json;

TEST_CASE("discovery: versions, scopes and status of a group's kinds", "[operator][kube]") {
  test::FakeClock clock;
  test::FakeKubeApi api(clock);
  const std::string base = "/apis/test.pannier.dev";
  api.SetPath(base, {{"versions", {{{"version", "v1"}}, {{"version", "v2"}}}}});
  api.SetPath(base + "/v1",
              {{"resources",
                {{{"name", "widgets"}, {"kind", "Widget"}, {"namespaced", true}},
                 {{"name", "widgets/status"}, {"kind", "Widget"}, {"namespaced", true}}}}});
  api.SetPath(base + "/v2",
              {{"resources", {{{"name", "globes"}, {"kind", "Globe"}, {"namespaced", false}}}}});
  const auto kinds = Discover(api, "test.pannier.dev").value();
  REQUIRE(kinds.size() == 2);
  REQUIRE(kinds[0].has_status);
  REQUIRE(kinds[0].namespaced);
  REQUIRE(kinds[1].version == "v2");
  REQUIRE(!kinds[1].has_status);
  REQUIRE(!kinds[1].namespaced);
  const Resource wanted[] = {test::kWidgets};
  REQUIRE(CheckServed(api, wanted).ok());
  api.SetPath(base + "/v1", {{"resources", Json::array()}});
  REQUIRE(CheckServed(api, wanted).Is(Errc::kNotFound));
  api.SetBefore([](std::string_view, const Resource&, const ObjectKey&) -> Status {
    return Unavailable("no connection");
  });
  REQUIRE(CheckServed(api, wanted).Is(Errc::kUnavailable));
}

}  // namespace
}  // namespace pannier::kube

// Goal: a process that does not lead reads, but writes nothing.
#include "operator/kube/guarded_api.h"

#include <catch2/catch.hpp>

#include "tests/operator/kube/api_suite.h"
#include "tests/support/fake_clock.h"
#include "tests/support/fake_kube_api.h"

namespace pannier::kube {
namespace {

using test::kWidgets;
using test::Widget;

TEST_CASE("guarded api: leads, and does what the API does", "[operator][kube]") {
  test::FakeClock clock;
  test::FakeKubeApi api(clock);
  GuardedApi guarded(api, [] { return true; });
  SECTION("reads and writes") { test::TestReadsAndWrites(guarded, "a"); }
  SECTION("apply and status") { test::TestApplyAndStatus(guarded, "a"); }
  SECTION("pages") { test::TestPagesAndSelectors(guarded, "a"); }
  SECTION("watch") { test::TestWatch(guarded, "a"); }
}

TEST_CASE("guarded api: does not lead, and sends no write", "[operator][kube]") {
  test::FakeClock clock;
  test::FakeKubeApi api(clock);
  const nlohmann::json made = api.Create(kWidgets, Widget("a", "w")).value();
  const int64_t before = api.writes();
  GuardedApi guarded(api, [] { return false; });
  const ObjectKey key{"a", "w"};
  REQUIRE(guarded.Create(kWidgets, Widget("a", "x")).Is(Errc::kUnavailable));
  REQUIRE(guarded.Update(kWidgets, made).Is(Errc::kUnavailable));
  REQUIRE(guarded.Delete(kWidgets, key, {}).Is(Errc::kUnavailable));
  REQUIRE(guarded.PatchJson(kWidgets, key, nlohmann::json::array()).Is(Errc::kUnavailable));
  REQUIRE(guarded.Apply(kWidgets, key, made, true).Is(Errc::kUnavailable));
  REQUIRE(guarded.PatchStatus(kWidgets, key, "", {{"a", 1}}).Is(Errc::kUnavailable));
  REQUIRE(api.writes() == before);
  REQUIRE(guarded.Get(kWidgets, key).ok());
}

}  // namespace
}  // namespace pannier::kube

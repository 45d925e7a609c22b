// Goal: the fake API behaves as the real one does (tests/e2e/kube runs the same suite there).
#include "operator/kube/api.h"

#include <catch2/catch.hpp>

#include "tests/operator/kube/api_suite.h"
#include "tests/support/fake_clock.h"
#include "tests/support/fake_kube_api.h"

namespace pannier::kube {
namespace {

TEST_CASE("fake api: does what the API server does", "[operator][kube][fake]") {
  test::FakeClock clock;
  test::FakeKubeApi api(clock);
  SECTION("reads and writes") { test::TestReadsAndWrites(api, "a"); }
  SECTION("preconditions") { test::TestPreconditions(api, "a"); }
  SECTION("finalizers") { test::TestFinalizers(api, "a"); }
  SECTION("apply and status") { test::TestApplyAndStatus(api, "a"); }
  SECTION("pages and selectors") { test::TestPagesAndSelectors(api, "a"); }
  SECTION("watch") { test::TestWatch(api, "a"); }
}

}  // namespace
}  // namespace pannier::kube

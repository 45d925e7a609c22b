// Goal: pauses grow, stay within their bounds, differ, and begin anew after a calm spell.
#include "operator/kube/backoff.h"

#include <catch2/catch.hpp>
#include <set>

namespace pannier::kube {
namespace {

using std::chrono::milliseconds;

TEST_CASE("backoff: steps double up to the maximum and are jittered by half", "[operator][kube]") {
  Backoff backoff({milliseconds(800), milliseconds(30'000), milliseconds(120'000)}, 1);
  SteadyTime now{};
  std::set<int64_t> pauses;
  for (int i = 0; i < 100; ++i) {
    const auto pause = backoff.Next(now);
    const auto step = milliseconds(i < 6 ? 800 << i : 30'000);
    REQUIRE(pause >= step / 2);
    REQUIRE(pause <= step);
    pauses.insert(pause.count());
    now += pause;
  }
  REQUIRE(pauses.size() > 90);
}

TEST_CASE("backoff: a calm spell makes the next failure the first", "[operator][kube]") {
  Backoff backoff({milliseconds(800), milliseconds(30'000), milliseconds(120'000)}, 1);
  SteadyTime now{};
  for (int i = 0; i < 10; ++i) now += backoff.Next(now);
  SteadyTime soon = now + milliseconds(119'000);
  REQUIRE(backoff.Next(soon) >= milliseconds(15'000));
  soon += milliseconds(30'000 + 120'000);
  REQUIRE(backoff.Next(soon) <= milliseconds(800));
  backoff.Next(soon);
  backoff.Reset();
  REQUIRE(backoff.Next(soon) <= milliseconds(800));
}

}  // namespace
}  // namespace pannier::kube

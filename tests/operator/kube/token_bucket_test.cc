// Goal: never more calls than the rate and one burst allow, whatever the pattern of callers.
#include "operator/kube/token_bucket.h"

#include <catch2/catch.hpp>

#include "tests/support/torture.h"

namespace pannier::kube {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

TEST_CASE("token bucket: a burst at once, then one by one in order", "[operator][kube]") {
  TokenBucket bucket(10, 3);
  const SteadyTime now{seconds(100)};
  for (int i = 0; i < 3; ++i) REQUIRE(bucket.Take(now, seconds(9)).count() == 0);
  for (int i = 1; i <= 5; ++i) {
    const auto wait = bucket.Take(now, seconds(9));
    REQUIRE(wait > milliseconds(100 * i - 1));
    REQUIRE(wait < milliseconds(100 * i + 1));
  }
  REQUIRE(bucket.Take(now, milliseconds(300)).count() < 0);  // and takes none
  REQUIRE(bucket.Take(now + seconds(10), seconds(1)).count() == 0);
}

TEST_CASE("token bucket: nobody goes while the server asks to wait", "[operator][kube]") {
  TokenBucket bucket(1'000, 10);
  const SteadyTime now{seconds(100)};
  bucket.HoldUntil(now + seconds(2));
  bucket.HoldUntil(now + seconds(1));  // the later one counts
  REQUIRE(bucket.Take(now, seconds(9)) == seconds(2));
  REQUIRE(bucket.Take(now, seconds(1)).count() < 0);
  REQUIRE(bucket.Take(now + seconds(2), seconds(9)).count() == 0);
}

TEST_CASE("token bucket: random callers never exceed rate and burst", "[operator][kube]") {
  CAPTURE(test::Seed());
  test::Random random(test::Seed());
  TokenBucket bucket(50, 20);
  const SteadyTime began{seconds(100)};
  SteadyTime now = began;
  std::vector<SteadyTime> uses;
  for (int i = 0; i < 2'000; ++i) {
    now += milliseconds(random.Below(40));
    const auto wait = bucket.Take(now, seconds(5));
    if (wait.count() >= 0) uses.push_back(now + wait);
  }
  for (size_t i = 0; i + 71 <= uses.size(); ++i) {
    // Any 71 uses span at least a second: 20 at once and 50 in it.
    REQUIRE(uses[i + 70] - uses[i] >= milliseconds(999));
  }
}

}  // namespace
}  // namespace pannier::kube

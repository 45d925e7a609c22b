// Goal: the API server refuses any other number of digits, so there are always six.
#include "operator/kube/micro_time.h"

#include <catch2/catch.hpp>

namespace pannier::kube {
namespace {

TEST_CASE("micro time: always six digits", "[operator][kube]") {
  const WallTime whole{std::chrono::seconds(1'735'689'600)};
  REQUIRE(MicroTime(whole) == "2025-01-01T00:00:00.000000Z");
  REQUIRE(MicroTime(whole + std::chrono::milliseconds(120)) == "2025-01-01T00:00:00.120000Z");
  REQUIRE(MicroTime(whole + std::chrono::nanoseconds(999'999'999)) ==
          "2025-01-01T00:00:00.999999Z");
}

}  // namespace
}  // namespace pannier::kube

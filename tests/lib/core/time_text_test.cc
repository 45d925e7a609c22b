// Goal: times come back from their text exactly, and nothing else is taken for one.
#include "lib/core/time_text.h"

#include <catch2/catch.hpp>

#include "tests/support/torture.h"

using namespace pannier;

TEST_CASE("time: the text says it exactly in as few digits as it takes", "[core]") {
  const WallTime base(std::chrono::seconds(1'738'324'800));
  REQUIRE(FormatTime(base) == "2025-01-31T12:00:00Z");
  REQUIRE(FormatTime(base + std::chrono::milliseconds(20)) == "2025-01-31T12:00:00.020Z");
  REQUIRE(FormatTime(base + std::chrono::microseconds(7)) == "2025-01-31T12:00:00.000007Z");
  REQUIRE(FormatTime(base + std::chrono::nanoseconds(1)) == "2025-01-31T12:00:00.000000001Z");
  REQUIRE(FormatTime(WallTime()) == "1970-01-01T00:00:00Z");
}

TEST_CASE("time: any moment comes back from its text", "[core]") {
  CAPTURE(test::Seed());
  test::Random random(test::Seed());
  for (int i = 0; i < 10'000; ++i) {
    const WallTime time(std::chrono::nanoseconds(random.Below(9'200'000'000'000'000'000u)));
    REQUIRE(ParseTime(FormatTime(time)) == time);
  }
}

TEST_CASE("time: offsets and shorter fractions are understood", "[core]") {
  const WallTime base(std::chrono::seconds(1'738'324'800));
  REQUIRE(ParseTime("2025-01-31T14:00:00+02:00") == base);
  REQUIRE(ParseTime("2025-01-31T03:30:00.5-08:30") == base + std::chrono::milliseconds(500));
}

TEST_CASE("time: what is no time is refused", "[core]") {
  for (const char* text :
       {"", "2025", "2025-01-31", "2025-02-30T00:00:00Z", "2025-01-31T24:00:00Z",
        "2025-01-31T12:00:00", "2025-01-31T12:00:00.Z", "2025-01-31T12:00:00.1234567890Z",
        "2025-01-31 12:00:00Z", "2025-01-31T12:00:60Z", "2025-01-31T12:00:00Zx",
        "1969-12-31T23:59:59Z", "2262-01-01T00:00:00Z", "-025-01-31T12:00:00Z",
        "2025-01-31T12:00:00+0200"}) {
    CAPTURE(text);
    REQUIRE_FALSE(ParseTime(text).has_value());
  }
}

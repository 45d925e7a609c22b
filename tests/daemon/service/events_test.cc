#include "daemon/service/events.h"

#include <catch2/catch.hpp>

#include "tests/support/fake_clock.h"

namespace pannier::service {
namespace {

TEST_CASE("events: they are numbered, and only the newest are kept", "[daemon][service]") {
  test::FakeClock clock;
  Events events(clock);
  REQUIRE(events.After(0).events.empty());
  REQUIRE(events.After(0).last == 0);
  events.Normal("Begun", "", "it has begun");
  clock.Advance(std::chrono::seconds(1));
  for (size_t i = 0; i < Events::kKept; ++i) events.Warning("Damaged", "t/d", "again", "mend it");
  const Events::Page page = events.After(0);
  REQUIRE(page.last == Events::kKept + 1);
  REQUIRE(page.events.size() == Events::kKept);
  REQUIRE(page.events.front().number == 2);
  REQUIRE(page.events.back().time == clock.Now());
  REQUIRE(page.events.back().action == "mend it");
  REQUIRE(events.After(page.last).events.empty());
  REQUIRE(events.After(page.last - 3).events.size() == 3);
  REQUIRE(events.total(EventType::kNormal) == 1);
  REQUIRE(events.total(EventType::kWarning) == Events::kKept);
}

}  // namespace
}  // namespace pannier::service

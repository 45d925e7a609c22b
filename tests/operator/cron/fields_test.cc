// Goal: each field means what crond's means; a wrong one is told. Method: tables.
#include "operator/cron/fields.h"

#include <catch2/catch.hpp>
#include <string>

using namespace pannier;
using namespace pannier::control;

namespace {

constexpr const char* kWords[] = {"SUN", "MON", "TUE"};
const CronField kMinutes = {"minute", 0, 59, 59, {}};
const CronField kDays = {"day of month", 1, 31, 28, {}};
const CronField kWeekdays = {"day of week", 0, 7, 6, kWords};

std::string Values(const CronField& field, const char* text, uint64_t hash = 0) {
  const auto bits = ParseCronField(field, text, hash);
  if (!bits.ok()) return bits.error().what;
  std::string list;
  for (size_t i = 0; i < 60; ++i) {
    if (bits->test(i)) list += (list.empty() ? "" : " ") + std::to_string(i);
  }
  return list;
}

}  // namespace

TEST_CASE("cron fields: values, ranges, lists, steps, words", "[operator][cron]") {
  REQUIRE(Values(kMinutes, "5") == "5");
  REQUIRE(Values(kMinutes, "5,7-9") == "5 7 8 9");
  REQUIRE(Values(kMinutes, "*/20") == "0 20 40");
  REQUIRE(Values(kMinutes, "10-30/10,59") == "10 20 30 59");
  REQUIRE(Values(kMinutes, "50/5") == "50 55");
  REQUIRE(Values(kWeekdays, "mon-TUE,7") == "1 2 7");
  REQUIRE(ParseCronField(kDays, "*", 0)->count() == 31);
  REQUIRE(ParseCronField(kDays, "?", 0)->count() == 31);
}

TEST_CASE("cron fields: H is one value by the hash, with a step one of each", "[operator][cron]") {
  REQUIRE(Values(kMinutes, "H", 61) == "1");
  REQUIRE(Values(kMinutes, "H/15", 61) == "1 16 31 46");
  REQUIRE(Values(kMinutes, "H(10-19)", 61) == "11");
  REQUIRE(Values(kMinutes, "H(10-19)/5", 61) == "11 16");
  REQUIRE(Values(kDays, "H", 27) == "28");
  REQUIRE(Values(kDays, "H", 28) == "1");
  REQUIRE(Values(kMinutes, "H(5-9)/50", 8) == "8");
}

TEST_CASE("cron fields: what is wrong is told", "[operator][cron]") {
  REQUIRE(Values(kMinutes, "60") == "minute 60: is not within 0-59");
  REQUIRE(Values(kDays, "0") == "day of month 0: is not within 1-31");
  REQUIRE(Values(kMinutes, "5-1") == "minute 5-1: ends before it begins");
  REQUIRE(Values(kMinutes, "*/0") == "minute */0: has a step that is 0 or too long");
  REQUIRE(Values(kMinutes, "*/61") == "minute */61: has a step that is 0 or too long");
  for (const char* text : {"", ",", "1,", "x", "1-", "-1", "*5", "H5", "H(", "H()", "H(5-1)", "1/",
                           "1-2-3", "99999999999", "1 2", "H(5", "H)", "h"}) {
    CAPTURE(text);
    REQUIRE_FALSE(ParseCronField(kMinutes, text, 0).ok());
  }
}

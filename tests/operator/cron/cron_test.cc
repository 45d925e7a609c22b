// Goal: schedules are due when people expect it, also where clocks change: no day without its run,
// none twice. Method: tables around known changes; random schedules in many zones against a walk
// over every minute with the C library's clock.
#include "operator/cron/cron.h"

#include <catch2/catch.hpp>
#include <cstdlib>
#include <ctime>
#include <set>

#include "lib/core/time_text.h"
#include "tests/support/torture.h"

using namespace pannier;
using namespace pannier::control;
using namespace std::chrono_literals;

namespace {

WallTime At(const std::string& text) { return ParseTime(text).value(); }

std::string Next(const char* schedule, const char* zone, const char* after, int count = 1) {
  const Cron cron = Cron::Parse(schedule, zone, "seed").value();
  std::string list;
  WallTime time = At(after);
  for (int i = 0; i < count; ++i) {
    const std::optional<WallTime> next = cron.NextDue(time);
    if (!next) return list + "never";
    REQUIRE(cron.LastDue(*next) == next);
    REQUIRE(cron.LastDue(*next + 1s) == next);
    time = *next;
    list += (list.empty() ? "" : " ") + FormatTime(time);
  }
  return list;
}

std::string Blame(const char* schedule, const char* zone = "") {
  const Result<Cron> cron = Cron::Parse(schedule, zone, "seed");
  return cron.ok() ? "" : cron.error().what;
}

}  // namespace

TEST_CASE("cron: five fields and macros in UTC", "[operator][cron]") {
  const char* now = "2025-01-31T12:00:00Z";  // a Friday
  REQUIRE(Next("* * * * *", "", now) == "2025-01-31T12:01:00Z");
  REQUIRE(Next("*/15 * * * *", "UTC", now, 2) == "2025-01-31T12:15:00Z 2025-01-31T12:30:00Z");
  REQUIRE(Next("0 3 * * *", "", now) == "2025-02-01T03:00:00Z");
  REQUIRE(Next("0 12 * * *", "", now) == "2025-02-01T12:00:00Z");
  REQUIRE(Next("@hourly", "", now) == "2025-01-31T13:00:00Z");
  REQUIRE(Next("@daily", "", now) == "2025-02-01T00:00:00Z");
  REQUIRE(Next("@weekly", "", now) == "2025-02-02T00:00:00Z");
  REQUIRE(Next("@monthly", "", now) == "2025-02-01T00:00:00Z");
  REQUIRE(Next("@yearly", "", now) == "2026-01-01T00:00:00Z");
  REQUIRE(Next("0 0 31 * *", "", now, 2) == "2025-03-31T00:00:00Z 2025-05-31T00:00:00Z");
  REQUIRE(Next("0 0 * * MON-WED", "", now, 2) == "2025-02-03T00:00:00Z 2025-02-04T00:00:00Z");
  REQUIRE(Next("0 0 * * 7", "", now) == "2025-02-02T00:00:00Z");
}

TEST_CASE("cron: with a day of month and of week, either will do", "[operator][cron]") {
  REQUIRE(Next("0 0 10 * MON", "", "2025-02-04T00:00:00Z", 3) ==
          "2025-02-10T00:00:00Z 2025-02-17T00:00:00Z 2025-02-24T00:00:00Z");
  REQUIRE(Next("0 0 13 * FRI", "", "2025-02-07T00:00:00Z", 2) ==
          "2025-02-13T00:00:00Z 2025-02-14T00:00:00Z");
}

TEST_CASE("cron: leap days, also over eight years", "[operator][cron]") {
  REQUIRE(Next("0 0 29 2 *", "", "2025-01-01T00:00:00Z", 2) ==
          "2028-02-29T00:00:00Z 2032-02-29T00:00:00Z");
  REQUIRE(Next("0 0 29 2 *", "Europe/Berlin", "2096-03-01T00:00:00Z") == "2104-02-28T23:00:00Z");
}

TEST_CASE("cron: in spring what the missing hour has is due at its end", "[operator][cron]") {
  // 2025-03-30: 02:00 becomes 03:00 (01:00 UTC).
  REQUIRE(Next("30 2 * * *", "Europe/Berlin", "2025-03-29T12:00:00Z", 2) ==
          "2025-03-30T01:00:00Z 2025-03-31T00:30:00Z");
  REQUIRE(Next("0 3 * * *", "Europe/Berlin", "2025-03-29T12:00:00Z") == "2025-03-30T01:00:00Z");
  REQUIRE(Next("0,30 2,3 * * *", "Europe/Berlin", "2025-03-30T00:00:00Z", 3) ==
          "2025-03-30T01:00:00Z 2025-03-30T01:30:00Z 2025-03-31T00:00:00Z");
  REQUIRE(Next("30 * * * *", "Europe/Berlin", "2025-03-30T00:00:00Z", 2) ==
          "2025-03-30T00:30:00Z 2025-03-30T01:30:00Z");
  // A gap at midnight, and one of half an hour.
  REQUIRE(Next("15 0 * * *", "America/Asuncion", "2024-10-05T12:00:00Z") == "2024-10-06T04:00:00Z");
  REQUIRE(Next("15 2 * * *", "Australia/Lord_Howe", "2024-10-05T12:00:00Z") ==
          "2024-10-05T15:30:00Z");
}

TEST_CASE("cron: in autumn the hour that comes twice has its runs once", "[operator][cron]") {
  // 2025-10-26: 03:00 becomes 02:00 (01:00 UTC).
  REQUIRE(Next("30 2 * * *", "Europe/Berlin", "2025-10-25T12:00:00Z", 2) ==
          "2025-10-26T00:30:00Z 2025-10-27T01:30:00Z");
  REQUIRE(Next("30 * * * *", "Europe/Berlin", "2025-10-25T23:45:00Z", 3) ==
          "2025-10-26T00:30:00Z 2025-10-26T01:30:00Z 2025-10-26T02:30:00Z");
  // At midnight, back into the day before.
  REQUIRE(Next("45 23 * * *", "America/Asuncion", "2024-03-23T12:00:00Z", 2) ==
          "2024-03-24T02:45:00Z 2024-03-25T03:45:00Z");
}

TEST_CASE("cron: a day that a country skips is due at its end", "[operator][cron]") {
  // Samoa had no 30 December 2011: midnight of it was midnight of the 31st.
  REQUIRE(Next("0 12 * * *", "Pacific/Apia", "2011-12-29T12:00:00Z", 3) ==
          "2011-12-29T22:00:00Z 2011-12-30T10:00:00Z 2011-12-30T22:00:00Z");
}

TEST_CASE("cron: H follows from the seed", "[operator][cron]") {
  std::set<std::string> times;
  for (int i = 0; i < 100; ++i) {
    const std::string seed = std::to_string(i);
    const Cron cron = Cron::Parse("H H * * *", "", seed).value();
    const auto due = cron.NextDue(At("2025-01-01T00:00:00Z")).value();
    REQUIRE(due == Cron::Parse("H H * * *", "", seed)->NextDue(At("2025-01-01T00:00:00Z")).value());
    times.insert(FormatTime(due));
  }
  REQUIRE(times.size() > 80);
}

TEST_CASE("cron: how many were missed is counted, up to a bound", "[operator][cron]") {
  const Cron cron = Cron::Parse("@hourly", "", "").value();
  const WallTime now = At("2025-01-31T12:00:00Z");
  REQUIRE(cron.CountDue(now, now, 100) == 0);
  REQUIRE(cron.CountDue(now, now + 3h, 100) == 3);
  REQUIRE(cron.CountDue(now, now + 10000h, 100) == 100);
}

TEST_CASE("cron: a wrong schedule is told", "[operator][cron]") {
  REQUIRE(Blame("0 3 * *") == "schedule 0 3 * *: must have five fields");
  REQUIRE(Blame("") == "schedule : must have five fields");
  REQUIRE(Blame("@never") == "schedule @never: must have five fields");
  REQUIRE(Blame("60 3 * * *") == "schedule 60 3 * * *: minute 60: is not within 0-59");
  REQUIRE(Blame("0 0 30 2 *") == "schedule 0 0 30 2 *: no day is ever due");
  REQUIRE(Blame("@daily", "Mars/Base") == "there is no time zone Mars/Base");
  REQUIRE(Blame("@daily", "../etc") == "there is no time zone ../etc");
  REQUIRE_FALSE(Blame(std::string(200, '*').c_str()).empty());
}

namespace {

// Due or not, minute by minute, by what the C library says the clock on the wall shows.
class Walk {
 public:
  Walk(const std::set<int>& minutes, const std::set<int>& hours, const char* zone)
      : minutes_(minutes), hours_(hours) {
    ::setenv("TZ", zone, 1);
    ::tzset();
  }
  // All due within (from, to].
  std::vector<WallTime> Due(WallTime from, WallTime to) const {
    std::vector<WallTime> due;
    std::set<long> seen;  // local minutes
    const bool every_hour = hours_.size() == 24;
    long before = Local(from - 27h);
    for (WallTime time = from - 27h + 1min; time <= to; time += 1min) {
      const long local = Local(time);
      bool is_due = IsMatch(local) && (every_hour || seen.count(local) == 0);
      for (long skipped = before + 1; skipped < local && !every_hour; ++skipped) {
        is_due = is_due || IsMatch(skipped);
      }
      seen.insert(local);
      before = local;
      if (is_due && time > from) due.push_back(time);
    }
    return due;
  }

 private:
  bool IsMatch(long local) const {
    return minutes_.count(static_cast<int>(local % 60)) == 1 &&
           hours_.count(static_cast<int>(local / 60 % 24)) == 1;
  }
  // Minutes of the wall's clock.
  static long Local(WallTime time) {
    const std::time_t seconds =
        std::chrono::floor<std::chrono::seconds>(time).time_since_epoch().count();
    std::tm parts{};
    ::localtime_r(&seconds, &parts);
    return ::timegm(&parts) / 60;
  }
  const std::set<int> minutes_, hours_;
};

std::string List(const std::set<int>& values) {
  std::string text;
  for (const int value : values) text += (text.empty() ? "" : ",") + std::to_string(value);
  return text;
}

}  // namespace

TEST_CASE("cron: random schedules agree with a walk over every minute", "[operator][cron]") {
  CAPTURE(test::Seed());
  test::Random random(test::Seed());
  static const std::pair<const char*, const char*> kChanges[] = {
      {"Europe/Berlin", "2025-03-30T01:00:00Z"},
      {"Europe/Berlin", "2025-10-26T01:00:00Z"},
      {"America/New_York", "2025-03-09T07:00:00Z"},
      {"America/New_York", "2025-11-02T06:00:00Z"},
      {"Australia/Lord_Howe", "2024-10-05T15:30:00Z"},
      {"Australia/Lord_Howe", "2025-04-05T15:00:00Z"},
      {"America/Asuncion", "2024-03-24T03:00:00Z"},
      {"America/Asuncion", "2024-10-06T04:00:00Z"},
      {"Pacific/Apia", "2011-12-30T10:00:00Z"},
      {"Asia/Kathmandu", "2025-06-01T00:00:00Z"},
      {"America/St_Johns", "2006-10-29T02:31:00Z"},
      {"UTC", "2025-02-28T23:59:00Z"}};
  for (int round = 0; round < test::Rounds(60); ++round) {
    const auto& [zone, change] = random.Of(kChanges);
    std::set<int> minutes, hours;
    for (uint64_t i = 0; i <= random.Below(4); ++i)
      minutes.insert(static_cast<int>(random.Below(60)));
    for (uint64_t i = 0; i <= random.Below(5); ++i)
      hours.insert(static_cast<int>(random.Below(24)));
    if (random.OneIn(4)) {
      for (int i = 0; i < 24; ++i) hours.insert(i);
    }
    const std::string schedule = List(minutes) + " " + List(hours) + " * * *";
    CAPTURE(round, zone, change, schedule);
    const WallTime from = At(change) - std::chrono::minutes(random.Below(2 * 24 * 60));
    const std::vector<WallTime> wanted = Walk(minutes, hours, zone).Due(from, from + 72h);
    const Cron cron = Cron::Parse(schedule, zone, "").value();
    std::vector<WallTime> got;
    for (auto due = cron.NextDue(from); due && *due <= from + 72h; due = cron.NextDue(*due)) {
      got.push_back(*due);
    }
    REQUIRE(got == wanted);
    for (size_t i = 1; i < wanted.size(); ++i)
      REQUIRE(cron.LastDue(wanted[i] - 1s) == wanted[i - 1]);
  }
  ::unsetenv("TZ");
  ::tzset();
}

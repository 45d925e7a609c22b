// Goal: a schedule keeps what its rules say and never the last good one less.
// Method: tables for each rule; random items and rules against an oracle that says of one item
// alone whether the rules keep it, with the C library's calendar instead of std::chrono's.
#include "lib/repository/retention.h"

#include <catch2/catch.hpp>
#include <ctime>
#include <set>
#include <string>

#include "lib/core/time_text.h"
#include "tests/support/torture.h"

using namespace pannier;
using namespace pannier::repository;
using namespace std::chrono_literals;

namespace {

WallTime At(const char* text) { return *ParseTime(text); }

std::string Kept(const std::vector<std::string>& times, const RetentionRules& rules,
                 const char* now = "2025-03-31T12:00:00Z") {
  std::vector<RetentionItem> items;
  for (const std::string& time : times) items.push_back({At(time.c_str()), false, false, false});
  std::string kept;
  for (const bool keep : PlanRetention(items, rules, At(now))) kept += keep ? 'k' : '-';
  return kept;
}

// "2025-03-31 12", "2025-03-31", "2025-14", "2025-03": by strftime.
std::string SpanOf(WallTime time, const char* format) {
  const std::time_t seconds = static_cast<std::time_t>(
      std::chrono::floor<std::chrono::seconds>(time).time_since_epoch().count());
  std::tm parts{};
  ::gmtime_r(&seconds, &parts);
  char text[32];
  return std::string(text, std::strftime(text, sizeof text, format, &parts));
}

bool IsNewer(const RetentionItem& a, size_t a_at, const RetentionItem& b, size_t b_at) {
  if (a.time != b.time) return a.time > b.time;
  if (a.sound != b.sound) return a.sound;
  return a_at < b_at;
}

// Whether item `at` is the newest of its span, and fewer than `most` spans newer than its own have
// an item.
bool KeptBySpan(const std::vector<RetentionItem>& items, size_t at, const char* format,
                uint32_t most) {
  const std::string span = SpanOf(items[at].time, format);
  std::set<std::string> newer_spans;
  for (size_t i = 0; i < items.size(); ++i) {
    const std::string other = SpanOf(items[i].time, format);
    if (other == span && IsNewer(items[i], i, items[at], at)) return false;
    if (other != span && items[i].time > items[at].time) newer_spans.insert(other);
  }
  return newer_spans.size() < most;
}

bool Oracle(const std::vector<RetentionItem>& items, size_t at, const RetentionRules& rules,
            WallTime now) {
  const bool any = rules.last + rules.hourly + rules.daily + rules.weekly + rules.monthly > 0 ||
                   rules.within > 0s;
  if (!any || items[at].held || items[at].pinned) return true;
  uint32_t newer = 0, newer_sound = 0;
  for (size_t i = 0; i < items.size(); ++i) {
    if (!IsNewer(items[i], i, items[at], at)) continue;
    ++newer;
    newer_sound += items[i].sound ? 1 : 0;
  }
  if (newer < std::max(rules.last, rules.min_keep)) return true;
  if (items[at].sound && newer_sound == 0) return true;
  if (rules.within > 0s && items[at].time >= now - rules.within) return true;
  return KeptBySpan(items, at, "%Y-%m-%d %H", rules.hourly) ||
         KeptBySpan(items, at, "%Y-%m-%d", rules.daily) ||
         KeptBySpan(items, at, "%G-%V", rules.weekly) ||
         KeptBySpan(items, at, "%Y-%m", rules.monthly);
}

}  // namespace

TEST_CASE("retention: without a rule all is kept", "[repository]") {
  REQUIRE_FALSE(RetentionRules().Any());
  REQUIRE(Kept({"2025-01-01T00:00:00Z", "2020-01-01T00:00:00Z"}, {}) == "kk");
}

TEST_CASE("retention: the newest of each span", "[repository]") {
  RetentionRules rules;
  SECTION("last") {
    rules.last = 2;
    REQUIRE(Kept({"2025-03-01T00:00:00Z", "2025-03-03T00:00:00Z", "2025-03-02T00:00:00Z"}, rules) ==
            "-kk");
  }
  SECTION("daily, in UTC, over days that have one") {
    rules.daily = 2;
    REQUIRE(Kept({"2025-03-30T23:59:59Z", "2025-03-30T00:00:00Z", "2025-03-20T10:00:00Z",
                  "2025-03-19T10:00:00Z"},
                 rules) == "k-k-");
  }
  SECTION("weekly, from Monday on") {
    rules.weekly = 2;  // 2025-03-31 is a Monday
    REQUIRE(Kept({"2025-03-31T00:00:00Z", "2025-03-30T23:00:00Z", "2025-03-24T00:00:00Z",
                  "2025-03-23T23:00:00Z"},
                 rules) == "kk--");
  }
  SECTION("monthly, across years") {
    rules.monthly = 3;
    REQUIRE(Kept({"2025-01-05T00:00:00Z", "2024-12-31T00:00:00Z", "2024-12-30T00:00:00Z",
                  "2024-01-05T00:00:00Z", "2023-01-05T00:00:00Z"},
                 rules) == "kk-k-");
  }
  SECTION("within, and what is dated ahead") {
    rules.within = 24h;
    REQUIRE(Kept({"2025-04-02T00:00:00Z", "2025-03-30T12:00:00Z", "2025-03-30T11:59:59Z"}, rules) ==
            "kk-");
  }
}

TEST_CASE("retention: the newest sound one stays, whatever came after", "[repository]") {
  const WallTime now = At("2025-03-31T12:00:00Z");
  const std::vector<RetentionItem> items = {
      {now - 1h, false, false, false}, {now - 2h, false, false, false},
      {now - 3h, true, false, false},  {now - 4h, true, false, false},
      {now - 5h, false, true, false},  {now - 6h, false, false, true}};
  RetentionRules rules;
  rules.last = 1;
  REQUIRE(PlanRetention(items, rules, now) ==
          std::vector<bool>{true, false, true, false, true, true});
  REQUIRE(PlanRetention({}, rules, now).empty());
}

TEST_CASE("retention: random schedules do what the rules say of each item", "[repository]") {
  CAPTURE(test::Seed());
  test::Random random(test::Seed());
  const WallTime now = At("2025-01-02T03:04:05Z");
  for (int round = 0; round < test::Rounds(2'000); ++round) {
    CAPTURE(round);
    const uint64_t reach = random.OneIn(2) ? 3 * 24 * 3600 : 3 * 365 * 24 * 3600;
    std::vector<RetentionItem> items(random.Below(30));
    for (RetentionItem& item : items) {
      item.time = now - std::chrono::seconds(random.Below(reach)) + std::chrono::seconds(100);
      if (random.OneIn(3)) item.time = std::chrono::floor<std::chrono::days>(item.time);
      item.sound = random.OneIn(3);
      item.held = random.OneIn(20);
      item.pinned = random.OneIn(20);
    }
    RetentionRules rules;
    for (uint32_t* rule : {&rules.last, &rules.hourly, &rules.daily, &rules.weekly, &rules.monthly})
      *rule = random.OneIn(2) ? static_cast<uint32_t>(random.Below(6)) : 0;
    if (random.OneIn(3)) rules.within = std::chrono::seconds(random.Below(reach));
    rules.min_keep = static_cast<uint32_t>(random.Below(3));
    const std::vector<bool> plan = PlanRetention(items, rules, now);
    REQUIRE(plan.size() == items.size());
    for (size_t i = 0; i < items.size(); ++i) {
      CAPTURE(i, FormatTime(items[i].time));
      REQUIRE(plan[i] == Oracle(items, i, rules, now));
    }
  }
}

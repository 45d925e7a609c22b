#include "lib/repository/retention.h"

#include <algorithm>
#include <numeric>
#include <optional>

namespace pannier::repository {
namespace {

namespace chrono = std::chrono;

// Numbers of the hour, day, week or month that a time lies in, counted from 1970.
int64_t HourOf(WallTime time) {
  return chrono::floor<chrono::hours>(time).time_since_epoch().count();
}
int64_t DayOf(WallTime time) {
  return chrono::floor<chrono::days>(time).time_since_epoch().count();
}
int64_t WeekOf(WallTime time) {
  const chrono::sys_days day = chrono::floor<chrono::days>(time);
  const chrono::days since_monday = chrono::weekday(day) - chrono::Monday;
  return DayOf(day - since_monday);
}
int64_t MonthOf(WallTime time) {
  const chrono::year_month_day date(chrono::floor<chrono::days>(time));
  return static_cast<int>(date.year()) * 12 + static_cast<int64_t>(unsigned{date.month()});
}

// Keeps the newest of each of the newest `most` spans that have one.
void KeepOfEach(const std::vector<RetentionItem>& items, const std::vector<size_t>& newest_first,
                int64_t (*span_of)(WallTime), uint32_t most, std::vector<bool>* keep) {
  std::optional<int64_t> last;
  uint32_t spans = 0;
  for (const size_t index : newest_first) {
    const int64_t span = span_of(items[index].time);
    if (span == last) continue;
    if (spans == most) return;
    ++spans;
    last = span;
    (*keep)[index] = true;
  }
}

}  // namespace

bool RetentionRules::Any() const {
  return last > 0 || hourly > 0 || daily > 0 || weekly > 0 || monthly > 0 ||
         within > chrono::seconds(0);
}

std::vector<bool> PlanRetention(const std::vector<RetentionItem>& items,
                                const RetentionRules& rules, WallTime now) {
  if (!rules.Any()) return std::vector<bool>(items.size(), true);
  std::vector<size_t> order(items.size());
  std::iota(order.begin(), order.end(), size_t{0});
  // Of the same moment, a sound one counts as newer: it is the better one to keep.
  std::stable_sort(order.begin(), order.end(), [&](size_t a, size_t b) {
    if (items[a].time != items[b].time) return items[a].time > items[b].time;
    return items[a].sound && !items[b].sound;
  });
  std::vector<bool> keep(items.size(), false);
  const size_t newest = std::min<size_t>(std::max(rules.last, rules.min_keep), order.size());
  for (size_t i = 0; i < newest; ++i) keep[order[i]] = true;
  KeepOfEach(items, order, HourOf, rules.hourly, &keep);
  KeepOfEach(items, order, DayOf, rules.daily, &keep);
  KeepOfEach(items, order, WeekOf, rules.weekly, &keep);
  KeepOfEach(items, order, MonthOf, rules.monthly, &keep);
  const auto sound =
      std::find_if(order.begin(), order.end(), [&](size_t index) { return items[index].sound; });
  if (sound != order.end()) keep[*sound] = true;
  for (size_t i = 0; i < items.size(); ++i) {
    const bool recent = rules.within > chrono::seconds(0) && now - items[i].time <= rules.within;
    if (recent || items[i].held || items[i].pinned) keep[i] = true;
  }
  return keep;
}

}  // namespace pannier::repository

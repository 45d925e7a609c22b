#include "operator/cron/cron.h"

#include <date/tz.h>

#include <algorithm>
#include <vector>

#include "lib/crypto/sha256.h"
#include "operator/cron/fields.h"

namespace pannier::control {
namespace {

namespace chrono = std::chrono;
using chrono::minutes;
using chrono::seconds;

constexpr size_t kTextMax = 128;
constexpr int kDaysMax = 9 * 366;

constexpr const char* kMonths[] = {"JAN", "FEB", "MAR", "APR", "MAY", "JUN",
                                   "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"};
constexpr const char* kWeekdays[] = {"SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"};
// Sunday is 0 and 7.
const CronField kFields[] = {{"minute", 0, 59, 59, {}},
                             {"hour", 0, 23, 23, {}},
                             {"day of month", 1, 31, 28, {}},
                             {"month", 1, 12, 12, kMonths},
                             {"day of week", 0, 7, 6, kWeekdays}};

std::string_view Expand(std::string_view text) {
  static constexpr std::pair<std::string_view, std::string_view> kMacros[] = {
      {"@yearly", "0 0 1 1 *"}, {"@annually", "0 0 1 1 *"}, {"@monthly", "0 0 1 * *"},
      {"@weekly", "0 0 * * 0"}, {"@daily", "0 0 * * *"},    {"@midnight", "0 0 * * *"},
      {"@hourly", "0 * * * *"},
  };
  for (const auto& [macro, meaning] : kMacros) {
    if (text == macro) return meaning;
  }
  return text;
}

std::vector<std::string_view> Words(std::string_view text) {
  std::vector<std::string_view> words;
  for (size_t start = 0; start < text.size();) {
    const size_t end = std::min(text.find_first_of(" \t", start), text.size());
    if (end > start) words.push_back(text.substr(start, end - start));
    start = end + 1;
  }
  return words;
}

Result<const void*> FindZone(std::string_view name) {
  if (name.empty() || name == "UTC") return static_cast<const void*>(nullptr);
  try {
    date::get_tzdb();
  } catch (const std::exception& error) {
    return Unavailable(std::string("time zones: ") + error.what(), "install tzdata");
  }
  try {
    return static_cast<const void*>(date::locate_zone(std::string(name)));
  } catch (const std::exception&) {
    return InvalidArgument("there is no time zone " + std::string(name.substr(0, 64)),
                           "name one of the IANA data base, like Europe/Berlin");
  }
}

uint64_t HashOfField(std::string_view seed, size_t field) {
  const crypto::Digest digest = crypto::Sha256(std::string(seed) + "/" + std::to_string(field));
  uint64_t hash = 0;
  for (size_t i = 0; i < 8; ++i) hash = hash << 8 | digest[i];
  return hash;
}

const date::time_zone& ZoneOf(const void* zone) {
  return *static_cast<const date::time_zone*>(zone);
}

}  // namespace

// A day by the zone's calendar.
struct Cron::Day {
  date::local_days day;
  Day Plus(int days) const { return {day + date::days(days)}; }
};

Result<Cron> Cron::Parse(std::string_view text, std::string_view time_zone, std::string_view seed) {
  if (text.size() > kTextMax) return InvalidArgument("a schedule has at most 128 characters");
  const std::vector<std::string_view> words = Words(Expand(text));
  if (words.size() != std::size(kFields)) {
    return InvalidArgument("schedule " + std::string(text) + ": must have five fields",
                           "like \"H 3 * * *\", or @daily");
  }
  Cron cron;
  for (size_t i = 0; i < words.size(); ++i) {
    cron.fields_[i] = TRY(ParseCronField(kFields[i], words[i], HashOfField(seed, i))
                              .Context("schedule " + std::string(text)));
  }
  if (cron.fields_[kDayOfWeek].test(7)) cron.fields_[kDayOfWeek].set(0);
  const auto is_any = [](std::string_view word) { return word[0] == '*' || word[0] == '?'; };
  cron.any_day_of_month_ = is_any(words[kDayOfMonth]);
  cron.any_day_of_week_ = is_any(words[kDayOfWeek]);
  cron.zone_ = TRY(FindZone(time_zone));
  if (!cron.NextDue(WallTime(date::sys_days(date::January / 1 / 2000).time_since_epoch()))) {
    return InvalidArgument("schedule " + std::string(text) + ": no day is ever due");
  }
  return cron;
}

Cron::Day Cron::DayOf(WallTime time) const {
  const auto whole = chrono::floor<seconds>(time);
  const auto offset = zone_ == nullptr ? seconds(0) : ZoneOf(zone_).get_info(whole).offset;
  return {chrono::floor<date::days>(date::local_seconds(whole.time_since_epoch() + offset))};
}

// As crond has it: with both kinds of days restricted, either will do.
bool Cron::Matches(const Day& day) const {
  const date::year_month_day date(day.day);
  if (!fields_[kMonth].test(unsigned{date.month()})) return false;
  const bool by_month = fields_[kDayOfMonth].test(unsigned{date.day()});
  const bool by_week = fields_[kDayOfWeek].test(date::weekday(day.day).c_encoding());
  if (any_day_of_month_ || any_day_of_week_) return by_month && by_week;
  return by_month || by_week;
}

template <typename Each>
void Cron::ForEachDue(const Day& day, Each each) const {
  if (!Matches(day)) return;
  seconds offset{0};
  if (zone_ != nullptr) {
    const auto begin = date::sys_seconds(day.day.time_since_epoch());
    const date::sys_info info = ZoneOf(zone_).get_info(begin);
    // Zones are at most 15 hours from UTC; two days around hold the whole local day.
    if (info.begin > begin - date::days(2) || info.end < begin + date::days(3)) {
      return ForEachDueSlowly(day, each);
    }
    offset = info.offset;
  }
  for (unsigned hour = 0; hour < 24; ++hour) {
    if (!fields_[kHour].test(hour)) continue;
    for (unsigned minute = 0; minute < 60; ++minute) {
      if (!fields_[kMinute].test(minute)) continue;
      each(WallTime(day.day.time_since_epoch() + minutes(hour * 60 + minute) - offset));
    }
  }
}

// Near a change of the clocks.
template <typename Each>
void Cron::ForEachDueSlowly(const Day& day, Each each) const {
  bool every_hour = true;
  for (unsigned hour = 0; hour < 24; ++hour) every_hour = every_hour && fields_[kHour].test(hour);
  for (unsigned number = 0; number < 24 * 60; ++number) {
    if (!fields_[kHour].test(number / 60) || !fields_[kMinute].test(number % 60)) continue;
    const date::local_seconds local = day.day + minutes(number);
    const date::local_info info = ZoneOf(zone_).get_info(local);
    const auto with = [&](const date::sys_info& part) {
      return WallTime(local.time_since_epoch() - part.offset);
    };
    if (info.result != date::local_info::nonexistent) {
      each(with(info.first));
    } else if (!every_hour) {
      each(WallTime(info.first.end));
    }
    if (info.result == date::local_info::ambiguous && every_hour) each(with(info.second));
  }
}

std::optional<WallTime> Cron::NextDue(WallTime after) const {
  std::optional<WallTime> best;
  const auto consider = [&](WallTime due) {
    if (due > after && (!best || due < *best)) best = due;
  };
  const Day first = DayOf(after).Plus(-1);
  for (int i = 0; i < kDaysMax; ++i) {
    ForEachDue(first.Plus(i), consider);
    if (!best) continue;
    ForEachDue(first.Plus(i + 1), consider);  // where clocks change at midnight, days interleave
    return best;
  }
  return std::nullopt;
}

std::optional<WallTime> Cron::LastDue(WallTime now) const {
  std::optional<WallTime> best;
  const auto consider = [&](WallTime due) {
    if (due <= now && (!best || due > *best)) best = due;
  };
  const Day last = DayOf(now).Plus(1);
  for (int i = 0; i < kDaysMax; ++i) {
    ForEachDue(last.Plus(-i), consider);
    if (!best) continue;
    ForEachDue(last.Plus(-i - 1), consider);
    return best;
  }
  return std::nullopt;
}

int Cron::CountDue(WallTime after, WallTime until, int most) const {
  int count = 0;
  for (std::optional<WallTime> due = NextDue(after); count < most && due && *due <= until;
       due = NextDue(*due)) {
    ++count;
  }
  return count;
}

}  // namespace pannier::control

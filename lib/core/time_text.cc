#include "lib/core/time_text.h"

#include <cstdio>

namespace pannier {
namespace {

namespace chrono = std::chrono;

// Takes exactly `digits` digits off the front.
std::optional<int> TakeNumber(std::string_view* text, size_t digits) {
  if (text->size() < digits) return std::nullopt;
  int number = 0;
  for (size_t i = 0; i < digits; ++i) {
    const char c = (*text)[i];
    if (c < '0' || c > '9') return std::nullopt;
    number = number * 10 + (c - '0');
  }
  text->remove_prefix(digits);
  return number;
}

bool Take(std::string_view* text, char c) {
  if (!text->starts_with(c)) return false;
  text->remove_prefix(1);
  return true;
}

std::optional<chrono::sys_days> TakeDate(std::string_view* text) {
  const auto year = TakeNumber(text, 4);
  if (!year || *year < 1970 || *year > 2261 || !Take(text, '-')) return std::nullopt;
  const auto month = TakeNumber(text, 2);
  if (!month || !Take(text, '-')) return std::nullopt;
  const auto day = TakeNumber(text, 2);
  if (!day) return std::nullopt;
  const chrono::year_month_day date(chrono::year{*year},
                                    chrono::month{static_cast<unsigned>(*month)},
                                    chrono::day{static_cast<unsigned>(*day)});
  if (!date.ok()) return std::nullopt;
  return chrono::sys_days(date);
}

std::optional<chrono::seconds> TakeClock(std::string_view* text) {
  const auto hour = TakeNumber(text, 2);
  if (!hour || *hour > 23 || !Take(text, ':')) return std::nullopt;
  const auto minute = TakeNumber(text, 2);
  if (!minute || *minute > 59 || !Take(text, ':')) return std::nullopt;
  const auto second = TakeNumber(text, 2);
  if (!second || *second > 59) return std::nullopt;
  return chrono::hours(*hour) + chrono::minutes(*minute) + chrono::seconds(*second);
}

std::optional<chrono::nanoseconds> TakeFraction(std::string_view* text) {
  if (!Take(text, '.')) return chrono::nanoseconds(0);
  int64_t number = 0;
  int digits = 0;
  for (; digits < 9 && !text->empty(); ++digits) {
    const auto digit = TakeNumber(text, 1);
    if (!digit) break;
    number = number * 10 + *digit;
  }
  if (digits == 0) return std::nullopt;
  for (; digits < 9; ++digits) number *= 10;
  return chrono::nanoseconds(number);
}

std::optional<chrono::minutes> TakeOffset(std::string_view* text) {
  if (Take(text, 'Z')) return chrono::minutes(0);
  const bool west = text->starts_with('-');
  if (!Take(text, '+') && !Take(text, '-')) return std::nullopt;
  const auto hours = TakeNumber(text, 2);
  if (!hours || *hours > 23 || !Take(text, ':')) return std::nullopt;
  const auto minutes = TakeNumber(text, 2);
  if (!minutes || *minutes > 59) return std::nullopt;
  const chrono::minutes offset = chrono::hours(*hours) + chrono::minutes(*minutes);
  return west ? -offset : offset;
}

}  // namespace

std::string FormatTime(WallTime time) {
  const auto days = chrono::floor<chrono::days>(time);
  const chrono::year_month_day date(days);
  const chrono::hh_mm_ss clock(time - days);
  char text[48];
  int size = std::snprintf(
      text, sizeof text, "%04d-%02u-%02uT%02d:%02d:%02d", static_cast<int>(date.year()),
      static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()),
      static_cast<int>(clock.hours().count()), static_cast<int>(clock.minutes().count()),
      static_cast<int>(clock.seconds().count()));
  int64_t fraction = clock.subseconds().count();
  if (fraction != 0) {
    int digits = 9;
    for (; fraction % 1000 == 0; digits -= 3) fraction /= 1000;
    size += std::snprintf(text + size, sizeof text - static_cast<size_t>(size), ".%0*lld", digits,
                          static_cast<long long>(fraction));
  }
  return std::string(text, static_cast<size_t>(size)) + "Z";
}

std::optional<WallTime> ParseTime(std::string_view text) {
  const auto date = TakeDate(&text);
  if (!date || !Take(&text, 'T')) return std::nullopt;
  const auto clock = TakeClock(&text);
  if (!clock) return std::nullopt;
  const auto fraction = TakeFraction(&text);
  if (!fraction) return std::nullopt;
  const auto offset = TakeOffset(&text);
  if (!offset || !text.empty()) return std::nullopt;
  return WallTime(date->time_since_epoch() + *clock + *fraction - *offset);
}

}  // namespace pannier

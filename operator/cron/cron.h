// When a schedule is due: five fields (minute, hour, day of month, month, day of week) as crond
// reads them, macros, and H, which stands for a value that follows from a seed, so that a thousand
// schedules do not all run at midnight.
//
// Times are those of a time zone. Where the clocks are put forward, what would be due in the hour
// that is missing is due at its end; where they are put back, what is due in the hour that comes
// twice is due the first time only. So no day is without its run, and no run comes twice. Schedules
// of every hour go on with the hours that pass instead: each of both hours has its runs.
// Threads: any; values, reading the system's time zones, which are loaded once.
#pragma once

#include <array>
#include <bitset>
#include <optional>
#include <string>
#include <string_view>

#include "lib/core/clock.h"
#include "lib/core/result.h"

namespace pannier::control {

class Cron {
 public:
  // An empty time zone is UTC. `seed` (the object's uid) decides H, H/15, H(0-29), H(0-29)/10.
  //   kInvalidArgument  not a schedule, one that is never due (30 February), or no such time zone
  //   kUnavailable      the machine has no time zones (the package tzdata)
  static Result<Cron> Parse(std::string_view text, std::string_view time_zone,
                            std::string_view seed);

  // The latest time due that is not after `now`; the first that is after `after`. Both are whole
  // minutes. Nothing where there is none within nine years: leap days are eight years apart at
  // most.
  std::optional<WallTime> LastDue(WallTime now) const;
  std::optional<WallTime> NextDue(WallTime after) const;
  // How many are due in (after, until], counted up to `most`.
  int CountDue(WallTime after, WallTime until, int most) const;

 private:
  struct Day;
  enum { kMinute, kHour, kDayOfMonth, kMonth, kDayOfWeek };
  using Bits = std::bitset<60>;

  bool Matches(const Day& day) const;
  // Calls `each` with every time due on that local day, in any order.
  template <typename Each>
  void ForEachDue(const Day& day, Each each) const;
  template <typename Each>
  void ForEachDueSlowly(const Day& day, Each each) const;
  Day DayOf(WallTime time) const;

  std::array<Bits, 5> fields_;
  bool any_day_of_month_ = false, any_day_of_week_ = false;
  const void* zone_ = nullptr;  // date::time_zone, which lives for ever; null: UTC
};

}  // namespace pannier::control

// Which snapshots of one store a schedule keeps. Pure. The newest sound one, held ones and pinned
// ones are always kept. Rules as other backup tools have them: of each hour (day, week, month, in
// UTC; weeks begin on Monday) the newest snapshot is kept, for as many of them as asked that have
// one. Threads: any.
#pragma once

#include <chrono>
#include <cstdint>
#include <vector>

#include "lib/core/clock.h"

namespace pannier::repository {

struct RetentionRules {
  uint32_t last = 0, hourly = 0, daily = 0, weekly = 0, monthly = 0;
  std::chrono::seconds within{0};
  uint32_t min_keep = 1;
  // At least one keep rule; without one nothing is ever removed.
  bool Any() const;
};

struct RetentionItem {
  WallTime time;
  bool sound = false;  // verified, and found sound
  bool held = false;
  bool pinned = false;  // in use by something that runs
};

// For each item, whether it is kept. Any order in; same order out.
std::vector<bool> PlanRetention(const std::vector<RetentionItem>& items,
                                const RetentionRules& rules, WallTime now);

}  // namespace pannier::repository

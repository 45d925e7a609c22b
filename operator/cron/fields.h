// One field of a schedule. Threads: pure functions.
#pragma once

#include <bitset>
#include <span>
#include <string_view>

#include "lib/core/result.h"

namespace pannier::control {

struct CronField {
  const char* name;                    // "minute"
  unsigned min = 0, max = 0;           // values that it may have
  unsigned hash_max = 0;               // highest that H takes: every month has a 28th
  std::span<const char* const> words;  // "JAN", …: the first is `min`
};

// The values that a text ("*/15", "1,3-5", "MON-FRI", "H(0-9)") stands for. `hash` decides H.
//   kInvalidArgument  says which field and what is wrong
Result<std::bitset<60>> ParseCronField(const CronField& field, std::string_view text,
                                       uint64_t hash);

}  // namespace pannier::control

// Points in time as text (RFC 3339, UTC): "2025-01-31T12:00:00Z", "2025-01-31T12:00:00.123456789Z".
// Formats on disk, the admin API, and people use it. Threads: pure functions.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "lib/core/clock.h"

namespace pannier {

// With 0, 3, 6 or 9 digits of a fraction, as few as say it exactly.
std::string FormatTime(WallTime time);

// Reads what FormatTime writes, any number of digits up to 9, and an offset ("+02:00") instead of
// 'Z'. Nothing of anything else, nor outside of the years 1970 to 2261 (what nanoseconds in 64 bits
// hold).
std::optional<WallTime> ParseTime(std::string_view text);

}  // namespace pannier

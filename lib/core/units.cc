#include "lib/core/units.h"

#include <charconv>
#include <cstdio>
#include <limits>

namespace pannier {
namespace {

struct Unit {
  std::string_view name;
  uint64_t factor;
};

constexpr Unit kByteUnits[] = {{"", 1},
                               {"B", 1},
                               {"KB", 1'000},
                               {"MB", 1'000'000},
                               {"GB", 1'000'000'000},
                               {"KiB", 1 << 10},
                               {"MiB", 1 << 20},
                               {"GiB", 1 << 30},
                               {"TB", 1'000'000'000'000},
                               {"TiB", 1ULL << 40}};
constexpr Unit kDurationUnits[] = {
    {"ms", 1}, {"s", 1'000}, {"m", 60'000}, {"h", 3'600'000}, {"d", 86'400'000}};

// Splits "64MiB" into 64 and its unit's factor and multiplies, without overflow.
template <size_t kCount>
Result<uint64_t> ParseScaled(std::string_view text, const Unit (&units)[kCount], uint64_t limit,
                             const char* expected) {
  const auto wrong = [&] {
    return InvalidArgument("\"" + std::string(text) + "\" is not " + expected);
  };
  uint64_t number = 0;
  const auto [rest, ec] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (ec != std::errc()) return wrong();
  std::string_view unit(rest, static_cast<size_t>(text.data() + text.size() - rest));
  while (!unit.empty() && unit.front() == ' ') unit.remove_prefix(1);
  if (unit.empty() && number == 0) return uint64_t{0};
  for (const Unit& known : units) {
    if (known.name != unit) continue;
    if (number > limit / known.factor) return wrong();
    return number * known.factor;
  }
  return wrong();
}

std::string FormatNumber(const char* format, double value) {
  char text[48];
  std::snprintf(text, sizeof text, format, value);
  return text;
}

}  // namespace

Result<uint64_t> ParseBytes(std::string_view text) {
  return ParseScaled(text, kByteUnits, std::numeric_limits<int64_t>::max(),
                     "a size such as 512KiB or 64MiB");
}

Result<std::chrono::milliseconds> ParseDuration(std::string_view text) {
  constexpr uint64_t kTenYears = 3'650ULL * 86'400'000;
  const uint64_t milliseconds =
      TRY(ParseScaled(text, kDurationUnits, kTenYears, "a duration such as 500ms, 30s or 4h"));
  return std::chrono::milliseconds(milliseconds);
}

std::string FormatBytes(uint64_t bytes) {
  if (bytes < 1_KiB) return std::to_string(bytes) + " B";
  const double value = static_cast<double>(bytes);
  if (bytes < 1_MiB) return FormatNumber("%.1f KiB", value / double(1_KiB));
  if (bytes < 1_GiB) return FormatNumber("%.1f MiB", value / double(1_MiB));
  return FormatNumber("%.1f GiB", value / double(1_GiB));
}

std::string FormatDuration(std::chrono::nanoseconds duration) {
  const double seconds = std::chrono::duration<double>(duration).count();
  if (seconds < 1e-3) return FormatNumber("%.0f µs", seconds * 1e6);
  if (seconds < 1) return FormatNumber("%.1f ms", seconds * 1e3);
  if (seconds < 120) return FormatNumber("%.1f s", seconds);
  const auto minutes = static_cast<int64_t>(seconds / 60);
  if (minutes < 120) return std::to_string(minutes) + " min";
  return std::to_string(minutes / 60) + " h " + std::to_string(minutes % 60) + " min";
}

}  // namespace pannier

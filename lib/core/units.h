// Sizes and durations as people write them: `64MiB`, `30s`, `4h`, `1500ms`.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>

#include "lib/core/result.h"

namespace pannier {

inline namespace literals {
constexpr uint64_t operator""_KiB(unsigned long long n) { return n << 10; }
constexpr uint64_t operator""_MiB(unsigned long long n) { return n << 20; }
constexpr uint64_t operator""_GiB(unsigned long long n) { return n << 30; }
}  // namespace literals

// A whole number with one of B, KB, MB, GB, TB (powers of 1000), KiB, MiB, GiB, TiB; a bare number
// is bytes.
//   kInvalidArgument  not of that form, negative, or beyond 2^63-1
Result<uint64_t> ParseBytes(std::string_view text);

// A whole number with one of ms, s, m, h, d; "0" needs no unit.
//   kInvalidArgument  not of that form, negative, or longer than 10 years
Result<std::chrono::milliseconds> ParseDuration(std::string_view text);

// "1.5 MiB", "317 B": for people.
std::string FormatBytes(uint64_t bytes);
// "1.2 ms", "3.4 s", "2 h 5 m": for people.
std::string FormatDuration(std::chrono::nanoseconds duration);

}  // namespace pannier

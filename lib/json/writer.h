// Appends JSON to a string: the hot answers. No tree, no check of nesting: the caller writes
// brackets and commas. Never emits NaN or Infinity: they become null. Threads: pure functions.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace pannier::json {

// With quotes; escapes what JSON demands, passes other UTF-8 through. `text` is valid UTF-8 (see
// IsUtf8).
void AppendString(std::string_view text, std::string* out);
void AppendInt(int64_t number, std::string* out);
// The shortest digits that read back as the same float/double, always with a '.' or an exponent;
// -0.0 as 0.0 (doubles).
void AppendFloat(float number, std::string* out);
void AppendDouble(double number, std::string* out);
// "[0.1,0.2]"
void AppendFloats(std::span<const float> numbers, std::string* out);

bool IsUtf8(std::string_view text);

// Standard alphabet with padding; strict (no white space, right padding).
//   false: `text` is not base64; `out` as it was
bool AppendBase64Decoded(std::string_view text, std::string* out);

}  // namespace pannier::json

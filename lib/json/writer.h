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
// -0.0 of doubles as 0.0 (metadata), -0.0 of floats as it is (vectors come back bit for bit).
void AppendFloat(float number, std::string* out);
void AppendDouble(double number, std::string* out);
// "[0.1,0.2]"
void AppendFloats(std::span<const float> numbers, std::string* out);

bool IsUtf8(std::string_view text);

}  // namespace pannier::json

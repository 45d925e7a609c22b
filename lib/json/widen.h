// Integers that do not fit 64 bits, made readable to simdjson 3.0, which refuses them.
// Threads: pure functions.
#pragma once

#include <string>
#include <string_view>

namespace pannier::json {

// Copies `text` with ".0" appended to each integer literal (outside of strings) below -2^63 or
// above 2^64-1, so that it reads as a double. False, and `out` untouched, when there is none: the
// text is then wrong for another reason.
bool WidenIntegers(std::string_view text, std::string* out);

}  // namespace pannier::json

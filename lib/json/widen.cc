#include "lib/json/widen.h"

#include <charconv>
#include <cstdint>

namespace pannier::json {
namespace {

bool IsDigit(char c) { return c >= '0' && c <= '9'; }

// Position behind the string literal that starts at `begin`; the end of the text when it is open.
size_t SkipString(std::string_view text, size_t begin) {
  for (size_t at = begin + 1; at < text.size(); ++at) {
    if (text[at] == '\\') {
      ++at;
    } else if (text[at] == '"') {
      return at + 1;
    }
  }
  return text.size();
}

// Position behind the characters that can belong to the number starting at `begin`.
size_t SkipNumber(std::string_view text, size_t begin) {
  size_t end = begin + 1;
  while (end < text.size() && (IsDigit(text[end]) || text[end] == '.' || text[end] == 'e' ||
                               text[end] == 'E' || text[end] == '+' || text[end] == '-')) {
    ++end;
  }
  return end;
}

template <typename Integer>
bool OverflowsAs(std::string_view literal) {
  Integer number = 0;
  const char* const end = literal.data() + literal.size();
  const auto read = std::from_chars(literal.data(), end, number);
  return read.ptr == end && read.ec == std::errc::result_out_of_range;
}

bool IsTooWideInteger(std::string_view literal) {
  if (literal.size() < 19) return false;
  return literal.front() == '-' ? OverflowsAs<int64_t>(literal) : OverflowsAs<uint64_t>(literal);
}

}  // namespace

bool WidenIntegers(std::string_view text, std::string* out) {
  std::string widened;
  size_t copied = 0;
  for (size_t at = 0; at < text.size();) {
    if (text[at] == '"') {
      at = SkipString(text, at);
    } else if (text[at] == '-' || IsDigit(text[at])) {
      const size_t end = SkipNumber(text, at);
      if (IsTooWideInteger(text.substr(at, end - at))) {
        widened.append(text.substr(copied, end - copied)).append(".0");
        copied = end;
      }
      at = end;
    } else {
      ++at;
    }
  }
  if (copied == 0) return false;
  widened.append(text.substr(copied));
  *out = std::move(widened);
  return true;
}

}  // namespace pannier::json

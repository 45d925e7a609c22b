#include "lib/json/writer.h"

#include <simdjson.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <cstring>

#include "lib/core/check.h"

namespace pannier::json {
namespace {

// Enough for the shortest form of any double ("-1.7976931348623157e+308") and ".0".
constexpr size_t kNumberBytesMax = 32;

// For each byte: 0 to pass through, 'u' for \u00XX, else the letter behind the backslash.
constexpr std::array<char, 256> MakeEscapes() {
  std::array<char, 256> escapes{};
  for (size_t c = 0; c < 0x20; ++c) escapes[c] = 'u';
  escapes['"'] = '"';
  escapes['\\'] = '\\';
  escapes['\b'] = 'b';
  escapes['\f'] = 'f';
  escapes['\n'] = 'n';
  escapes['\r'] = 'r';
  escapes['\t'] = 't';
  return escapes;
}
constexpr std::array<char, 256> kEscapes = MakeEscapes();

void AppendEscape(unsigned char c, std::string* out) {
  static constexpr char kHex[] = "0123456789abcdef";
  const char letter = kEscapes[c];
  out->push_back('\\');
  out->push_back(letter);
  if (letter != 'u') return;
  out->append("00");
  out->push_back(kHex[c >> 4]);
  out->push_back(kHex[c & 15]);
}

// Bytes at the front that need no escape, looked at eight at a time.
size_t PlainPrefix(const char* data, size_t size) {
  constexpr uint64_t kOnes = 0x0101010101010101, kHighs = 0x8080808080808080;
  size_t at = 0;
  for (; at + 8 <= size; at += 8) {
    uint64_t word;
    std::memcpy(&word, data + at, 8);
    const uint64_t quote = word ^ (kOnes * '"'), backslash = word ^ (kOnes * '\\');
    const uint64_t special = ((word - kOnes * 0x20) & ~word) | ((quote - kOnes) & ~quote) |
                             ((backslash - kOnes) & ~backslash);
    if (special & kHighs) break;
  }
  while (at < size && kEscapes[static_cast<unsigned char>(data[at])] == 0) ++at;
  return at;
}

// Writes the number at `begin`, which has room for kNumberBytesMax; returns the end.
template <typename T>
char* WriteNumber(T number, char* begin) {
  if (!std::isfinite(number)) {
    constexpr std::string_view kNull = "null";
    return std::copy(kNull.begin(), kNull.end(), begin);
  }
  const std::to_chars_result written = std::to_chars(begin, begin + kNumberBytesMax - 2, number);
  CHECK(written.ec == std::errc());
  for (const char* c = begin; c < written.ptr; ++c) {
    if (*c == '.' || *c == 'e') return written.ptr;
  }
  std::memcpy(written.ptr, ".0", 2);
  return written.ptr + 2;
}

}  // namespace

void AppendString(std::string_view text, std::string* out) {
  out->push_back('"');
  while (true) {
    const size_t plain = PlainPrefix(text.data(), text.size());
    out->append(text.data(), plain);
    if (plain == text.size()) break;
    AppendEscape(static_cast<unsigned char>(text[plain]), out);
    text.remove_prefix(plain + 1);
  }
  out->push_back('"');
}

void AppendInt(int64_t number, std::string* out) {
  char digits[kNumberBytesMax];
  const auto written = std::to_chars(digits, digits + sizeof(digits), number);
  out->append(digits, written.ptr);
}

void AppendFloat(float number, std::string* out) {
  char digits[kNumberBytesMax];
  out->append(digits, WriteNumber(number, digits));
}

void AppendDouble(double number, std::string* out) {
  char digits[kNumberBytesMax];
  if (number == 0) number = 0;  // drops the sign
  out->append(digits, WriteNumber(number, digits));
}

void AppendFloats(std::span<const float> numbers, std::string* out) {
  constexpr size_t kChunk = 64;  // one append for so many numbers
  char buffer[kChunk * (kNumberBytesMax + 1)];
  out->push_back('[');
  for (size_t begin = 0; begin < numbers.size(); begin += kChunk) {
    char* end = buffer;
    for (const float number : numbers.subspan(begin, std::min(kChunk, numbers.size() - begin))) {
      end = WriteNumber(number, end);
      *end++ = ',';
    }
    out->append(buffer, end);
  }
  if (numbers.empty()) {
    out->push_back(']');
  } else {
    out->back() = ']';
  }
}

bool IsUtf8(std::string_view text) { return simdjson::validate_utf8(text.data(), text.size()); }

}  // namespace pannier::json

#include "operator/cron/fields.h"

#include <algorithm>
#include <cctype>
#include <charconv>
#include <string>
#include <utility>

namespace pannier::control {
namespace {

using Bits = std::bitset<60>;

struct Range {
  unsigned from = 0, to = 0;
};

Error Wrong(const CronField& field, std::string_view text, const std::string& why) {
  return InvalidArgument(
      std::string(field.name) + " " + std::string(text) + ": " + why,
      "a field is *, a value, a range, a list of them, or H; /n takes each n-th");
}

Result<unsigned> ParseNumber(const CronField& field, std::string_view text) {
  unsigned value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || text.empty()) {
    return Wrong(field, text, "is no number");
  }
  return value;
}

Result<unsigned> ParseValue(const CronField& field, std::string_view text) {
  std::string upper;
  for (const char c : text) upper += static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
  for (size_t i = 0; i < field.words.size(); ++i) {
    if (upper == field.words[i]) return field.min + static_cast<unsigned>(i);
  }
  const unsigned value = TRY(ParseNumber(field, text));
  if (value < field.min || value > field.max) {
    return Wrong(field, text,
                 "is not within " + std::to_string(field.min) + "-" + std::to_string(field.max));
  }
  return value;
}

Result<Range> ParseRange(const CronField& field, std::string_view text) {
  const size_t dash = text.find('-');
  const unsigned from = TRY(ParseValue(field, text.substr(0, dash)));
  if (dash == std::string_view::npos) return Range{from, from};
  const unsigned to = TRY(ParseValue(field, text.substr(dash + 1)));
  if (from > to) return Wrong(field, text, "ends before it begins");
  return Range{from, to};
}

// H, H(a-b), with a step or without: one value of the range, or each step-th from a hashed one on.
Result<Bits> ParseHashed(const CronField& field, std::string_view text, unsigned step,
                         uint64_t hash) {
  Range range{field.min, field.hash_max};
  if (text.size() > 1) {
    if (text[1] != '(' || text.back() != ')')
      return Wrong(field, text, "H is written H or H(0-29)");
    range = TRY(ParseRange(field, text.substr(2, text.size() - 3)));
  }
  const unsigned count = range.to - range.from + 1;
  const unsigned span = step == 0 ? count : std::min(step, count);
  Bits bits;
  unsigned value = range.from + static_cast<unsigned>(hash % span);
  do {
    bits.set(value);
    value += step;
  } while (step > 0 && value <= range.to);
  return bits;
}

Result<Bits> ParsePart(const CronField& field, std::string_view text, uint64_t hash) {
  unsigned step = 0;
  const size_t slash = text.find('/');
  const std::string_view body = text.substr(0, slash);
  if (slash != std::string_view::npos) {
    step = TRY(ParseNumber(field, text.substr(slash + 1)));
    if (step == 0 || step > field.max)
      return Wrong(field, text, "has a step that is 0 or too long");
  }
  if (body.starts_with('H')) return ParseHashed(field, body, step, hash);
  Range range{field.min, field.max};
  if (body != "*" && body != "?") {
    range = TRY(ParseRange(field, body));
    // "5/10" is from 5 on.
    if (step > 0 && range.from == range.to && body.find('-') == std::string_view::npos) {
      range.to = field.max;
    }
  }
  Bits bits;
  for (unsigned value = range.from; value <= range.to; value += std::max(1u, step)) bits.set(value);
  return bits;
}

}  // namespace

Result<Bits> ParseCronField(const CronField& field, std::string_view text, uint64_t hash) {
  Bits bits;
  for (size_t start = 0; start <= text.size();) {
    const size_t comma = std::min(text.find(',', start), text.size());
    bits |= TRY(ParsePart(field, text.substr(start, comma - start), hash));
    start = comma + 1;
  }
  return bits;
}

}  // namespace pannier::control

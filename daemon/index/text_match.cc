#include "daemon/index/text_match.h"

#include <re2/re2.h>
#include <string.h>  // memmem

#include <utility>

namespace pannier::index {
namespace {

constexpr int64_t kRegexBytesMax = 8 << 20;  // program and automata of one pattern
constexpr size_t kPatternBytesMax = 64 << 10;

RE2::Options Dialect() {
  RE2::Options options;  // UTF-8, Perl classes, `.` without newline: as Rust's regex
  options.set_log_errors(false);
  options.set_max_mem(kRegexBytesMax);
  return options;
}

// Escapes that RE2 takes and Chroma's dialect refuses: octal numbers, \C, \Q…\E.
bool HasForeignEscape(std::string_view pattern) {
  for (size_t at = 0; at + 1 < pattern.size(); ++at) {
    if (pattern[at] != '\\') continue;
    const char escaped = pattern[++at];
    if ((escaped >= '0' && escaped <= '9') || escaped == 'C' || escaped == 'Q' || escaped == 'E') {
      return true;
    }
  }
  return false;
}

}  // namespace

struct TextMatcher::Expression {
  explicit Expression(const std::string& pattern) : re(pattern, Dialect()) {}
  const RE2 re;
};

TextMatcher::TextMatcher() = default;
TextMatcher::TextMatcher(TextMatcher&&) noexcept = default;
TextMatcher& TextMatcher::operator=(TextMatcher&&) noexcept = default;
TextMatcher::~TextMatcher() = default;

TextMatcher TextMatcher::Literal(std::string literal) {
  TextMatcher matcher;
  matcher.literal_ = std::move(literal);
  return matcher;
}

Result<TextMatcher> TextMatcher::Regex(const std::string& pattern) {
  if (pattern.size() > kPatternBytesMax) {
    return InvalidArgument("Regex syntax errror: pattern is longer than 64 KiB");
  }
  if (HasForeignEscape(pattern)) {
    return InvalidArgument("Regex syntax errror: unrecognized escape sequence");
  }
  auto expression = std::make_unique<const Expression>(pattern);
  if (!expression->re.ok())
    return InvalidArgument("Regex syntax errror: " + expression->re.error());
  TextMatcher matcher;
  matcher.expression_ = std::move(expression);
  return matcher;
}

bool TextMatcher::Matches(std::string_view text) const {
  if (expression_ != nullptr) {
    return RE2::PartialMatch(re2::StringPiece(text.data(), text.size()), expression_->re);
  }
  return literal_.empty() ||
         memmem(text.data(), text.size(), literal_.data(), literal_.size()) != nullptr;
}

}  // namespace pannier::index

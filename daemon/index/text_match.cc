#include "daemon/index/text_match.h"

#include <re2/filtered_re2.h>
#include <re2/re2.h>
#include <string.h>  // memmem

#include <algorithm>
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

// What a pattern needs, as RE2 sees it: texts in lower case, and which sets of them suffice.
class PatternAtoms {
 public:
  explicit PatternAtoms(const std::string& pattern) : filter_(kAtomBytesMin) {
    int id = 0;
    known_ = filter_.Add(pattern, Dialect(), &id) == RE2::NoError;
    if (known_) filter_.Compile(&atoms_);
  }

  TextNeedles Alternatives() const {
    TextNeedles anything = {{}};
    if (!known_ || atoms_.empty() || Suffices({})) return anything;
    TextNeedles alternatives;
    std::vector<int> rest;
    for (int atom = 0; atom < static_cast<int>(atoms_.size()); ++atom) {
      if (Suffices({atom})) {
        alternatives.push_back(Texts({atom}));
      } else {
        rest.push_back(atom);
      }
    }
    if (Suffices(rest) && !AddCombinations(rest, &alternatives)) return anything;
    return alternatives;
  }

 private:
  static constexpr int kAtomBytesMin = 3;
  static constexpr size_t kCombinedMax = 8;

  bool Suffices(const std::vector<int>& atoms) const {
    std::vector<int> possible;
    filter_.AllPotentials(atoms, &possible);
    return !possible.empty();
  }
  // More is needed when more is there: only the smallest sets that suffice count.
  bool AddCombinations(const std::vector<int>& rest, TextNeedles* alternatives) const {
    if (rest.size() > kCombinedMax) return false;
    std::vector<uint32_t> smallest;
    std::vector<uint32_t> sets;
    for (uint32_t set = 1; set < (1u << rest.size()); ++set) sets.push_back(set);
    std::stable_sort(sets.begin(), sets.end(), [](uint32_t a, uint32_t b) {
      return __builtin_popcount(a) < __builtin_popcount(b);
    });
    for (const uint32_t set : sets) {
      if (std::any_of(smallest.begin(), smallest.end(),
                      [set](uint32_t other) { return (set & other) == other; })) {
        continue;
      }
      std::vector<int> atoms;
      for (size_t i = 0; i < rest.size(); ++i) {
        if ((set >> i & 1) != 0) atoms.push_back(rest[i]);
      }
      if (!Suffices(atoms)) continue;
      smallest.push_back(set);
      alternatives->push_back(Texts(atoms));
    }
    return true;
  }
  // RE2 lowers letters beyond ASCII as well, and texts here are not: what is left are the pieces
  // between.
  std::vector<std::string> Texts(const std::vector<int>& atoms) const {
    std::vector<std::string> texts;
    for (const int atom : atoms) {
      std::string piece;
      for (const char c : atoms_[static_cast<size_t>(atom)] + "\x80") {
        if ((static_cast<uint8_t>(c) & 0x80) == 0) {
          piece.push_back(c);
        } else if (!piece.empty()) {
          texts.push_back(std::exchange(piece, {}));
        }
      }
    }
    return texts;
  }

  re2::FilteredRE2 filter_;
  std::vector<std::string> atoms_;
  bool known_ = false;
};

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

TextNeedles TextMatcher::Needles() const {
  if (expression_ == nullptr) return {{literal_}};
  return PatternAtoms(expression_->re.pattern()).Alternatives();
}

}  // namespace pannier::index

// One test on a document's text: a literal or a regular expression. The only file here that knows
// RE2. Threads: const methods from any.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "lib/core/result.h"

namespace pannier::index {

// What a text must contain to pass a test: all texts of one of the alternatives, letters of ASCII
// in either case. An alternative of no texts: anything may pass. Necessary, never sufficient.
using TextNeedles = std::vector<std::vector<std::string>>;

class TextMatcher {
 public:
  // Matches texts that contain `literal`, byte for byte; the empty one is in every text.
  static TextMatcher Literal(std::string literal);
  // Matches texts in which RE2 finds `pattern` anywhere. Linear in the text; memory per pattern is
  // bounded.
  //   kInvalidArgument  "Regex syntax errror: …" (Chroma's spelling)
  static Result<TextMatcher> Regex(const std::string& pattern);

  TextMatcher(TextMatcher&&) noexcept;
  TextMatcher& operator=(TextMatcher&&) noexcept;
  ~TextMatcher();

  bool Matches(std::string_view text) const;
  // Costs about as much as compiling the pattern.
  TextNeedles Needles() const;

 private:
  struct Expression;
  TextMatcher();
  std::string literal_;
  std::unique_ptr<const Expression> expression_;  // null: literal
};

}  // namespace pannier::index

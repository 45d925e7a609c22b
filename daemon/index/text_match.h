// One test on a document's text: a literal or a regular expression. The only file here that knows
// RE2. Threads: const methods from any.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "lib/core/result.h"

namespace pannier::index {

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

 private:
  struct Expression;
  TextMatcher();
  std::string literal_;
  std::unique_ptr<const Expression> expression_;  // null: literal
};

}  // namespace pannier::index

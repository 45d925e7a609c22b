#include "daemon/index/text_match.h"

#include <catch2/catch.hpp>

namespace pannier::index {
namespace {

bool Finds(const std::string& pattern, std::string_view text) {
  return TextMatcher::Regex(pattern).value().Matches(text);
}

TEST_CASE("text: a literal is found byte for byte, whatever it contains", "[daemon][index]") {
  REQUIRE(TextMatcher::Literal("").Matches(""));
  REQUIRE(TextMatcher::Literal("").Matches("x"));
  REQUIRE(!TextMatcher::Literal("x").Matches(""));
  REQUIRE(TextMatcher::Literal("50%_*\\").Matches("at 50%_*\\ off"));
  REQUIRE(!TextMatcher::Literal("Straße").Matches("strasse Strasse"));
  REQUIRE(TextMatcher::Literal("ß").Matches("Straße"));
  REQUIRE(TextMatcher::Literal(std::string("b\0c", 3)).Matches(std::string_view("ab\0cd", 5)));
  REQUIRE(!TextMatcher::Literal("abc").Matches("ab"));
}

TEST_CASE("text: expressions search anywhere, in the dialect of Chroma's users",
          "[daemon][index]") {
  REQUIRE(Finds("w.rld", "hello world!"));
  REQUIRE(!Finds("^world", "hello world"));
  REQUIRE(!Finds("a.b", "a\nb"));
  REQUIRE(Finds("(?s)a.b", "a\nb"));
  REQUIRE(Finds("(?i)HELLO", "hello"));
  REQUIRE(Finds("(?m)^two$", "one\ntwo\nthree"));
  REQUIRE(Finds("\\bcat\\b", "a cat sat"));
  REQUIRE(!Finds("\\bcat\\b", "concatenate"));
  REQUIRE(Finds("\\p{Greek}+", "αβγ"));
  REQUIRE(Finds("^.$", "ß"));
  REQUIRE(Finds("\\d{3}-\\d+", "call 555-1234"));
  REQUIRE(Finds("", ""));
}

TEST_CASE("text: a pattern that does not compile is the caller's mistake, in Chroma's words",
          "[daemon][index]") {
  for (const std::string pattern : {"(", "[a", "a**", "(?=x)", "\\1", "*", "(?<=a)b"}) {
    CAPTURE(pattern);
    const auto matcher = TextMatcher::Regex(pattern);
    REQUIRE(matcher.Is(Errc::kInvalidArgument));
    REQUIRE(matcher.error().what.rfind("Regex syntax errror: ", 0) == 0);
  }
  REQUIRE(TextMatcher::Regex(std::string(100'000, 'a')).Is(Errc::kInvalidArgument));
  REQUIRE(TextMatcher::Regex("((a{1,1000}){1,1000}){1,1000}").Is(Errc::kInvalidArgument));
}

TEST_CASE("text: an expression that would backtrack for ever elsewhere ends at once",
          "[daemon][index]") {
  REQUIRE(!Finds("(a*)*(b*)*c$", std::string(100'000, 'a')));
}

}  // namespace
}  // namespace pannier::index

// Goal: signatures never miss a document that contains what is looked for, and pass few others.
// Method: random texts and patterns, checked against the documents themselves.
#include "daemon/index/text_signatures.h"

#include <algorithm>
#include <catch2/catch.hpp>
#include <string>
#include <vector>

#include "tests/daemon/index/random.h"

namespace pannier::index {
namespace {

using Kind = TextSignatures::Kind;

constexpr char kKelvinSign[] =
    "\xE2\x84\xAA"
    "elvin";

std::string RandomText(Random& random, size_t words) {
  static const char* kWords[] = {"Otter", "otter", "straße",      "STRASSE", kKelvinSign, "Kelvin",
                                 "a",     "of",    "mi\xC5\xBFt", "mist",    "Ärger",     "ärger"};
  std::string text;
  for (size_t i = 0; i < words; ++i) {
    text += kWords[random.Below(std::size(kWords))];
    text += random.OneIn(3) ? std::to_string(random.Below(1000)) : " ";
  }
  return text;
}

// Where the character begins that `at` is in: what is looked for is UTF-8, as documents are.
size_t CharacterAt(const std::string& text, size_t at) {
  while (at > 0 && at < text.size() && (static_cast<uint8_t>(text[at]) & 0xC0) == 0x80) --at;
  return at;
}

std::shared_ptr<const TextSignatures> Sign(Random& random,
                                           const std::vector<std::string>& documents) {
  auto signatures = std::make_shared<const TextSignatures>();
  for (size_t next = 0; next < documents.size();) {
    TextSignatures::Appender appender(*signatures);
    const size_t step =
        std::min<size_t>({documents.size() - next, appender.room(), size_t{1} + random.Below(200)});
    for (size_t i = 0; i < step; ++i) appender.Add(Kind::kText, documents[next++]);
    signatures = appender.Finish();
    REQUIRE(signatures->covered() == next);
  }
  return signatures;
}

void RequireNoneMissed(const TextSignatures& signatures, const TextMatcher& matcher,
                       const std::vector<std::string>& documents) {
  RowBits may(signatures.covered());
  signatures.FindMay(matcher.Needles(), &may);
  for (uint32_t row = 0; row < documents.size(); ++row) {
    if (!matcher.Matches(documents[row])) continue;
    CAPTURE(documents[row]);
    REQUIRE(may.Test(row));
  }
}

TEST_CASE("signatures: no document that contains a text or matches a pattern is missed",
          "[daemon][index][text]") {
  const uint64_t seed = TestSeed();
  CAPTURE(seed);
  Random random(seed);
  std::vector<std::string> documents;
  // Documents get longer, so that signatures widen on the way.
  for (size_t i = 0; i < 2'000; ++i) documents.push_back(RandomText(random, i / 40));
  const auto signatures = Sign(random, documents);
  for (int i = 0; i < 200; ++i) {
    const std::string& from = documents[random.Below(documents.size())];
    const size_t at = CharacterAt(from, random.Below(from.size() + 1));
    const size_t end = CharacterAt(from, std::min(from.size(), at + random.Below(12)));
    const std::string piece = from.substr(at, end - at);
    CAPTURE(piece);
    RequireNoneMissed(*signatures, TextMatcher::Literal(piece), documents);
  }
  for (const char* pattern :
       {"otter", "(?i)OTTER", "(?i)kelvin", "(?i)mist", "Kel(vin|v.n) ", "(?i)ÄRGER", "stra(ß|ss)e",
        "(Otter|mist)[0-9]+a", "^a ", "[ok][tr][a-f]", "o.*9.*(of|mist).*Kelvin", "", ".", "\\d{3}",
        "(a|of|mist|Otter|otter|Kelvin|straße|STRASSE|Ärger|ärger)12", "(?:otter)?", "ſt", "K",
        "\xE2\x84\xAA"
        "el"}) {
    CAPTURE(pattern);
    RequireNoneMissed(*signatures, TextMatcher::Regex(pattern).value(), documents);
  }
}

// A pattern in the dialect of Chroma's users, of what RandomText() has.
std::string RandomPattern(Random& random) {
  constexpr uint64_t kPartsMax = 4;
  static const char* kParts[] = {"Otter",        "otter",       "stra",      "ße",       "mist",
                                 "Kelvin",       "Ärger",       "[oO]",      "[tT]t",    "[a-e]",
                                 "[^a-y]",       "[ſs]t",       "[ÄA]r",     "\\d",      "\\d{2,3}",
                                 "[0-4]",        ".",           "\\w+",      "\\s",      "\\b",
                                 "(?:er)",       "e?r*",        "a|of",      "\\x6ft",   "l{1,2}",
                                 "\\p{Lu}",      "(of|mist) ?", "\\x{212A}", "(?i:OTT)", "(?-i:K)",
                                 "[[:alpha:]]t", "\\."};
  static const char* kHeads[] = {"", "", "(?i)", "^", "(?i)^", "(?s)", "\\b"};
  std::string pattern = kHeads[random.Below(std::size(kHeads))];
  const auto count = 1 + random.Below(kPartsMax);
  for (uint64_t i = 0; i < count; ++i) {
    std::string part = kParts[random.Below(std::size(kParts))];
    if (random.OneIn(6)) part = "(?:" + part + ")" + "?*+"[random.Below(3)];
    if (i > 0 && random.OneIn(8)) pattern += "|";
    pattern += part;
  }
  return random.OneIn(8) ? pattern + "$" : pattern;
}

TEST_CASE("signatures: whatever the expression, no document that matches is missed",
          "[daemon][index][text]") {
  const uint64_t seed = TestSeed();
  CAPTURE(seed);
  Random random(seed);
  std::vector<std::string> documents;
  for (size_t i = 0; i < 1'100; ++i) documents.push_back(RandomText(random, i / 100));
  const auto signatures = Sign(random, documents);
  for (int i = 0; i < 400; ++i) {
    const std::string pattern = RandomPattern(random);
    CAPTURE(pattern);
    RequireNoneMissed(*signatures, TextMatcher::Regex(pattern).value(), documents);
  }
}

TEST_CASE("signatures: of many alternatives of three letters each, few pass that do not match",
          "[daemon][index][text]") {
  Random random(11);
  std::vector<std::string> documents;
  for (int i = 0; i < 1'500; ++i) {
    std::string& text = documents.emplace_back();
    // Letters of ordinary words: in no document three of these follow one another by chance.
    for (int word = 0; word < 40; ++word) {
      for (int at = 0; at < 6; ++at) text += "abcdefghijklmnop"[random.Below(16)];
      text += ' ';
    }
    if (i % 100 == 5) text += "xjb";
  }
  const auto signatures = Sign(random, documents);
  RowBits may(signatures->covered());
  signatures->FindMay(TextMatcher::Regex("[xq][jz][a-c]").value().Needles(), &may);
  for (uint32_t row = 5; row < 1'500; row += 100) REQUIRE(may.Test(row));
  // 15 match; two runs of three bytes share a key, and each document has about 200 of them.
  REQUIRE(may.Count() < 30);
}

TEST_CASE("signatures: few documents pass by chance, and rows that were not read always do",
          "[daemon][index][text]") {
  Random random(7);
  TextSignatures empty;
  TextSignatures::Appender appender(empty);
  std::string text;
  for (uint32_t row = 0; row < TextSignatures::kBlockRows; ++row) {
    text.clear();
    for (int i = 0; i < 60; ++i) text += std::to_string(random.Below(1'000'000)) + " ";
    if (row == 100) text += "ocelot";
    appender.Add(row == 7 ? Kind::kUnread : (row == 8 ? Kind::kNone : Kind::kText), text);
  }
  REQUIRE(appender.room() == 0);
  const auto signatures = appender.Finish();
  RowBits may(signatures->covered());
  signatures->FindMay({{"ocelot"}}, &may);
  REQUIRE(may.Test(100));
  REQUIRE(may.Test(7));
  REQUIRE_FALSE(may.Test(8));
  REQUIRE(may.Count() < 10);
  RowBits other(signatures->covered());
  signatures->FindMay({{"wombat"}, {"ocelot", "elo"}}, &other);
  REQUIRE(other.Test(100));
}

TEST_CASE("signatures: every letter that stands for one of ASCII without case is folded to it",
          "[daemon][index][text]") {
  const TextMatcher letter = TextMatcher::Regex("^(?i)[a-z]$").value();
  std::string strange;
  for (uint32_t rune = 0x80; rune <= 0xFFFF; ++rune) {
    if (rune >= 0xD800 && rune <= 0xDFFF) continue;
    std::string text;
    if (rune < 0x800) {
      text = {static_cast<char>(0xC0 | rune >> 6), static_cast<char>(0x80 | (rune & 63))};
    } else {
      text = {static_cast<char>(0xE0 | rune >> 12), static_cast<char>(0x80 | (rune >> 6 & 63)),
              static_cast<char>(0x80 | (rune & 63))};
    }
    if (letter.Matches(text)) strange += text;
  }
  REQUIRE(strange == "\xC5\xBF\xE2\x84\xAA");
}

TEST_CASE("needles: what a pattern needs is found in it", "[daemon][index][text]") {
  const auto needles = [](const char* pattern) {
    TextNeedles found = TextMatcher::Regex(pattern).value().Needles();
    std::sort(found.begin(), found.end());
    return found;
  };
  REQUIRE(needles("ocel[oa]t s") == TextNeedles{{"ocelat s"}, {"ocelot s"}});
  REQUIRE(needles("Otter.*mist").front().size() == 2);
  REQUIRE(needles("\\d+") == TextNeedles{{}});
  REQUIRE(TextMatcher::Literal("x").Needles() == TextNeedles{{"x"}});
}

}  // namespace
}  // namespace pannier::index

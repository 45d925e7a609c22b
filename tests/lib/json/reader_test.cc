// Goal: hot JSON is checked whole, numbers keep their type and value, limits hold.
#include <catch2/catch.hpp>
#include <cstring>
#include <limits>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "lib/json/reader.h"
#include "lib/json/widen.h"
#include "lib/json/writer.h"

using namespace pannier;
using namespace pannier::json;

namespace {

Kind KindOf(const std::string& text) {
  Document document;
  return document.ParseCopy(text).value().kind();
}

double NumberOf(const std::string& text) {
  Document document;
  return document.ParseCopy(text).value().AsDouble();
}

int64_t IntOf(const std::string& text) {
  Document document;
  return document.ParseCopy(text).value().AsInt();
}

std::string Nested(int depth) { return std::string(depth, '[') + "1" + std::string(depth, ']'); }

}  // namespace

TEST_CASE("json: every kind of value is read as what it is", "[lib][json]") {
  REQUIRE(KindOf("null") == Kind::kNull);
  REQUIRE(KindOf("true") == Kind::kBool);
  REQUIRE(KindOf("1") == Kind::kInt);
  REQUIRE(KindOf("1.0") == Kind::kDouble);
  REQUIRE(KindOf("1e3") == Kind::kDouble);
  REQUIRE(KindOf("\"x\"") == Kind::kString);
  REQUIRE(KindOf("[]") == Kind::kArray);
  REQUIRE(KindOf(" {} ") == Kind::kObject);
}

TEST_CASE("json: the depth that documents may have is a setting", "[lib][json]") {
  SetDepthMax(16);
  Document shallow;
  SetDepthMax(kDepthMax);
  REQUIRE(shallow.ParseCopy(Nested(15)).ok());
  REQUIRE(shallow.ParseCopy(Nested(16)).Is(Errc::kInvalidArgument));
  REQUIRE(Document().ParseCopy(Nested(127)).ok());
}

TEST_CASE("json: integers within 64 bits stay exact, wider ones become doubles", "[lib][json]") {
  REQUIRE(IntOf("9223372036854775807") == std::numeric_limits<int64_t>::max());
  REQUIRE(IntOf("-9223372036854775808") == std::numeric_limits<int64_t>::min());
  REQUIRE(IntOf("9007199254740993") == 9007199254740993);
  for (const char* wide : {"9223372036854775808", "18446744073709551615", "18446744073709551616",
                           "-9223372036854775809", "123456789012345678901234567890"}) {
    CAPTURE(wide);
    REQUIRE(KindOf(wide) == Kind::kDouble);
    REQUIRE(NumberOf(wide) == std::stod(wide));
  }
}

TEST_CASE("json: AsUnsigned gives integers of 64 bits exactly", "[lib][json]") {
  Document document;
  REQUIRE(document.ParseCopy("18446744073709551615").value().AsUnsigned() == UINT64_MAX);
  REQUIRE(document.ParseCopy("0").value().AsUnsigned() == 0);
  for (const char* other : {"-1", "1.0", "18446744073709551616", "true", "\"1\"", "null"}) {
    REQUIRE_FALSE(document.ParseCopy(other).value().AsUnsigned().has_value());
  }
}

TEST_CASE("json: widening touches only literals that need it", "[lib][json]") {
  std::string out = "as it was";
  REQUIRE_FALSE(WidenIntegers(R"({"a":"99999999999999999999","b":18446744073709551615})", &out));
  REQUIRE(out == "as it was");
  REQUIRE(WidenIntegers(R"([99999999999999999999,"\"99999999999999999999",-1,1e30])", &out));
  REQUIRE(out == R"([99999999999999999999.0,"\"99999999999999999999",-1,1e30])");
  Document document;
  const Value value =
      document.ParseCopy(R"({"k":[1,99999999999999999999],"99999999999999999999":"x"})").value();
  REQUIRE(value.Find("99999999999999999999")->AsString() == "x");
  REQUIRE(value.Find("k")->size() == 2);
}

TEST_CASE("json: what is not JSON is refused", "[lib][json]") {
  Document document;
  for (const std::string bad : {"",
                                " ",
                                "{",
                                "[1,]",
                                "{\"a\"}",
                                "nul",
                                "NaN",
                                "[Infinity]",
                                "01",
                                "1.",
                                "-",
                                "+1",
                                ".5",
                                "1e",
                                "0x10",
                                "'a'",
                                "{a:1}",
                                "1 2",
                                "[1e400]",
                                "-1e999",
                                "\"a",
                                "\"\\x\"",
                                "\"\\u12\"",
                                "\"\x01\"",
                                "\"\xff\"",
                                "\"\xc0\x80\"",
                                "\"\xed\xa0\x80\"",
                                "\xef\xbb\xbf{}",
                                "\"\\ud800\"",
                                "\"\\udc00\"",
                                "\"\\ud800\\u0041\"",
                                "\"\\ud800x\"",
                                "[1] // c",
                                "[1}"}) {
    CAPTURE(bad);
    REQUIRE(document.ParseCopy(bad).Is(Errc::kInvalidArgument));
  }
  const std::string wide = std::string(400, '9');
  REQUIRE(document.ParseCopy(wide).Is(Errc::kInvalidArgument));  // beyond any double
  REQUIRE(document.ParseCopy("[" + wide + ".5]").Is(Errc::kInvalidArgument));
  REQUIRE(document.ParseCopy("[1]").ok());  // and the document still works
}

TEST_CASE("json: strings come out decoded, as valid UTF-8", "[lib][json]") {
  Document document;
  const Value value =
      document.ParseCopy(R"(["\ud83d\ude00", "a\u0000b", "\"\\\/\b\f\n\r\t", "żółw"])").value();
  std::vector<std::string> read;
  value.ForEachElement([&](Value element) {
    read.emplace_back(element.AsString());
    return true;
  });
  const std::vector<std::string> want = {"\xF0\x9F\x98\x80", std::string("a\0b", 3),
                                         "\"\\/\b\f\n\r\t", "żółw"};
  REQUIRE(read == want);
  for (const std::string& text : read) REQUIRE(IsUtf8(text));
}

TEST_CASE("json: nesting of 127 is read, of 128 refused", "[lib][json]") {
  Document document;
  REQUIRE(document.ParseCopy(Nested(127)).ok());
  REQUIRE(document.ParseCopy(Nested(128)).Is(Errc::kInvalidArgument));
  REQUIRE(document.ParseCopy(Nested(100'000)).Is(Errc::kInvalidArgument));
  REQUIRE(document.ParseCopy(std::string(1'000'000, '[')).Is(Errc::kInvalidArgument));
  document.Trim();
  REQUIRE(document.ParseCopy(Nested(128)).Is(Errc::kInvalidArgument));  // the limit survives
}

TEST_CASE("json: objects show all members in order and Find gives the last", "[lib][json]") {
  Document document;
  const Value value = document.ParseCopy(R"({"b":1,"a":null,"b":2})").value();
  std::string keys;
  value.ForEachMember([&](std::string_view key, Value) {
    keys += key;
    return true;
  });
  REQUIRE(keys == "bab");
  REQUIRE(value.size() == 3);
  REQUIRE(value.Find("b")->AsInt() == 2);
  REQUIRE(value.Find("a")->is_null());
  REQUIRE_FALSE(value.Find("c").has_value());
  int visits = 0;
  value.ForEachMember([&](std::string_view, Value) { return ++visits < 2; });
  REQUIRE(visits == 2);
}

TEST_CASE("json: AppendFloats narrows as a cast does and leaves no trace of a failure",
          "[lib][json]") {
  Document document;
  std::vector<float> out = {7};
  REQUIRE(document.ParseCopy("[1, 0.1, -2.5e-3, 18446744073709551615, 1e39]")
              .value()
              .AppendFloats(&out));
  REQUIRE(out.size() == 6);
  REQUIRE(out[2] == static_cast<float>(0.1));
  REQUIRE(out[3] == -2.5e-3f);
  REQUIRE(out[5] == std::numeric_limits<float>::infinity());
  for (const char* bad : {"[1,null]", "[1,\"2\"]", "[[1]]", "[true]"}) {
    REQUIRE_FALSE(document.ParseCopy(bad).value().AppendFloats(&out));
    REQUIRE(out.size() == 6);
  }
}

TEST_CASE("json: counts beyond simdjson's 24 bits are exact", "[lib][json]") {
  std::string text = "[0";
  constexpr size_t kCount = (1 << 24) + 3;
  text.reserve(kCount * 2 + 2);
  for (size_t i = 1; i < kCount; ++i) text += ",0";
  text += ']';
  Document document;
  REQUIRE(document.ParseCopy(text).value().size() == kCount);
}

TEST_CASE("json: a document gives back memory above 1 MiB, and borrowed ones nest", "[lib][json]") {
  Document document;
  REQUIRE(document.ParseCopy("[\"" + std::string(4 << 20, 'x') + "\"]").ok());
  REQUIRE(document.MemoryKept() > (1 << 20));
  document.Trim();
  REQUIRE(document.MemoryKept() <= (1 << 20));

  BorrowedDocument outer;
  const Value kept = outer->ParseCopy("[\"outer\"]").value();
  for (int i = 0; i < 5; ++i) {
    BorrowedDocument inner;
    REQUIRE(inner->ParseCopy("[\"inner value\"]").ok());
  }
  kept.ForEachElement([](Value element) {
    REQUIRE(element.AsString() == "outer");
    return true;
  });
}

// Method: numbers of all sizes are printed by the writer and must read back the same.
TEST_CASE("json: random numbers survive writing and reading", "[lib][json][property]") {
  const uint64_t seed = std::random_device()();
  CAPTURE(seed);
  std::mt19937_64 random(seed);
  Document document;
  for (int i = 0; i < 20'000; ++i) {
    const uint64_t bits = random();
    std::string text;
    AppendInt(static_cast<int64_t>(bits), &text);
    REQUIRE(document.ParseCopy(text).value().AsInt() == static_cast<int64_t>(bits));

    double number;
    std::memcpy(&number, &bits, sizeof(number));
    if (!std::isfinite(number)) continue;
    text.clear();
    AppendDouble(number, &text);
    const Value value = document.ParseCopy(text).value();
    REQUIRE(value.kind() == Kind::kDouble);
    REQUIRE(value.AsDouble() == number);

    const auto half = static_cast<uint32_t>(bits);
    float narrow;
    std::memcpy(&narrow, &half, sizeof(narrow));
    if (!std::isfinite(narrow)) continue;
    text.clear();
    AppendFloats(std::vector<float>{narrow}, &text);
    std::vector<float> back;
    REQUIRE(document.ParseCopy(text).value().AppendFloats(&back));
    REQUIRE(std::memcmp(back.data(), &narrow, sizeof(narrow)) == 0);
  }
}

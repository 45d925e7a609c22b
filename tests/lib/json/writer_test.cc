// Goal: answers are JSON that every client reads back as the same value and type.
#include <catch2/catch.hpp>
#include <limits>
#include <random>
#include <string>
#include <vector>

#include "lib/json/reader.h"
#include "lib/json/writer.h"

using namespace pannier;
using namespace pannier::json;

namespace {

std::string Double(double number) {
  std::string out;
  AppendDouble(number, &out);
  return out;
}
std::string Float(float number) {
  std::string out;
  AppendFloat(number, &out);
  return out;
}
std::string Text(std::string_view text) {
  std::string out;
  AppendString(text, &out);
  return out;
}

}  // namespace

TEST_CASE("json: doubles always show that they are no integers", "[lib][json]") {
  REQUIRE(Double(1) == "1.0");
  REQUIRE(Double(-1) == "-1.0");
  REQUIRE(Double(0.1) == "0.1");
  REQUIRE(Double(0) == "0.0");
  REQUIRE(Double(-0.0) == "0.0");
  REQUIRE(Double(1e300) == "1e+300");
  REQUIRE(Double(123456789012345678.0) == "123456789012345680.0");
  REQUIRE(Double(5e-324) == "5e-324");
  REQUIRE(Double(-std::numeric_limits<double>::max()) == "-1.7976931348623157e+308");
}

TEST_CASE("json: floats print as the shortest decimal of the same float", "[lib][json]") {
  REQUIRE(Float(0.1f) == "0.1");
  REQUIRE(Float(1.81f) == "1.81");
  REQUIRE(Float(3) == "3.0");
  REQUIRE(Float(16777216.0f) == "16777216.0");
  REQUIRE(Float(std::numeric_limits<float>::denorm_min()) == "1e-45");
}

TEST_CASE("json: what is not finite becomes null", "[lib][json]") {
  const float inf = std::numeric_limits<float>::infinity();
  REQUIRE(Float(inf) == "null");
  REQUIRE(Double(std::nan("")) == "null");
  std::string out;
  AppendFloats(std::vector<float>{1, -inf, 2}, &out);
  REQUIRE(out == "[1.0,null,2.0]");
}

TEST_CASE("json: float lists of every length are well formed", "[lib][json]") {
  for (size_t size : {0, 1, 63, 64, 65, 128, 1000}) {
    const std::vector<float> numbers(size, 0.5f);
    std::string out;
    AppendFloats(numbers, &out);
    Document document;
    std::vector<float> back;
    REQUIRE(document.ParseCopy(out).value().AppendFloats(&back));
    REQUIRE(back == numbers);
  }
}

TEST_CASE("json: strings escape what JSON demands and nothing else", "[lib][json]") {
  REQUIRE(Text("") == "\"\"");
  REQUIRE(Text("a\"b\\c/") == R"("a\"b\\c/")");
  REQUIRE(Text(std::string("\0\x01\b\t\n\f\r\x1f\x7f", 9)) ==
          "\"\\u0000\\u0001\\b\\t\\n\\f\\r\\u001f\x7f\"");
  REQUIRE(Text("żółw 😀") == "\"żółw 😀\"");
}

TEST_CASE("json: random strings survive writing and reading", "[lib][json][property]") {
  const uint64_t seed = std::random_device()();
  CAPTURE(seed);
  std::mt19937_64 random(seed);
  Document document;
  for (int i = 0; i < 5'000; ++i) {
    std::string text(random() % 40, ' ');
    for (char& c : text) c = static_cast<char>(random() % 8 ? random() % 128 : random() % 33);
    if (i % 3 == 0) text.insert(text.size() / 2, "żółw\xF0\x9F\x98\x80");
    REQUIRE(document.ParseCopy(Text(text)).value().AsString() == text);
  }
}

TEST_CASE("json: IsUtf8 knows overlong forms, surrogates and cut sequences", "[lib][json]") {
  REQUIRE(IsUtf8(""));
  REQUIRE(IsUtf8("żółw \xF0\x9F\x98\x80"));
  for (const char* bad : {"\x80", "\xc3", "\xc0\xaf", "\xed\xa0\x80", "\xf4\x90\x80\x80", "\xff"}) {
    REQUIRE_FALSE(IsUtf8(bad));
  }
}

// Goal: base64 is decoded exactly, and only when it is what an encoder would have written.
#include <catch2/catch.hpp>
#include <random>
#include <string>
#include <vector>

#include "lib/json/base64.h"

using namespace pannier::json;

namespace {

std::optional<std::string> Decode(std::string_view text) {
  const std::optional<size_t> size = Base64Size(text);
  if (!size) return std::nullopt;
  std::string out(*size, '\0');
  if (!DecodeBase64(text, reinterpret_cast<uint8_t*>(out.data()))) return std::nullopt;
  return out;
}

}  // namespace

TEST_CASE("base64: known texts", "[lib][json]") {
  REQUIRE(Decode("") == "");
  REQUIRE(Decode("Zg==") == "f");
  REQUIRE(Decode("Zm8=") == "fo");
  REQUIRE(Decode("Zm9v") == "foo");
  REQUIRE(Decode("Zm9vYmFy") == "foobar");
  REQUIRE(Decode("+/+/") == "\xfb\xff\xbf");
  REQUIRE(Decode("AACAPwAAAEA=") == std::string("\0\0\x80\x3f\0\0\0\x40", 8));
}

TEST_CASE("base64: anything else is refused", "[lib][json]") {
  for (const char* bad : {"Z",        "Zg",         "Zg=",      "Zg===", "====", "=",    "Zh==",
                          "Zm9=",     "Zm9v\n",     " Zm9",     "Zm-v",  "Zm_v", "Z===", "Zg==Zg==",
                          "Zm9vZ=Fy", "\xc3\xbcm9", "Zm9v====", "A===",  "AA=A", "=AAA"}) {
    CAPTURE(bad);
    REQUIRE_FALSE(Decode(bad).has_value());
  }
}

TEST_CASE("base64: random bytes survive, and each changed character is noticed",
          "[lib][json][property]") {
  const uint64_t seed = std::random_device()();
  CAPTURE(seed);
  std::mt19937_64 random(seed);
  for (int i = 0; i < 3'000; ++i) {
    std::string bytes(random() % 50, '\0');
    for (char& c : bytes) c = static_cast<char>(random());
    std::string text;
    AppendBase64(bytes, &text);
    REQUIRE(Decode(text) == bytes);
    if (text.empty()) continue;
    text[random() % text.size()] = static_cast<char>(random());
    const std::optional<std::string> changed = Decode(text);
    if (!changed) continue;
    std::string again;
    AppendBase64(*changed, &again);
    REQUIRE(again == text);  // what is accepted is canonical
  }
}

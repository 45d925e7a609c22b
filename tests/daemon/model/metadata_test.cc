// Goal: metadata comes back as the same values of the same types.
#include <catch2/catch.hpp>
#include <cmath>
#include <cstring>
#include <map>
#include <random>

#include "daemon/model/metadata.h"

using namespace pannier;
using namespace pannier::model;

namespace {

std::string RandomText(std::mt19937_64& random) {
  static const char* const kPieces[] = {"a",    "\"", "\\", "\n", "é", "\xF0\x9F\x98\x80",
                                        "\x01", "z9"};
  std::string text;
  for (size_t n = random() % 6; n > 0; --n) text += kPieces[random() % std::size(kPieces)];
  return text;
}

double RandomDouble(std::mt19937_64& random) {
  if (random() % 3 == 0) return static_cast<double>(static_cast<int64_t>(random() % 2000)) - 1000;
  const uint64_t bits = random();
  double number;
  std::memcpy(&number, &bits, sizeof(number));
  return std::isfinite(number) && number != 0 ? number : 0.5;
}

template <typename T, typename Make>
std::vector<T> Some(std::mt19937_64& random, Make make) {
  std::vector<T> out;
  for (size_t n = 1 + random() % 4; n > 0; --n) out.push_back(make(random));
  return out;
}

MetadataValue RandomValue(std::mt19937_64& random) {
  const auto whole = [](auto& r) { return static_cast<int64_t>(r()); };
  switch (random() % 8) {
    case 0:
      return random() % 2 == 0;
    case 1:
      return whole(random);
    case 2:
      return RandomDouble(random);
    case 3:
      return RandomText(random);
    case 4:
      return Some<bool>(random, [](auto& r) { return r() % 2 == 0; });
    case 5:
      return Some<int64_t>(random, whole);
    case 6:
      return Some<double>(random, RandomDouble);
    default:
      return Some<std::string>(random, RandomText);
  }
}

Metadata RandomMetadata(std::mt19937_64& random) {
  std::map<std::string, MetadataValue> unique;
  for (size_t n = random() % 8; n > 0; --n) {
    unique["k" + std::to_string(random() % 12)] = RandomValue(random);
  }
  return Metadata(unique.begin(), unique.end());
}

}  // namespace

TEST_CASE("metadata: text is canonical", "[daemon][model]") {
  const Metadata metadata = {{"b", true},
                             {"gone", std::monostate()},
                             {"i", int64_t{9223372036854775807}},
                             {"f", 1.0},
                             {"z", -0.0},
                             {"s", std::string("a\"b")},
                             {"af", std::vector<double>{1.5, 2}},
                             {"ab", std::vector<bool>{true, false}},
                             {"as", std::vector<std::string>{"x", ""}}};
  REQUIRE(ToJson(metadata) ==
          R"({"b":true,"i":9223372036854775807,"f":1.0,"z":0.0,"s":"a\"b","af":[1.5,2.0],)"
          R"("ab":[true,false],"as":["x",""]})");
  REQUIRE(ToJson({}) == "{}");
  REQUIRE(ToJson({{"a", std::monostate()}}) == "{}");
}

TEST_CASE("metadata: random values survive the store's text", "[daemon][model][property]") {
  const uint64_t seed = std::random_device()();
  CAPTURE(seed);
  std::mt19937_64 random(seed);
  for (int i = 0; i < 3'000; ++i) {
    const Metadata metadata = RandomMetadata(random);
    const std::string text = ToJson(metadata);
    REQUIRE(ParseStoredMetadata(text).value() == metadata);
    REQUIRE(ToJson(ParseStoredMetadata(text).value()) == text);
  }
}

TEST_CASE("metadata: text that is not ours is corruption", "[daemon][model]") {
  for (const char* bad :
       {"", "[]", "{", "{\"a\":null}", "{\"a\":{}}", "{\"a\":[]}", "{\"a\":[[1]]}",
        "{\"a\":[1,\"x\"]}", "{\"a\":[1,1.0]}", "\"x\"", "{\"a\":\"\xff\"}"}) {
    CAPTURE(bad);
    REQUIRE(ParseStoredMetadata(bad).Is(Errc::kCorruption));
  }
}

TEST_CASE("metadata: merging sets, deletes and keeps", "[daemon][model]") {
  const Metadata base = {{"a", int64_t{1}}, {"b", std::string("x")}, {"c", true}};
  const Metadata patch = {
      {"c", std::vector<int64_t>{1}}, {"a", std::monostate()}, {"d", 2.0}, {"e", std::monostate()}};
  REQUIRE(ToJson(Merge(base, patch)) == R"({"b":"x","c":[1],"d":2.0})");
  REQUIRE(Merge(base, {}) == base);
  REQUIRE(Merge({}, patch).size() == 2);
}

// Method: a std::map is the model of a merge.
TEST_CASE("metadata: random merges agree with a map", "[daemon][model][property]") {
  const uint64_t seed = std::random_device()();
  CAPTURE(seed);
  std::mt19937_64 random(seed);
  for (int i = 0; i < 1'000; ++i) {
    const Metadata base = RandomMetadata(random);
    Metadata patch = RandomMetadata(random);
    for (auto& entry : patch) {
      if (random() % 3 == 0) entry.second = std::monostate();
    }
    std::map<std::string, MetadataValue> want(base.begin(), base.end());
    for (const auto& [key, value] : patch) {
      if (std::holds_alternative<std::monostate>(value)) {
        want.erase(key);
      } else {
        want[key] = value;
      }
    }
    const Metadata merged = Merge(base, patch);
    REQUIRE(std::map<std::string, MetadataValue>(merged.begin(), merged.end()) == want);
    REQUIRE(merged.size() == want.size());
  }
}

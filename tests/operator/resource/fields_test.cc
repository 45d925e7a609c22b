// Goal: what a struct says of its fields holds when it is read and when it is written.
// Method: a struct with a field of each sort; texts with one thing wrong each.
#include "operator/resource/fields.h"

#include <catch2/catch.hpp>

#include "operator/resource/resource.h"

using namespace pannier;
using namespace pannier::control;
using Json = nlohmann::json;

namespace {

enum class Colour { kRed, kGreen };
constexpr const char* kColours[] = {"Red", "Green"};

struct Inner {
  std::string name;
  std::optional<int64_t> count;
  void Fields(Visitor& v) {
    v.Text({.name = "name", .required = true, .length_max = 5}, &name);
    v.Number({.name = "count", .min = 1, .max = 10}, &count);
  }
};
struct Sample {
  std::string text, raw, amount;
  int64_t number = 7;
  bool flag = true;
  std::optional<WallTime> time;
  Colour colour = Colour::kGreen;
  std::vector<std::string> texts;
  std::map<std::string, std::string> map;
  Inner always;
  std::optional<Inner> maybe;
  std::vector<Inner> list;
  void Fields(Visitor& v) {
    v.Text({.name = "text", .length_max = 3}, &text);
    v.Raw({.name = "raw"}, &raw);
    v.Text({.name = "amount", .quantity = true}, &amount);
    v.Number({.name = "number", .max = 10}, &number);
    v.Flag({.name = "flag"}, &flag);
    v.Time({.name = "time"}, &time);
    v.Choice({.name = "colour"}, &colour, kColours);
    v.Texts({.name = "texts", .items_max = 2}, &texts);
    v.Map({.name = "map"}, &map);
    v.Object({.name = "always"}, &always);
    v.Object({.name = "maybe"}, &maybe);
    v.List({.name = "list", .items_max = 2}, &list);
  }
};

Result<Sample> Read(const char* text, Reader::Mode mode = Reader::Mode::kStrict) {
  return ReadFields<Sample>(Json::parse(text), "spec", mode);
}
std::string Blame(const char* text) {
  const Result<Sample> read = Read(text);
  return read.ok() ? "" : read.error().what;
}

}  // namespace

TEST_CASE("fields: what is read is written the same", "[operator][resource]") {
  const Json whole = Json::parse(R"({"text": "äöü", "raw": {"a": [1, {"b": null}]}, "number": 3,
    "amount": "10Gi", "flag": false, "time": "2025-01-31T12:00:00Z", "colour": "Red",
    "texts": ["x", "y"], "map": {"k": "v"}, "always": {"name": "n"},
    "maybe": {"name": "m", "count": 10}, "list": [{"name": "1"}, {"name": "2", "count": 1}]})");
  const Sample sample = ReadFields<Sample>(whole, "spec").value();
  REQUIRE(sample.colour == Colour::kRed);
  REQUIRE(sample.list[1].count == 1);
  REQUIRE(WriteFields(sample) == whole);
}

TEST_CASE("fields: what is absent has its default and is not written", "[operator][resource]") {
  const Sample sample = Read("{}").value();
  REQUIRE(sample.number == 7);
  REQUIRE(sample.colour == Colour::kGreen);
  REQUIRE_FALSE(sample.maybe.has_value());
  REQUIRE(WriteFields(sample) == Json::parse(R"({"number": 7, "flag": true, "colour": "Green"})"));
}

TEST_CASE("fields: unknown members are tolerated, null is absent", "[operator][resource]") {
  REQUIRE(Read(R"({"future": {"a": 1}, "number": null, "always": {"name": "n", "x": 1}})").ok());
}

TEST_CASE("fields: an amount may be a number", "[operator][resource]") {
  REQUIRE(Read(R"({"amount": 5})")->amount == "5");
}

TEST_CASE("fields: times are whole seconds", "[operator][resource]") {
  REQUIRE(WriteFields(Read(R"({"time": "2025-01-31T13:00:00.9+01:00"})").value())["time"] ==
          "2025-01-31T12:00:00Z");
}

TEST_CASE("fields: an error names the field", "[operator][resource]") {
  REQUIRE(Blame(R"({"text": 1})") == "spec.text: must be a string");
  REQUIRE(Blame(R"({"text": "abcd"})") == "spec.text: must have at most 3 characters");
  REQUIRE(Blame(R"({"number": "1"})") == "spec.number: must be an integer");
  REQUIRE(Blame(R"({"number": 1.5})") == "spec.number: must be an integer");
  REQUIRE(Blame(R"({"number": 11})") == "spec.number: must be at most 10");
  REQUIRE(Blame(R"({"flag": "yes"})") == "spec.flag: must be true or false");
  REQUIRE(Blame(R"({"time": "noon"})") == "spec.time: must be a time like 2025-01-31T12:00:00Z");
  REQUIRE(Blame(R"({"colour": "Blue"})") == "spec.colour: must be one of Red, Green");
  REQUIRE(Blame(R"({"texts": ["a", 1]})") == "spec.texts: must be a list of strings");
  REQUIRE(Blame(R"({"texts": ["a", "b", "c"]})") == "spec.texts: must have at most 2 items");
  REQUIRE(Blame(R"({"map": {"a": 1}})") == "spec.map: must be an object of strings");
  REQUIRE(Blame(R"({"raw": []})") == "spec.raw: must be an object");
  REQUIRE(Blame(R"({"always": []})") == "spec.always: must be an object");
  REQUIRE(Blame(R"({"maybe": {}})") == "spec.maybe.name: is required");
  REQUIRE(Blame(R"({"maybe": {"name": "x", "count": 0}})") ==
          "spec.maybe.count: must be at least 1");
  REQUIRE(Blame(R"({"list": [{"name": "x"}, {"name": "toolong"}]})") ==
          "spec.list[1].name: must have at most 5 characters");
  REQUIRE(Blame(R"({"list": [{"name": "x"}, 5]})") == "spec.list[1]: must be an object");
  REQUIRE(Blame(R"({"list": {}})") == "spec.list: must be a list");
  REQUIRE(Blame(R"({"list": [{"name": "1"}, {"name": "2"}, {"name": "3"}]})") ==
          "spec.list: must have at most 2 items");
  REQUIRE(Blame("[]") == "spec: must be an object");
}

TEST_CASE("fields: lenient reading passes over what is wrong", "[operator][resource]") {
  const Sample sample = Read(R"({"number": "x", "flag": false, "list": [{"count": 3}, 7, {}]})",
                             Reader::Mode::kLenient)
                            .value();
  REQUIRE(sample.number == 7);
  REQUIRE_FALSE(sample.flag);
  REQUIRE(sample.list.size() == 2);
  REQUIRE(sample.list[0].count == 3);
}

#include "cli/output.h"

#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>

namespace pannier::cli {
namespace {

using nlohmann::json;

TEST_CASE("output: a table aligns its columns and writes sizes for people", "[cli]") {
  const json rows = json::parse(
      R"([{"name":"a","bytes_on_disk":1536,"open":true},{"name":"größer","open":false}])");
  REQUIRE(ToTable(rows, {{"NAME", "name"}, {"DISK", "bytes_on_disk"}, {"OPEN", "open"}}) ==
          "NAME    DISK     OPEN\n"
          "a       1.5 KiB  yes\n"
          "größer  -        no\n");
}

TEST_CASE("output: lines flatten objects and leave out lists", "[cli]") {
  const json tree = json::parse(R"({"mode":"normal","stores":{"open":3},"list":[1]})");
  REQUIRE(ToLines(tree) == "mode: normal\nstores.open: 3\n");
}

TEST_CASE("output: YAML keeps texts that look like something else", "[cli]") {
  const json tree =
      json::parse(R"({"a":"true","b":true,"c":"1.0","d":1.5,"e":null,"f":[],"g":"x y"})");
  REQUIRE(ToYaml(tree) == "a: \"true\"\nb: true\nc: \"1.0\"\nd: 1.5\ne: ~\nf: []\ng: x y\n");
}

TEST_CASE("output: JSON is indented and ends with a newline", "[cli]") {
  REQUIRE(ToJson(json::parse(R"({"a":1})")) == "{\n  \"a\": 1\n}\n");
}

}  // namespace
}  // namespace pannier::cli

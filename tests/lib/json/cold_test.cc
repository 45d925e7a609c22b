// Goal: cold JSON obeys the same rules as hot JSON and keeps types.
#include <catch2/catch.hpp>

#include "lib/json/cold.h"

using namespace pannier;
using namespace pannier::json;

TEST_CASE("cold JSON: what we wrote ourselves is read however deep others may go", "[json]") {
  SetDepthMax(8);
  const std::string deep = std::string(100, '[') + std::string(100, ']');
  REQUIRE(ParseCold(deep).Is(Errc::kInvalidArgument));
  REQUIRE(ParseOwn(deep).ok());
  SetDepthMax(kDepthMax);
  REQUIRE(ParseOwn(std::string(5'000, '[') + std::string(5'000, ']')).Is(Errc::kInvalidArgument));
}

TEST_CASE("cold json: numbers keep their type and value", "[lib][json]") {
  const nlohmann::json tree =
      ParseCold(
          R"({"i":9223372036854775807,"f":1.0,"u":18446744073709551615,"big":18446744073709551616,"n":null})")
          .value();
  REQUIRE(tree["i"].is_number_integer());
  REQUIRE(tree["i"].get<int64_t>() == 9223372036854775807);
  REQUIRE(tree["f"].is_number_float());
  REQUIRE(tree["big"].is_number_float());
  REQUIRE(
      Dump(tree) ==
      R"({"big":1.8446744073709552e+19,"f":1.0,"i":9223372036854775807,"n":null,"u":18446744073709551615})");
}

TEST_CASE("cold json: bad texts are errors, never exceptions", "[lib][json]") {
  for (const char* bad : {"", "{", "[1,]", "\"\xff\"", "{\"a\":NaN}", "\"\\ud800\""}) {
    REQUIRE(ParseCold(bad).Is(Errc::kInvalidArgument));
  }
  REQUIRE(ParseCold(std::string(200, '[') + std::string(200, ']')).Is(Errc::kInvalidArgument));
  REQUIRE(Dump(nlohmann::json("\xff")) == "\"\xEF\xBF\xBD\"");
}

TEST_CASE("cold json: the last of equal keys counts", "[lib][json]") {
  REQUIRE(Dump(ParseCold(R"({"a":1,"a":{"b":[true,"x"]}})").value()) ==
          R"({"a":{"b":[true,"x"]}})");
}

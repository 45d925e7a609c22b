// Goal: what is written is YAML that means the same. Method: a table; crds/ are read by PyYAML in
// scripts/crd_reference.py and by the API server in its own tests.
#include "operator/resource/yaml.h"

#include <catch2/catch.hpp>

using pannier::control::ToYaml;
using Json = nlohmann::ordered_json;

TEST_CASE("yaml: block style, quotes where needed", "[operator][resource]") {
  REQUIRE(ToYaml(Json::parse(R"({"a": 1, "b": {"c": [1, {"d": true, "e": []}], "f": {}},
    "yes": "no", "t": "plain text", "q": "a: b", "n": "10", "e": "", "m": "x\ny", "h": "a # b"})")) ==
          "a: 1\n"
          "b:\n"
          "  c:\n"
          "  - 1\n"
          "  - d: true\n"
          "    e: []\n"
          "  f: {}\n"
          "\"yes\": \"no\"\n"
          "t: plain text\n"
          "q: \"a: b\"\n"
          "\"n\": \"10\"\n"
          "e: \"\"\n"
          "m: \"x\\ny\"\n"
          "h: \"a # b\"\n");
  REQUIRE(ToYaml(Json::object()) == "{}\n");
}

// Goal: manifests are read as Kubernetes reads them. Method: documents and what they must become.
#include "cli/manifest.h"

#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>

namespace pannier::cli {
namespace {

using nlohmann::json;

TEST_CASE("manifest: scalars have the types that Kubernetes gives them", "[cli]") {
  const std::pair<const char*, json> rows[] = {{"7", 7},
                                               {"-3", -3},
                                               {"0644", 0644},
                                               {"\"0644\"", "0644"},
                                               {"1.5", 1.5},
                                               {"true", true},
                                               {"'true'", "true"},
                                               {"~", nullptr},
                                               {"1Gi", "1Gi"},
                                               {"10.0.0.1", "10.0.0.1"},
                                               {"hello", "hello"},
                                               {"[]", json::array()},
                                               {"{}", json::object()},
                                               {"|\n  7\n", "7\n"}};
  for (const auto& [text, meant] : rows) {
    CAPTURE(text);
    const auto read = ParseManifests("a: " + std::string(text) + "\n", "f");
    REQUIRE(read.ok());
    REQUIRE(read->at(0)["a"] == meant);
  }
}

TEST_CASE("manifest: documents stand behind each other, and errors keep their lines", "[cli]") {
  const auto read = ParseManifests("---\na: 1\n---\n# nothing\n---\nb: 2\n--- \n{\"c\": 3}\n", "f");
  REQUIRE(read.ok());
  REQUIRE(*read == std::vector<json>{{{"a", 1}}, {{"b", 2}}, {{"c", 3}}});
  const auto broken = ParseManifests("a: 1\n---\nb: [\n", "pods.yaml");
  REQUIRE(broken.Is(Errc::kInvalidArgument));
  REQUIRE(broken.error().what.find("pods.yaml:") != std::string::npos);
  REQUIRE(ParseManifests("", "f")->empty());
  std::string many;
  for (int i = 0; i < 1'001; ++i) many += "a: 1\n---\n";
  REQUIRE(ParseManifests(many, "f").Is(Errc::kInvalidArgument));
}

}  // namespace
}  // namespace pannier::cli

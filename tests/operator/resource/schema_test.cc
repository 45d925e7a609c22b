// Goal: crds/ are what the C++ types say, and every schema is one that an API server takes.
// Method: the files are compared with what is made now; schemas are walked for the rules of
// structural schemas. That a real API server takes them, and what its CEL says, is tested with one.
#include "operator/resource/schema.h"

#include <catch2/catch.hpp>
#include <fstream>
#include <set>
#include <sstream>

#include "operator/resource/store_snapshot.h"

using namespace pannier;
using namespace pannier::control;
using Json = nlohmann::ordered_json;

namespace {

std::string FileOf(const Kind& kind) {
  std::ifstream file(std::string(PANNIER_SOURCE_DIR) + "/crds/" + kind.singular + ".yaml");
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

// What is wrong with a schema, by path.
void Walk(const Json& schema, const std::string& path, std::vector<std::string>* wrong) {
  const auto blame = [&](const std::string& what) { wrong->push_back(path + ": " + what); };
  const std::string type = schema.value("type", "");
  if (type.empty() && !schema.contains("x-kubernetes-int-or-string")) blame("has no type");
  const bool is_item = path.ends_with("[]") || path.ends_with("{}");
  if (!is_item && schema.value("description", "").empty()) blame("is not described");
  if (type == "string" && !schema.contains("enum") && schema.value("format", "") != "date-time" &&
      !schema.contains("maxLength")) {
    blame("is not bounded");
  }
  if (type == "array") {
    if (!schema.contains("maxItems")) blame("is not bounded");
    if (!schema.contains("x-kubernetes-list-type")) blame("has no list type");
    for (const Json& key : schema.value("x-kubernetes-list-map-keys", Json::array())) {
      const auto& required = schema["items"].value("required", Json::array());
      if (std::find(required.begin(), required.end(), key) == required.end()) {
        blame("its key " + key.get<std::string>() + " is not required");
      }
    }
    Walk(schema["items"], path + "[]", wrong);
  }
  if (schema.contains("additionalProperties")) {
    if (!schema.contains("maxProperties")) blame("is not bounded");
    Walk(schema["additionalProperties"], path + "{}", wrong);
  }
  for (const Json& rule : schema.value("x-kubernetes-validations", Json::array())) {
    if (rule.value("message", "").empty()) blame("a rule has no message");
  }
  if (!schema.contains("properties")) return;
  for (const auto& [name, member] : schema["properties"].items()) {
    Walk(member, path + "." + name, wrong);
  }
}

}  // namespace

TEST_CASE("schema: the files in crds/ are current", "[operator][resource]") {
  for (const Kind* kind : Kinds()) {
    INFO("run scripts/crds.sh and scripts/crd_reference.py; " << kind->name);
    REQUIRE(FileOf(*kind) == CrdFile(*kind));
  }
}

TEST_CASE("schema: every field is typed, described and bounded", "[operator][resource]") {
  for (const Kind* kind : Kinds()) {
    std::vector<std::string> wrong;
    Walk(SchemaOf(kind->spec, "spec", true), std::string(kind->name) + ".spec", &wrong);
    Walk(SchemaOf(kind->status, "status", false), std::string(kind->name) + ".status", &wrong);
    REQUIRE(wrong == std::vector<std::string>());
  }
}

TEST_CASE("schema: names are unique and columns have known types", "[operator][resource]") {
  std::set<std::string> names;
  const std::set<std::string> types = {"string", "integer", "boolean", "date"};
  for (const Kind* kind : Kinds()) {
    REQUIRE(names.insert(kind->short_name).second);
    REQUIRE(names.insert(kind->plural).second);
    for (const Column& column : kind->columns) REQUIRE(types.count(column.type) == 1);
  }
  REQUIRE(Kinds().size() == 6);
}

TEST_CASE("schema: defaults are those of the C++ types", "[operator][resource]") {
  const Json schema = SchemaOf(kStoreSnapshotKind.spec, "", true);
  REQUIRE(schema["properties"]["timeoutSeconds"]["default"] == 3600);
  REQUIRE(schema["properties"]["verification"]["default"] == "Deep");
  REQUIRE(schema["properties"]["hold"]["default"] == false);
  REQUIRE_FALSE(schema["properties"]["expireAfterSeconds"].contains("default"));
  REQUIRE(schema["required"] == Json::parse(R"(["vectorStoreRef"])"));
  const Json status = SchemaOf(kStoreSnapshotKind.status, "", false);
  REQUIRE(status["properties"]["items"]["x-kubernetes-list-map-keys"] ==
          Json::parse(R"(["podUID", "storeName"])"));
  REQUIRE_FALSE(status["properties"]["items"]["items"]["properties"]["state"].contains("default"));
}

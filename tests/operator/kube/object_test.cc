// Goal: what is looked up in an object of the API is found wherever a JSON pointer can point, and
// nothing that another program put there makes the look-up fail.
#include "operator/kube/object.h"

#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>

#include "operator/kube/json_patch.h"

namespace pannier::kube {
namespace {

using Json = nlohmann::json;

TEST_CASE("object: a pointer finds words, indexes and escaped keys", "[operator][kube][object]") {
  const Json tree = {{"metadata", {{"uid", "u-1"}, {"labels", {{"pannier.dev/x", "yes"}}}}},
                     {"items", {{{"name", "first"}}, {{"name", "second"}}}}};
  REQUIRE(TextAt(tree, "/metadata/uid") == "u-1");
  REQUIRE(TextAt(tree, "/items/1/name") == "second");
  REQUIRE(TextAt(tree, PointerTo("/metadata/labels", "pannier.dev/x")) == "yes");
  REQUIRE(At(tree, "/items").size() == 2);
  REQUIRE(At(tree, "") == tree);
}

TEST_CASE("object: what is not there, or of another shape, is null and no text",
          "[operator][kube][object]") {
  const Json tree = {{"number", 3}, {"list", {1, 2}}, {"text", "t"}, {"none", nullptr}};
  for (const char* path : {"/absent", "/absent/below", "/number/below", "/list/2", "/list/01",
                           "/list/-", "/list/word", "/text/0", "/none/below"}) {
    CAPTURE(path);
    REQUIRE(At(tree, path).is_null());
    REQUIRE(TextAt(tree, path).empty());
  }
  REQUIRE(TextAt(tree, "/number").empty());
  REQUIRE(At(Json(), "/a").is_null());
  REQUIRE(At(Json::array(), "/0").is_null());
}

TEST_CASE("object: a condition is found by its type", "[operator][kube][object]") {
  const Json tree = Json::parse(R"({"status": {"conditions": [
      "odd", {"type": 7}, {"type": "Ready", "status": "True"}, {"type": "Ready", "status": "?"}]}})");
  REQUIRE(ConditionAt(tree, "Ready")["status"] == "True");
  REQUIRE(ConditionAt(tree, "Healthy").is_null());
  REQUIRE(ConditionAt(Json::parse(R"({"status": {"conditions": "none"}})"), "Ready").is_null());
  REQUIRE(ConditionAt(Json::parse(R"({"status": {"conditions": {}}})"), "Ready").is_null());
}

TEST_CASE("json patch: it tests whom it changes before it changes", "[operator][kube][object]") {
  REQUIRE(PatchOf("u-1", "").size() == 1);
  Json patch = PatchOf("u-1", "42");
  patch.push_back(
      PatchOperation("add", PointerTo("/metadata/annotations", "pannier.dev/a~b"), "v"));
  REQUIRE(patch[1]["path"] == "/metadata/resourceVersion");
  REQUIRE(patch[2]["path"] == "/metadata/annotations/pannier.dev~1a~0b");

  const Json object = {
      {"metadata", {{"uid", "u-1"}, {"resourceVersion", "42"}, {"annotations", Json::object()}}}};
  REQUIRE(object.patch(patch)["metadata"]["annotations"]["pannier.dev/a~b"] == "v");
  Json newer = object;
  newer["metadata"]["resourceVersion"] = "43";
  REQUIRE_THROWS(newer.patch(patch));
}

TEST_CASE("json patch: a test that failed is a conflict, other errors stay what they are",
          "[operator][kube][object]") {
  REQUIRE(AsConflict(Json::object()).ok());
  REQUIRE(AsConflict(Error{Errc::kInvalidArgument, "the test failed", ""}).error().code ==
          Errc::kConflict);
  REQUIRE(AsConflict(Error{Errc::kNotFound, "gone", ""}).error().code == Errc::kNotFound);
}

}  // namespace
}  // namespace pannier::kube

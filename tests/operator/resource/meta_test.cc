// Goal: metadata is read from any object, selectors select as in Kubernetes.
// Method: tables.
#include "operator/resource/meta.h"

#include <catch2/catch.hpp>

using namespace pannier;
using namespace pannier::control;
using Json = nlohmann::json;

TEST_CASE("meta: what the operator needs is read, the rest passed over", "[operator][resource]") {
  const Meta meta = ReadMeta(Json::parse(R"({"metadata": {"name": "n", "namespace": "ns",
    "uid": "u", "resourceVersion": "5", "generation": 2, "creationTimestamp": "2025-01-31T12:00:00Z",
    "deletionTimestamp": "2025-01-31T13:00:00Z", "labels": {"a": "b"}, "annotations": {"c": "d"},
    "finalizers": ["f"], "managedFields": [{}], "ownerReferences": [{"apiVersion": "v1",
    "kind": "Pod", "name": "p", "uid": "pu", "controller": true, "blockOwnerDeletion": true}]}})"));
  REQUIRE(meta.name_space == "ns");
  REQUIRE(meta.generation == 2);
  REQUIRE(meta.IsDeleting());
  REQUIRE(meta.HasFinalizer("f"));
  REQUIRE_FALSE(meta.HasFinalizer("g"));
  REQUIRE(meta.Label("a") == "b");
  REQUIRE(meta.Annotation("c") == "d");
  REQUIRE(meta.Annotation("a").empty());
  REQUIRE(meta.owners.at(0).uid == "pu");
  REQUIRE(ReadMeta(Json::object()).name.empty());
  REQUIRE(ReadMeta(Json::parse(R"({"metadata": {"labels": 5, "name": "n"}})")).name == "n");
}

TEST_CASE("meta: a selector selects by labels and expressions", "[operator][resource]") {
  const auto matches = [](const char* selector, std::map<std::string, std::string> labels) {
    return ReadFields<LabelSelector>(Json::parse(selector), "selector")->Matches(labels);
  };
  REQUIRE(matches("{}", {}));
  REQUIRE(matches(R"({"matchLabels": {"a": "b"}})", {{"a", "b"}, {"c", "d"}}));
  REQUIRE_FALSE(matches(R"({"matchLabels": {"a": "b"}})", {{"a", "c"}}));
  const char* in =
      R"({"matchExpressions": [{"key": "a", "operator": "In", "values": ["b", "c"]}]})";
  REQUIRE(matches(in, {{"a", "c"}}));
  REQUIRE_FALSE(matches(in, {{"a", "d"}}));
  REQUIRE_FALSE(matches(in, {}));
  const char* not_in =
      R"({"matchExpressions": [{"key": "a", "operator": "NotIn", "values": ["b"]}]})";
  REQUIRE(matches(not_in, {}));
  REQUIRE_FALSE(matches(not_in, {{"a", "b"}}));
  REQUIRE(matches(R"({"matchExpressions": [{"key": "a", "operator": "Exists"}]})", {{"a", ""}}));
  REQUIRE(matches(R"({"matchExpressions": [{"key": "a", "operator": "DoesNotExist"}]})", {}));
}

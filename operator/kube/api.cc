#include "operator/kube/api.h"

#include <nlohmann/json.hpp>

namespace pannier::kube {
namespace {

using Json = nlohmann::json;

ObjectKey KeyOf(const Json& tree) {
  return {TextAt(tree, "/metadata/namespace"), TextAt(tree, "/metadata/name")};
}

Json FinalizersOf(const Json& tree) {
  const auto metadata = tree.find("metadata");
  if (metadata == tree.end()) return Json::array();
  const auto list = metadata->find("finalizers");
  return list != metadata->end() && list->is_array() ? *list : Json::array();
}

Json Operation(const char* what, std::string path, Json value) {
  return {{"op", what}, {"path", std::move(path)}, {"value", std::move(value)}};
}

// The object is the one that was read, and has not changed.
Json TestOf(const Json& tree, bool version_too) {
  Json operations = Json::array();
  operations.push_back(Operation("test", "/metadata/uid", TextAt(tree, "/metadata/uid")));
  if (version_too) {
    operations.push_back(
        Operation("test", "/metadata/resourceVersion", TextAt(tree, "/metadata/resourceVersion")));
  }
  return operations;
}

// A failed test is 422 to the API; to us it means that the object changed.
Status AsConflict(const Result<Json>& patched) {
  if (patched.ok()) return {};
  Error error = patched.error();
  if (error.code == Errc::kInvalidArgument) error.code = Errc::kConflict;
  return error;
}

}  // namespace

Status DeleteIfPresent(Api& api, const Resource& resource, const ObjectKey& key,
                       const Preconditions& preconditions) {
  Status deleted = api.Delete(resource, key, preconditions);
  if (deleted.Is(Errc::kNotFound)) return {};
  return deleted;
}

Status AddFinalizer(Api& api, const Resource& resource, const Json& tree,
                    std::string_view finalizer) {
  const Json finalizers = FinalizersOf(tree);
  for (const Json& each : finalizers) {
    if (each == finalizer) return {};
  }
  Json operations = TestOf(tree, true);
  if (finalizers.empty()) {
    operations.push_back(
        Operation("add", "/metadata/finalizers", Json::array({std::string(finalizer)})));
  } else {
    operations.push_back(Operation("add", "/metadata/finalizers/-", std::string(finalizer)));
  }
  return AsConflict(api.PatchJson(resource, KeyOf(tree), operations));
}

Status RemoveFinalizer(Api& api, const Resource& resource, const Json& tree,
                       std::string_view finalizer) {
  const Json finalizers = FinalizersOf(tree);
  for (size_t i = 0; i < finalizers.size(); ++i) {
    if (finalizers[i] != finalizer) continue;
    const std::string place = "/metadata/finalizers/" + std::to_string(i);
    Json operations = TestOf(tree, false);
    operations.push_back(Operation("test", place, std::string(finalizer)));
    operations.push_back({{"op", "remove"}, {"path", place}});
    const Result<Json> patched = api.PatchJson(resource, KeyOf(tree), operations);
    if (patched.Is(Errc::kNotFound)) return {};
    return AsConflict(patched);
  }
  return {};
}

}  // namespace pannier::kube

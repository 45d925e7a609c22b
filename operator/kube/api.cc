#include "operator/kube/api.h"

#include <nlohmann/json.hpp>

#include "operator/kube/json_patch.h"

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

}  // namespace

Status DeleteIfPresent(Api& api, const Resource& resource, const ObjectKey& key,
                       const Preconditions& preconditions) {
  Status deleted = api.Delete(resource, key, preconditions);
  if (deleted.Is(Errc::kNotFound)) return {};
  return deleted;
}

Result<std::string> AddFinalizer(Api& api, const Resource& resource, const Json& tree,
                                 std::string_view finalizer) {
  const Json finalizers = FinalizersOf(tree);
  for (const Json& each : finalizers) {
    if (each == finalizer) return TextAt(tree, "/metadata/resourceVersion");
  }
  Json operations =
      PatchOf(TextAt(tree, "/metadata/uid"), TextAt(tree, "/metadata/resourceVersion"));
  if (finalizers.empty()) {
    operations.push_back(
        PatchOperation("add", "/metadata/finalizers", Json::array({std::string(finalizer)})));
  } else {
    operations.push_back(PatchOperation("add", "/metadata/finalizers/-", std::string(finalizer)));
  }
  const Result<Json> patched = api.PatchJson(resource, KeyOf(tree), operations);
  TRY(AsConflict(patched));
  return TextAt(*patched, "/metadata/resourceVersion");
}

Status RemoveFinalizer(Api& api, const Resource& resource, const Json& tree,
                       std::string_view finalizer) {
  const Json finalizers = FinalizersOf(tree);
  for (size_t i = 0; i < finalizers.size(); ++i) {
    if (finalizers[i] != finalizer) continue;
    const std::string place = "/metadata/finalizers/" + std::to_string(i);
    Json operations = PatchOf(TextAt(tree, "/metadata/uid"), "");
    operations.push_back(PatchOperation("test", place, std::string(finalizer)));
    operations.push_back({{"op", "remove"}, {"path", place}});
    const Result<Json> patched = api.PatchJson(resource, KeyOf(tree), operations);
    if (patched.Is(Errc::kNotFound)) return {};
    return AsConflict(patched);
  }
  return {};
}

}  // namespace pannier::kube

#include "operator/kube/json_patch.h"

namespace pannier::kube {

using Json = nlohmann::json;

Json PatchOperation(const char* op, std::string path, Json value) {
  return {{"op", op}, {"path", std::move(path)}, {"value", std::move(value)}};
}

Json PatchOf(const std::string& uid, const std::string& resource_version) {
  Json patch = Json::array();
  patch.push_back(PatchOperation("test", "/metadata/uid", uid));
  if (!resource_version.empty()) {
    patch.push_back(PatchOperation("test", "/metadata/resourceVersion", resource_version));
  }
  return patch;
}

Status AsConflict(const Result<Json>& patched) {
  if (patched.ok()) return {};
  Error error = patched.error();
  if (error.code == Errc::kInvalidArgument) error.code = Errc::kConflict;
  return error;
}

std::string PointerTo(const char* parent, std::string_view key) {
  return (Json::json_pointer(parent) / std::string(key)).to_string();
}

}  // namespace pannier::kube

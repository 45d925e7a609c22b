#include "operator/kube/object.h"

#include <nlohmann/json.hpp>

#include "lib/json/cold.h"

namespace pannier::kube {

using Json = nlohmann::json;

std::string Resource::ApiVersion() const {
  return group.empty() ? std::string(version) : std::string(group) + "/" + std::string(version);
}

std::string ObjectKey::ToString() const { return ns.empty() ? name : ns + "/" + name; }

Json Object::Tree() const {
  // Our own text: it parsed when it came.
  return Json::parse(json, nullptr, false);
}

const Json& At(const Json& tree, std::string_view path) {
  static const Json kNone;
  const Json::json_pointer pointer{std::string(path)};
  return tree.contains(pointer) ? tree.at(pointer) : kNone;
}

std::string TextAt(const Json& tree, std::string_view path) {
  const Json& found = At(tree, path);
  return found.is_string() ? found.get<std::string>() : "";
}

const Json& ConditionAt(const Json& tree, std::string_view type) {
  static const Json kNone;
  for (const Json& each : At(tree, "/status/conditions")) {
    if (TextAt(each, "/type") == type) return each;
  }
  return kNone;
}

void TrimCommon(Json& tree) {
  const auto metadata = tree.find("metadata");
  if (metadata == tree.end() || !metadata->is_object()) return;
  metadata->erase("managedFields");
  const auto annotations = metadata->find("annotations");
  if (annotations == metadata->end() || !annotations->is_object()) return;
  annotations->erase("kubectl.kubernetes.io/last-applied-configuration");
}

Result<Object> MakeObject(const Json& tree) {
  Object object;
  object.key.ns = TextAt(tree, "/metadata/namespace");
  object.key.name = TextAt(tree, "/metadata/name");
  object.uid = TextAt(tree, "/metadata/uid");
  object.resource_version = TextAt(tree, "/metadata/resourceVersion");
  if (object.key.name.empty() || object.uid.empty() || object.resource_version.empty()) {
    return InvalidArgument("an object of the API lacks its name, uid or resourceVersion");
  }
  object.deleting = !TextAt(tree, "/metadata/deletionTimestamp").empty();
  const auto metadata = tree.find("metadata");
  const auto labels = metadata->find("labels");
  if (labels != metadata->end() && labels->is_object()) {
    for (const auto& [name, value] : labels->items()) {
      if (value.is_string()) object.labels.emplace(name, value.get<std::string>());
    }
  }
  object.json = pannier::json::Dump(tree);
  object.json.shrink_to_fit();
  return object;
}

}  // namespace pannier::kube

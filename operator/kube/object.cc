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

std::string TextAt(const Json& tree, std::string_view path) {
  const Json* node = &tree;
  while (!path.empty()) {
    path.remove_prefix(1);  // the '/'
    const std::string_view word = path.substr(0, path.find('/'));
    const auto found = node->find(std::string(word));
    if (!node->is_object() || found == node->end()) return "";
    node = &*found;
    path.remove_prefix(word.size());
  }
  return node->is_string() ? node->get<std::string>() : "";
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

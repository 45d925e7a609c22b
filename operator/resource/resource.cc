#include "operator/resource/resource.h"

namespace pannier::control {

using Json = nlohmann::json;

std::optional<Json> MergePatch(const Json& from, const Json& to) {
  if (from == to) return std::nullopt;
  if (!from.is_object() || !to.is_object()) return to;
  Json patch = Json::object();
  for (const auto& [key, value] : from.items()) {
    if (!to.contains(key)) patch[key] = nullptr;
  }
  for (const auto& [key, value] : to.items()) {
    const auto before = from.find(key);
    if (before == from.end()) {
      patch[key] = value;
    } else if (std::optional<Json> inner = MergePatch(*before, value)) {
      patch[key] = *std::move(inner);
    }
  }
  return patch;
}

Json NewObject(const Kind& kind, const Meta& meta, Json spec) {
  Json metadata = {{"name", meta.name}, {"namespace", meta.name_space}};
  if (!meta.labels.empty()) metadata["labels"] = meta.labels;
  if (!meta.annotations.empty()) metadata["annotations"] = meta.annotations;
  if (!meta.finalizers.empty()) metadata["finalizers"] = meta.finalizers;
  for (const OwnerReference& owner : meta.owners) {
    metadata["ownerReferences"].push_back({{"apiVersion", owner.api_version},
                                           {"kind", owner.kind},
                                           {"name", owner.name},
                                           {"uid", owner.uid},
                                           {"controller", owner.controller}});
  }
  return {{"apiVersion", kApiVersion},
          {"kind", kind.name},
          {"metadata", std::move(metadata)},
          {"spec", std::move(spec)}};
}

}  // namespace pannier::control

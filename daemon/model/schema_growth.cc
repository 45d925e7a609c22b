#include <nlohmann/json.hpp>

#include "daemon/model/configuration.h"
#include "lib/json/cold.h"

namespace pannier::model {
namespace {

std::string_view TypeOf(const MetadataValue& value) {
  switch (value.index()) {
    case 1:
    case 5:
      return "bool";
    case 2:
    case 6:
      return "int";
    case 3:
    case 7:
      return "float";
    case 4:
    case 8:
      return "string";
    default:
      return "";
  }
}
static_assert(
    std::is_same_v<std::variant_alternative_t<8, MetadataValue>, std::vector<std::string>>);

}  // namespace

std::set<KeyType> KeyTypes(const Metadata& metadata) {
  std::set<KeyType> types;
  for (const auto& [key, value] : metadata) {
    const std::string_view type = TypeOf(value);
    if (!type.empty() && !key.starts_with("chroma:")) types.emplace(key, type);
  }
  return types;
}

std::optional<std::string> GrowSchema(const std::string& schema, const std::set<KeyType>& written) {
  const Result<nlohmann::json> parsed = json::ParseOwn(schema);
  // A schema that cannot be read is left as it is: records matter more than its growth.
  if (!parsed.ok() || !parsed->is_object() || !parsed->contains("defaults")) return std::nullopt;
  nlohmann::json grown = *parsed;
  bool changed = false;
  for (const auto& [key, type] : written) {
    nlohmann::json& types = grown["keys"][key];
    const std::string name(type);
    if (types.contains(name) || !grown["defaults"].contains(name)) continue;
    types[name] = grown["defaults"][name];
    changed = true;
  }
  if (!changed) return std::nullopt;
  return json::Dump(grown);
}

}  // namespace pannier::model

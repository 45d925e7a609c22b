#include "operator/reconcile/definitions.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "lib/core/log.h"

namespace pannier::control {
namespace {

using Json = nlohmann::json;

constexpr const char* kCondition = "DefinitionCurrent";
constexpr const char* kPath = "/openapi/v3/apis/pannier.dev/v1alpha1";
constexpr size_t kNamedMax = 8;

const Json* MemberOf(const Json& object, const std::string& name) {
  if (!object.is_object()) return nullptr;
  const auto found = object.find(name);
  return found == object.end() ? nullptr : &*found;
}

void Compare(const nlohmann::ordered_json& wanted, const Json& served, const std::string& path,
             std::vector<std::string>* missing) {
  if (MemberOf(served, "x-kubernetes-preserve-unknown-fields") != nullptr) return;
  if (wanted.contains("items")) {
    const Json* items = MemberOf(served, "items");
    if (items != nullptr) Compare(wanted["items"], *items, path + "[]", missing);
  }
  if (!wanted.contains("properties")) return;
  const Json* properties = MemberOf(served, "properties");
  for (const auto& [name, schema] : wanted["properties"].items()) {
    const Json* known = properties == nullptr ? nullptr : MemberOf(*properties, name);
    const std::string place = path + "." + name;
    known == nullptr ? missing->push_back(place) : Compare(schema, *known, place, missing);
  }
}

// Of a kind of this API, as the document has it; null: it has none.
const Json* SchemaIn(const Json& document, std::string_view kind) {
  const Json* components = MemberOf(document, "components");
  const Json* schemas = components == nullptr ? nullptr : MemberOf(*components, "schemas");
  if (schemas == nullptr || !schemas->is_object()) return nullptr;
  const std::string name = "dev.pannier.v1alpha1." + std::string(kind);
  return MemberOf(*schemas, name);
}

std::string Describe(const std::vector<std::string>& missing) {
  std::string text;
  for (size_t i = 0; i < std::min(missing.size(), kNamedMax); ++i) {
    text += (i == 0 ? "" : ", ") + missing[i];
  }
  if (missing.size() <= kNamedMax) return text;
  return text + " and " + std::to_string(missing.size() - kNamedMax) + " more";
}

}  // namespace

std::vector<std::string> MissingFields(const Kind& kind, const Json& served) {
  std::vector<std::string> missing;
  const Json none = Json::object();
  const Json* properties = MemberOf(served, "properties");
  const auto part = [&](const char* name) -> const Json& {
    const Json* found = properties == nullptr ? nullptr : MemberOf(*properties, name);
    return found == nullptr ? none : *found;
  };
  Compare(SchemaOf(kind.spec, "", false), part("spec"), "spec", &missing);
  Compare(SchemaOf(kind.status, "", false), part("status"), "status", &missing);
  return missing;
}

Definitions::Found Definitions::Look(kube::Api& api) {
  const Result<Json> document = api.GetPath(kPath);
  if (!document.ok()) {
    LogInfo("the API server does not say which fields it knows")
        .Add("error", document.error().what);
    return Found::kUnknown;
  }
  std::map<std::string, std::string, std::less<>> lacking;
  for (const Kind* kind : Kinds()) {
    const Json* served = SchemaIn(*document, kind->name);
    if (served == nullptr) return Found::kUnknown;
    const std::vector<std::string> missing = MissingFields(*kind, *served);
    if (!missing.empty()) lacking[kind->plural] = Describe(missing);
  }
  const Found found = lacking.empty() ? Found::kComplete : Found::kOutdated;
  const MutexLock lock(mutex_);
  if (lacking == lacking_) return found;
  for (const auto& [plural, names] : lacking) {
    LogError("a CustomResourceDefinition is older than the operator")
        .Add("kind", plural)
        .Add("lacks", names);
  }
  if (lacking.empty()) LogInfo("all CustomResourceDefinitions are as new as the operator");
  lacking_ = std::move(lacking);
  return found;
}

bool Definitions::AreComplete() const {
  const MutexLock lock(mutex_);
  return lacking_.empty();
}

void Definitions::Mark(std::string_view plural, int64_t generation, WallTime now,
                       Conditions* conditions) const {
  // What ends is not written again once it has ended.
  if (Find(*conditions, "Ready") == nullptr) return;
  const MutexLock lock(mutex_);
  const auto found = lacking_.find(plural);
  if (found == lacking_.end()) return Remove(conditions, kCondition);
  Set(conditions,
      {kCondition, Truth::kFalse, "DefinitionOutdated",
       "the CustomResourceDefinition is older than the operator, so that the API server drops " +
           found->second +
           "; nothing is removed automatically until the definitions of this operator's version "
           "are installed",
       generation},
      now);
}

}  // namespace pannier::control

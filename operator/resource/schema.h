// From the tables of fields to CustomResourceDefinitions: structural schema, defaults, CEL rules,
// printer columns. Threads: pure functions.
#pragma once

#include <functional>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "operator/resource/fields.h"

namespace pannier::control {

inline constexpr const char* kGroup = "pannier.dev";
inline constexpr const char* kVersion = "v1alpha1";
inline constexpr const char* kApiVersion = "pannier.dev/v1alpha1";

// A column of `kubectl get`.
struct Column {
  const char* name;
  const char* type;  // string, integer, boolean, date
  const char* path;  // JSON path
  bool wide = false;
};

// A kind of custom resource.
struct Kind {
  const char* name;        // StoreSnapshot
  const char* plural;      // storesnapshots
  const char* singular;    // storesnapshot
  const char* short_name;  // ssnap
  const char* help;
  std::function<void(Visitor&)> spec, status;
  std::vector<Column> columns;
  std::vector<Rule> rules = {};  // of the whole object
};

// The six kinds, in the order of the documentation.
const std::vector<const Kind*>& Kinds();

// "struct value" by its fields; with defaults for a spec, without for a status.
nlohmann::ordered_json SchemaOf(const std::function<void(Visitor&)>& fields, const char* help,
                                bool with_defaults);
nlohmann::ordered_json CustomResourceDefinition(const Kind& kind);
// The file in crds/ for it, YAML with a first line that says who writes it.
std::string CrdFile(const Kind& kind);

// Rules that make fields of an object unchangeable: neither their value nor their presence.
std::vector<Rule> Immutable(const std::vector<std::string>& fields);
// One rule: exactly one of these fields is set.
Rule OneOf(const std::vector<std::string>& fields);

}  // namespace pannier::control

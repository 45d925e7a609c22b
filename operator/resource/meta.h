// The metadata of an object, as far as the operator reads it. Threads: plain values and pure
// functions.
#pragma once

#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "operator/resource/fields.h"

namespace pannier::control {

struct OwnerReference {
  std::string api_version, kind, name, uid;
  bool controller = false;
  void Fields(Visitor& v);
};

struct Meta {
  std::string name, name_space, uid, resource_version;
  int64_t generation = 0;
  std::optional<WallTime> created, deleted;  // deleted: when deletion was asked for
  std::map<std::string, std::string> labels, annotations;
  std::vector<std::string> finalizers;
  std::vector<OwnerReference> owners;

  bool IsDeleting() const { return deleted.has_value(); }
  bool HasFinalizer(const std::string& finalizer) const;
  std::string Label(const std::string& key) const;       // "" without it
  std::string Annotation(const std::string& key) const;  // "" without it
  void Fields(Visitor& v);
};

// Of any object as the API server gave it; what is missing or odd stays empty.
Meta ReadMeta(const nlohmann::json& object);

// matchLabels and matchExpressions, as everywhere in Kubernetes.
struct LabelSelector {
  struct Expression {
    enum class Op { kIn, kNotIn, kExists, kDoesNotExist };
    std::string key;
    Op op = Op::kIn;
    std::vector<std::string> values;
    bool Matches(const std::map<std::string, std::string>& labels) const;
    void Fields(Visitor& v);
  };
  std::map<std::string, std::string> match_labels;
  std::vector<Expression> match_expressions;

  bool IsEmpty() const { return match_labels.empty() && match_expressions.empty(); }
  // An empty selector matches all.
  bool Matches(const std::map<std::string, std::string>& labels) const;
  void Fields(Visitor& v);
};

// A reference to an object of the same namespace.
struct Reference {
  std::string name;
  void Fields(Visitor& v);
};

}  // namespace pannier::control

// What the runtime knows of a Kubernetes object: where its kind is served, its key, and its JSON.
//
// Objects are kept as text, not as trees: ten thousand of them take a fifth of the memory, and a
// reconciler parses the few that it looks at. Threads: values.
#pragma once

#include <compare>
#include <map>
#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>

#include "lib/core/result.h"

namespace pannier::kube {

// A kind and where the API serves it. Names of constants, so views.
struct Resource {
  std::string_view group;  // "" for the core group
  std::string_view version;
  std::string_view plural;
  std::string_view kind;
  bool namespaced = true;

  std::string ApiVersion() const;  // "apps/v1", "v1"
};

inline constexpr Resource kPods{"", "v1", "pods", "Pod"};
inline constexpr Resource kSecrets{"", "v1", "secrets", "Secret"};
inline constexpr Resource kNamespaces{"", "v1", "namespaces", "Namespace", false};
inline constexpr Resource kClaims{"", "v1", "persistentvolumeclaims", "PersistentVolumeClaim"};
inline constexpr Resource kLeases{"coordination.k8s.io", "v1", "leases", "Lease"};
inline constexpr Resource kEvents{"events.k8s.io", "v1", "events", "Event"};

struct ObjectKey {
  std::string ns;  // namespace; "" of kinds without
  std::string name;

  std::string ToString() const;  // "default/nightly", "nightly"
  // NOLINTNEXTLINE(modernize-use-nullptr): clang-tidy 14 errs on a defaulted comparison
  auto operator<=>(const ObjectKey&) const = default;
};

// One version of an object, as the cache keeps it.
struct Object {
  ObjectKey key;
  std::string uid;
  std::string resource_version;
  std::map<std::string, std::string> labels;
  bool deleting = false;  // has a deletionTimestamp
  std::string json;       // trimmed, with apiVersion and kind where the API sent them

  nlohmann::json Tree() const;
};
using ObjectPtr = std::shared_ptr<const Object>;

// Takes what a cached object needs from the tree; `json` is all of it.
//   kInvalidArgument  no metadata, name, uid or resourceVersion
Result<Object> MakeObject(const nlohmann::json& tree);

// What no reconciler reads and every object carries: managedFields, kubectl's last applied text.
void TrimCommon(nlohmann::json& tree);

// What is at `path`, a JSON pointer (RFC 6901: "/metadata/uid", "/spec/containers/0"); null when
// nothing is there.
const nlohmann::json& At(const nlohmann::json& tree, std::string_view path);
// The text at `path`, or "" when nothing or no text is there.
std::string TextAt(const nlohmann::json& tree, std::string_view path);
// The condition of that type in status.conditions; null without one.
const nlohmann::json& ConditionAt(const nlohmann::json& tree, std::string_view type);

}  // namespace pannier::kube

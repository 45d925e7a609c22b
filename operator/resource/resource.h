// A whole custom resource: metadata, spec, status; how it is read and how a change of its status is
// written. Threads: plain values and pure functions.
#pragma once

#include <nlohmann/json.hpp>
#include <optional>
#include <string>

#include "operator/resource/meta.h"
#include "operator/resource/schema.h"

namespace pannier::control {

// Spec, Status: structs with Fields(). Each kind's header names its Resource and its Kind.
template <typename SpecType, typename StatusType>
struct Resource {
  using Spec = SpecType;
  using Status = StatusType;
  Meta meta;
  Spec spec;
  Status status;
};

// Reads an object that the API server gave. The spec is strict: an error names the field. The
// status is lenient: it is a cache of what the operator once knew, and other versions write it too.
//   kInvalidArgument  "spec.storage: must be an object"
template <typename R>
Result<R> ParseResource(const nlohmann::json& object) {
  R resource;
  resource.meta = ReadMeta(object);
  const nlohmann::json none;
  const auto member = [&](const char* name) -> const nlohmann::json& {
    const auto found = object.find(name);
    return found == object.end() ? none : *found;
  };
  resource.spec = TRY(ReadFields<typename R::Spec>(member("spec"), "spec"));
  resource.status =
      ReadFields<typename R::Status>(member("status"), "status", Reader::Mode::kLenient).value();
  return resource;
}

// The JSON merge patch (RFC 7386) that makes `to` of `from`; nothing when they are equal.
std::optional<nlohmann::json> MergePatch(const nlohmann::json& from, const nlohmann::json& to);

// {"status": …}, the merge patch for the status subresource; nothing when both mean the same, and
// then nothing must be written. Members that this version does not know are left alone.
template <typename StatusType>
std::optional<nlohmann::json> StatusPatch(const StatusType& before, const StatusType& after) {
  std::optional<nlohmann::json> patch = MergePatch(WriteFields(before), WriteFields(after));
  if (!patch) return std::nullopt;
  return nlohmann::json{{"status", *std::move(patch)}};
}

// Equal in meaning: what would be written is equal.
template <typename T>
bool SameMeaning(const T& a, const T& b) {
  return WriteFields(a) == WriteFields(b);
}

// An object to create.
nlohmann::json NewObject(const Kind& kind, const Meta& meta, nlohmann::json spec);

}  // namespace pannier::control

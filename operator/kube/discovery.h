// Which versions of our kinds the API server knows: asked at start, so that CRDs older or newer
// than this operator become a sentence, not a puzzle. Threads: as the Api's.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "lib/core/result.h"
#include "operator/kube/api.h"

namespace pannier::kube {

struct ServedKind {
  std::string version, plural, kind;
  bool namespaced = true;
  bool has_status = false;  // the status subresource
};

// All kinds of a group in all its versions.
//   kNotFound  the API knows no such group: its CRDs are not installed
Result<std::vector<ServedKind>> Discover(Api& api, std::string_view group);

// Ok when every one of `wanted` is served as expected.
//   kNotFound  "the API server does not serve vectorstores.pannier.dev/v1alpha1 (it has …)"; the
//              hint says to install or upgrade the CRDs
Status CheckServed(Api& api, std::span<const Resource> wanted);

}  // namespace pannier::kube

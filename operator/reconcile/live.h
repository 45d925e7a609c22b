// What the API server has right now, past the caches, which may be behind: read before anything is
// removed that is not to be the last of its kind. Threads: any.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "operator/reconcile/context.h"

namespace pannier::control {

// All of a kind in a namespace, or those with the label ("name=value"). Errors as of
// kube::Api::List, and
//   kResourceExhausted  there are more than 50,000
Result<std::vector<nlohmann::json>> ListLive(kube::Api& api, const kube::Resource& resource,
                                             const std::string& ns, const std::string& label = "");

template <typename R>
Result<Several<R>> ListLive(kube::Api& api, const std::string& ns, const std::string& label = "") {
  Several<R> all;
  for (const nlohmann::json& each : TRY(ListLive(api, ResourceFor<R>(), ns, label))) {
    Take(each, &all);
  }
  return all;
}

// Of a VectorStore: snapshots, operations.
template <typename R>
Result<Several<R>> ListLiveOf(kube::Api& api, const std::string& ns,
                              const std::string& vector_store) {
  Several<R> all = TRY(ListLive<R>(api, ns));
  std::erase_if(all.items,
                [&](const R& each) { return each.spec.vector_store.name != vector_store; });
  return all;
}

}  // namespace pannier::control

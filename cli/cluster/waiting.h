// Looks at an object again and again until it is as wished. Threads: one.
#pragma once

#include <chrono>
#include <functional>
#include <nlohmann/json_fwd.hpp>

#include "cli/cluster/session.h"
#include "lib/core/result.h"

namespace pannier::cluster {

// The object once `done` says so. Meanwhile the reason of its condition Succeeded is shown. An API
// server that cannot be reached for a while is waited for.
//   kDeadlineExceeded  not within `timeout`; the object is as it was, what it stands for goes on
//   kNotFound          somebody deleted it
Result<nlohmann::json> Await(Session& session, const kube::Resource& resource,
                             const kube::ObjectKey& key, std::chrono::milliseconds timeout,
                             const std::function<bool(const nlohmann::json& object)>& done);

}  // namespace pannier::cluster

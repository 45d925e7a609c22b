// Pods as the operator reads them. Threads: pure functions.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "operator/daemons/daemon_calls.h"
#include "operator/plan/vector_store_plan.h"

namespace pannier::control {

// "HOST:PORT": where a pod's daemon is dialled instead of the pod's own address. Only tests and
// port-forwards may say so, since whoever may write pods could send the operator elsewhere.
inline constexpr const char* kAdminAddress = "pannier.dev/admin-address";

// Leaves what the functions below read.
void TrimPod(nlohmann::json& pod);

// Nothing of pods that have ended for good.
std::vector<PodView> ViewsOf(const std::vector<nlohmann::json>& pods);

// Daemons of the pods that are injected and not being deleted, known by the name of that
// VectorStore.
std::vector<DaemonAddress> AddressesOf(const std::vector<nlohmann::json>& pods,
                                       const std::string& vector_store_uid,
                                       bool honours_annotation);

}  // namespace pannier::control

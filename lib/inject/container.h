// The parts that injection adds: the container, its volumes and its configuration. Threads: pure
// functions; any.
#pragma once

#include <nlohmann/json.hpp>
#include <string>

#include "lib/inject/sidecar.h"

namespace pannier::inject {

inline constexpr const char* kSocketVolume = "pannier-socket";

// The socket that workers connect to.
std::string SocketOf(const Sidecar& sidecar);
// The init container, whole.
nlohmann::json ContainerOf(const Sidecar& sidecar, bool pod_runs_as_root);
// All volumes that it and the workers need, beside those that the pod has.
nlohmann::json VolumesOf(const Sidecar& sidecar);
// The daemon's configuration as JSON, which is YAML.
std::string ConfigOf(const Sidecar& sidecar);

}  // namespace pannier::inject

// From the custom resources to the sidecar that they ask for. They are read as JSON, as the API
// server or a file gives them; what is left out has the default of the resource. Threads: pure
// functions; any.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "lib/core/result.h"
#include "lib/inject/sidecar.h"

namespace pannier::inject {

// What no resource says.
struct Installation {
  std::string image;                     // where spec.daemon.image is empty
  std::string tls_secret;                // as Sidecar::tls_secret
  std::vector<std::string> admin_names;  // as Sidecar::admin_names
};

// `repository`: the SnapshotRepository that spec.repositoryRef names, or null where there is none
// or it is not known yet.
//   kInvalidArgument  "spec.loopbackPort: …": a field is not what it should be; no image anywhere
Result<Sidecar> SidecarOf(const nlohmann::json& vector_store, const nlohmann::json& repository,
                          const Installation& installation);

}  // namespace pannier::inject

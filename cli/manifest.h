// Kubernetes manifests, as files hold them: YAML or JSON, several documents behind each other.
// Threads: pure functions; any.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "lib/core/result.h"

namespace pannier::cli {

inline constexpr size_t kDocumentsMax = 1'000;

// The documents of a file, without empty ones. `file` is for error texts.
//   kInvalidArgument  "pods.yaml:3: …"
Result<std::vector<nlohmann::json>> ParseManifests(std::string_view text, std::string_view file);

}  // namespace pannier::cli

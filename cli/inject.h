// `pannierctl inject`: what the operator's webhook would do to pods, done to a file. Threads: one.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>

#include "cli/arguments.h"
#include "lib/core/result.h"
#include "lib/inject/sidecar.h"

namespace pannier::cli {

// The manifest with the sidecar in its pod template (of a pod, a workload, a job, or a list of
// them), if that asks for it by its label; else as it is. Adds the number of such templates to
// `*found`.
//   what inject::PatchFor() fails with
Result<nlohmann::json> InjectInto(nlohmann::json manifest, const inject::Sidecar& sidecar,
                                  int* found);

// All manifests of the file that the arguments name.
//   kInvalidArgument  a file is no manifest, or nothing in it asks for this VectorStore
Result<std::string> Inject(const Arguments& arguments);

}  // namespace pannier::cli

// What somebody who is to help needs to see: our objects, events about them, names and states of
// pods. No Secrets, no environment, no annotations but ours, no values of keys that sound secret.
// Threads: one.
#pragma once

#include "cli/cluster/arguments.h"
#include "cli/cluster/session.h"
#include "cli/commands.h"
#include "lib/file/file_system.h"

namespace pannier::cluster {

// Writes the tar file that the arguments name. What may not be read is noted in it.
//   kNotFound     our kinds are not installed
//   kUnavailable  the API server cannot be reached, or the file not be written
Result<cli::Answer> WriteSupportBundle(const Arguments& arguments, Session& session,
                                       file::FileSystem& files);

// An object as it may be shown to others.
nlohmann::json WithoutSecrets(nlohmann::json object);
// What is told of a pod.
nlohmann::json PodSummary(const nlohmann::json& pod);

}  // namespace pannier::cluster

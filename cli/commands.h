// What each command does: asks the daemon, and writes its answer. Threads: one.
#pragma once

#include <string>

#include "cli/arguments.h"
#include "lib/core/result.h"

namespace pannier::cli {

// The text for stdout.
//   kNotFound, kUnavailable, kDeadlineExceeded  the daemon cannot be reached, or the store is
//   absent;
//                                               the hint says what to try
//   others                                      what the daemon answered
Result<std::string> Run(const Arguments& arguments);

}  // namespace pannier::cli

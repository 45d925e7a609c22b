// Commands that read or change one thing of the admin API at once, without an operation.
// Threads: one.
#pragma once

#include <string>

#include "cli/arguments.h"
#include "lib/core/result.h"

namespace pannier::cli {

// The text for stdout. Errors as Run().
Result<std::string> RunAdmin(const Arguments& arguments);

}  // namespace pannier::cli

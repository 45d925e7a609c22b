// The verbs that a daemon runs in a child process, run here, on the machine's own disk: so its
// faults and power cuts reach what a child does as well.
#pragma once

#include <string>

#include "daemon/operations/services.h"
#include "tests/support/faulty_file_system.h"

namespace pannier::operations {

// "salvage", and "rescue" of an export. `files` outlives what is returned.
RunChild InlineChildren(test::FaultyFileSystem& files, std::string vfs);

}  // namespace pannier::operations

// A sound copy of chroma.sqlite3 in scratch, which may be given indexes and asked anything.
// Threads: one.
#pragma once

#include <string>
#include <vector>

#include "daemon/store/sqlite.h"
#include "lib/core/result.h"
#include "lib/file/file_system.h"

namespace pannier::rescue {

struct SqlCopy {
  store::Connection connection;
  bool repaired = false;  // something in the original could not be read
};

// Copies the file with its journals into `scratch`, which exists and is empty, lets SQLite roll
// back or forward what a crash left, and checks it; damage is copied around. Sentences about what
// was found go to `messages`.
//   kNotFound         no chroma.sqlite3 there
//   kInvalidArgument  not Chroma's, or of a version before 1.0 or after what is known
//   kCorruption       nothing could be made out
Result<SqlCopy> CopySql(file::FileSystem& files, const file::Path& directory,
                        const file::Path& scratch, std::vector<std::string>* messages);

}  // namespace pannier::rescue

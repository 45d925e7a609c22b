// A file for what can be had again, such as the floats of an index: it ends with whoever holds it,
// and leaves room on the disk for what must be kept. Threads: as file::File.
#pragma once

#include <memory>
#include <string>

#include "lib/core/result.h"
#include "lib/file/file_system.h"

namespace pannier::store {

// An empty one that nobody else has; it is made as `folder/name`, and has no name any more.
// `folder` is made, what it lies in is not: a store that was deleted stays so. A twentieth of the
// disk stays free, 64 MiB at least and 1 GiB at most: past that writes fail. `files` outlives it.
//   kStorageFull  there is not that much room
//   kNotFound     there is nothing that `folder` lies in
//   others        what the file system says
Result<std::unique_ptr<file::File>> MakeScratchFile(file::FileSystem& files,
                                                    const file::Path& folder,
                                                    const std::string& name);

}  // namespace pannier::store

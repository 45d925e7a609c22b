// A data directory in memory, for a daemon whose own cannot be used: a folder on a tmpfs that goes
// with the process. docs/modes.md.
//
// Threads: one. Lifetime: whoever keeps files in it ends first; `files` outlives it.
#pragma once

#include <string>

#include "lib/core/result.h"
#include "lib/file/file_system.h"

namespace pannier::daemon {

class MemoryDirectory {
 public:
  // A new, empty folder below `parent`. What daemons that were killed left there is removed first:
  // such folders that nobody holds the lock of.
  //   kUnavailable  `parent` is no tmpfs; hint says what to set
  //   others        it cannot be made
  static Result<MemoryDirectory> Make(const file::Path& parent, file::FileSystem& files);
  MemoryDirectory(MemoryDirectory&& other) noexcept;
  MemoryDirectory& operator=(MemoryDirectory&&) = delete;
  ~MemoryDirectory();

  const file::Path& path() const { return path_; }

 private:
  MemoryDirectory(file::Path path, file::FileSystem& files)
      : path_(std::move(path)), files_(&files) {}
  file::Path path_;
  file::FileSystem* files_;
};

// Whether a data directory that failed with this may be replaced by memory: when it is not there,
// not ours to write, full or failing. Never when another daemon holds it, it is somebody else's, of
// a newer version or damaged: those are to be seen to, and "missing" is not "new".
bool MayServeFromMemory(const Error& error);

// Whether files can be written in `path` now. Asked of a data directory that could not be used.
bool TakesFiles(const file::Path& path, file::FileSystem& files);

}  // namespace pannier::daemon

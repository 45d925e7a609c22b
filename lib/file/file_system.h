// The only way this project touches files that must survive, and the seam where tests inject
// faults.
//
// A FileSystem is a handful of calls; everything else (replace, make durable directories, remove a
// tree) is built from them below, so that a test which fails the n-th call meets every step.
// What survives a power cut: the bytes of a file once Sync() returned, and a name (created, renamed
// or removed) once SyncDirectory() of its directory returned. Nothing else is promised.
// SQLite opens its own files; tests give it the same faults through a VFS shim over this interface.
//
// Threads: a FileSystem may be used from any; a File by one at a time, but for ReadAt, which any
// may call. Lifetime: a FileSystem outlives its Files. Errors carry the path in their text:
//   kNotFound           the path, or the directory it lies in, does not exist
//   kConflict           it exists already (kCreateNew, MakeDirectory, RenameNew)
//   kPermissionDenied   the process may not
//   kResourceExhausted  disk or quota full, out of descriptors
//   kUnavailable        any other I/O error
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "lib/core/clock.h"
#include "lib/core/result.h"

namespace pannier::file {

using Path = std::filesystem::path;

// An open file. The destructor closes it and does not sync.
class File {
 public:
  File() = default;
  File(const File&) = delete;
  File& operator=(const File&) = delete;
  virtual ~File() = default;

  // Fills `into` from `offset` on and returns how many bytes there were: fewer only at the end.
  virtual Result<size_t> ReadAt(uint64_t offset, std::span<char> into) const = 0;
  // Writes all of `bytes`, growing the file where needed. After an error any part may be written.
  virtual Status WriteAt(uint64_t offset, std::string_view bytes) = 0;
  virtual Status Append(std::string_view bytes) = 0;
  virtual Status Truncate(uint64_t size) = 0;
  virtual Result<uint64_t> Size() const = 0;
  // Once this returned ok, the bytes survive a power cut. After an error nothing is known of what
  // was written since the last success: a second Sync() that succeeds proves nothing (the kernel
  // forgets dirty pages that it could not write), so callers give the file up.
  virtual Status Sync() = 0;
};

enum class OpenMode {
  kRead,       // an existing file, to read
  kReadWrite,  // an existing file
  kCreate,     // as it is, or new and empty
  kCreateNew,  // must not exist
};

enum class Kind { kFile, kDirectory, kOther };

struct Info {
  Kind kind = Kind::kOther;
  uint64_t bytes = 0;       // a file's length
  uint64_t disk_bytes = 0;  // what it takes on the disk
  WallTime modified;        // when its bytes, or a directory's names, last changed
};

struct Entry {
  std::string name;
  Kind kind = Kind::kOther;
};

struct Space {
  uint64_t total_bytes = 0;
  uint64_t free_bytes = 0;  // for this process, without root's reserve
  bool read_only = false;   // mounted so
};

class FileSystem {
 public:
  virtual ~FileSystem() = default;

  // New files are readable and writable by the owner alone (0600): they hold users' documents.
  virtual Result<std::unique_ptr<File>> Open(const Path& path, OpenMode mode) = 0;
  // Atomic within one file system; replaces a file at `to`.
  virtual Status Rename(const Path& from, const Path& to) = 0;
  // Atomic, also between processes. Network file systems that cannot do it for directories still
  // can for files.
  //   kConflict  something is at `to`
  virtual Status RenameNew(const Path& from, const Path& to) = 0;
  // A file, a link (itself, never its target) or an empty directory.
  virtual Status Remove(const Path& path) = 0;
  // One level, 0700.
  virtual Status MakeDirectory(const Path& path) = 0;
  // Without "." and ".."; sorted by name.
  virtual Result<std::vector<Entry>> List(const Path& path) = 0;
  // Of a link, the link itself.
  virtual Result<Info> Stat(const Path& path) = 0;
  virtual Status SyncDirectory(const Path& path) = 0;
  virtual Result<Space> FreeSpace(const Path& path) = 0;
};

// The machine's; lives for the whole process.
FileSystem& RealFileSystem();

// True or false; an error when it cannot be told (so that "missing" is never mistaken for
// "unreadable").
Result<bool> Exists(FileSystem& files, const Path& path);

// The whole of a file.
//   kResourceExhausted  it is longer than `bytes_max`; nothing was read
Result<std::string> ReadFile(FileSystem& files, const Path& path, uint64_t bytes_max);

// Makes `path` hold `bytes`, now and after any crash: the old content or the new, never a mixture.
// Writes `<path>.new` beside, syncs, renames, syncs the directory. A crash can leave the `.new`
// file, which the next call overwrites; an error removes it where it can. Ok means durable.
Status ReplaceFile(FileSystem& files, const Path& path, std::string_view bytes);

// Moves `from` to `to` (same file system) and syncs both directories. Ok means durable.
Status RenameDurably(FileSystem& files, const Path& from, const Path& to);

// Makes `path` and its missing parents, and syncs each parent that got a new entry. Present is
// fine.
//   kConflict  something on the way exists and is no directory
Status MakeDirectories(FileSystem& files, const Path& path);

// Removes a file, or a directory with all it holds; links are removed, not followed. Absent is
// fine. Syncs the parent. At an error some of it is gone; call again.
Status RemoveAll(FileSystem& files, const Path& path);

// Disk bytes of all files below `path` (0 when absent).
Result<uint64_t> DiskUsage(FileSystem& files, const Path& path);

}  // namespace pannier::file

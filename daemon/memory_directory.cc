#include "daemon/memory_directory.h"

#include <sys/vfs.h>

#include <utility>

#include "lib/core/log.h"
#include "lib/core/uuid.h"
#include "lib/file/file_lock.h"

namespace pannier::daemon {
namespace {

constexpr char kPrefix[] = "pannier-memory-";
constexpr decltype(std::declval<struct statfs>().f_type) kTmpfs = 0x01021994;

void RemoveAbandoned(const file::Path& parent, file::FileSystem& files) {
  const Result<std::vector<file::Entry>> entries = files.List(parent);
  if (!entries.ok()) return;
  for (const file::Entry& entry : *entries) {
    if (entry.kind != file::Kind::kDirectory || !entry.name.starts_with(kPrefix)) continue;
    const file::Path left = parent / entry.name;
    // One without a lock file is about to be used: it is made a moment before that.
    if (!files.Stat(left / "LOCK").ok()) continue;
    const Result<file::FileLock> lock = file::FileLock::Acquire(left / "LOCK");
    if (!lock.ok()) continue;
    const Status removed = file::RemoveAll(files, left);
    LogInfo("what a daemon that served from memory left is removed")
        .Add("folder", left.string())
        .Add("done", removed.ok());
  }
}

}  // namespace

Result<MemoryDirectory> MemoryDirectory::Make(const file::Path& parent, file::FileSystem& files) {
  struct statfs info {};
  if (::statfs(parent.c_str(), &info) != 0 || info.f_type != kTmpfs) {
    return Unavailable(parent.string() + " is no file system in memory (tmpfs)",
                       "name one in fallback.directory");
  }
  RemoveAbandoned(parent, files);
  const file::Path path = parent / (kPrefix + RandomHex(8));
  TRY(files.MakeDirectory(path));
  return MemoryDirectory(path, files);
}

MemoryDirectory::MemoryDirectory(MemoryDirectory&& other) noexcept
    : path_(std::exchange(other.path_, {})), files_(other.files_) {}

MemoryDirectory::~MemoryDirectory() {
  if (path_.empty()) return;
  const Status removed = file::RemoveAll(*files_, path_);
  if (!removed.ok()) LogWarn("memory is not given back").Add("error", removed.error().what);
}

bool MayServeFromMemory(const Error& error) {
  return error.code == Errc::kUnavailable || error.code == Errc::kPermissionDenied ||
         error.code == Errc::kStorageFull || error.code == Errc::kNotFound;
}

bool TakesFiles(const file::Path& path, file::FileSystem& files) {
  const file::Path probe = path / "probe";
  const auto write = [&]() -> Status {
    const auto file = TRY(files.Open(probe, file::OpenMode::kCreate));
    TRY(file->WriteAt(0, "pannier"));
    return file->Sync();
  };
  const bool written = write().ok();
  return files.Remove(probe).ok() && written;
}

}  // namespace pannier::daemon

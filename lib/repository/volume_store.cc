#include "lib/repository/volume_store.h"
#include "lib/core/background_turn.h"

#include <algorithm>
#include <memory>

#include "lib/core/uuid.h"

namespace pannier::repository {
namespace {

using file::File;
using file::OpenMode;
using file::Path;

constexpr size_t kPageObjects = 1000;
constexpr std::string_view kUnfinished = "~unfinished";  // no key has a '~'

// What callers of an ObjectStore act on; the file system knows more.
Error AsStoreError(Error error) {
  if (error.code == Errc::kResourceExhausted || error.code == Errc::kNotFound)
    error.code = Errc::kUnavailable;
  return error;
}

Status WriteAndSync(file::FileSystem& files, const Path& path, std::string_view bytes) {
  const std::unique_ptr<File> file = TRY(files.Open(path, OpenMode::kCreateNew));
  TRY(file->WriteAt(0, bytes));
  return file->Sync();
}

Result<std::string> ReadWhole(const File& file, const Path& path, uint64_t bytes_max) {
  const uint64_t size = TRY(file.Size());
  if (size > bytes_max) {
    return ResourceExhausted("read " + path.string() + ": " + std::to_string(size) +
                             " bytes, more than the " + std::to_string(bytes_max) + " allowed");
  }
  std::string bytes(size, '\0');
  if (TRY(file.ReadAt(0, bytes)) != size) return Corruption(path.string() + " was cut short");
  return bytes;
}

}  // namespace

VolumeStore::VolumeStore(Path folder, file::FileSystem& files, const Clock& clock)
    : folder_(std::move(folder)), files_(files), clock_(clock) {}

Status VolumeStore::CheckDeadline(std::string_view what, SteadyTime deadline) const {
  if (clock_.Steady() < deadline) return {};
  return DeadlineExceeded(std::string(what) + ": the time given for it has passed");
}

Status VolumeStore::Prepare(const Path& folder) {
  {
    MutexLock lock(mutex_);
    if (prepared_.contains(folder)) return {};
  }
  TRY(file::MakeDirectories(files_, folder));
  MutexLock lock(mutex_);
  prepared_.insert(folder);
  return {};
}

void VolumeStore::Forget(const Path& folder) {
  MutexLock lock(mutex_);
  prepared_.erase(folder);
}

Status VolumeStore::Put(const std::string& key, std::string_view bytes, IfPresent present,
                        SteadyTime deadline) {
  TRY(CheckKey(key));
  TRY(CheckDeadline("put " + key, deadline));
  const Path path = folder_ / key;
  Status put = PutOnce(path, bytes, present);
  if (put.Is(Errc::kNotFound)) {  // somebody removed a folder that was there before
    Forget(path.parent_path());
    Forget(folder_ / kUnfinished);
    put = PutOnce(path, bytes, present);
  }
  if (put.ok() || put.Is(Errc::kConflict)) return put;
  return AsStoreError(std::move(put).error());
}

Status VolumeStore::PutOnce(const Path& path, std::string_view bytes, IfPresent present) {
  const Path unfinished = folder_ / kUnfinished / RandomHex(16);
  TRY(Prepare(unfinished.parent_path()));
  TRY(Prepare(path.parent_path()));
  const Status published = Publish(unfinished, path, bytes, present);
  if (!published.ok()) (void)files_.Remove(unfinished);  // best effort; swept by age
  if (published.Is(Errc::kConflict) && present == IfPresent::kFail) {
    TRY(CompareWith(path, bytes));
  } else {
    TRY(published);
  }
  return files_.SyncDirectory(path.parent_path());
}

Status VolumeStore::Publish(const Path& unfinished, const Path& path, std::string_view bytes,
                            IfPresent present) {
  TRY(WriteAndSync(files_, unfinished, bytes));
  if (present == IfPresent::kFail) return files_.RenameNew(unfinished, path);
  return files_.Rename(unfinished, path);
}

Status VolumeStore::CompareWith(const Path& path, std::string_view bytes) {
  const std::unique_ptr<File> file = TRY(files_.Open(path, OpenMode::kRead));
  const Result<std::string> there = ReadWhole(*file, path, bytes.size());
  if (!there.ok() && !there.Is(Errc::kResourceExhausted)) return there.error();
  if (there.ok() && *there == bytes) return {};
  return Conflict(path.string() + " is there already, with other content");
}

Result<std::string> VolumeStore::Get(const std::string& key, uint64_t bytes_max,
                                     SteadyTime deadline) {
  TRY(CheckKey(key));
  TRY(CheckDeadline("get " + key, deadline));
  const Path path = folder_ / key;
  const Result<file::Info> info = files_.Stat(path);
  if (info.ok() && info->kind != file::Kind::kFile)
    return NotFound(path.string() + " is not a file");
  Result<std::unique_ptr<File>> file = files_.Open(path, OpenMode::kRead);
  if (file.Is(Errc::kNotFound)) return std::move(file).error();
  if (!file.ok()) return AsStoreError(std::move(file).error());
  const BackgroundTurn turn;  // mostly a copy from the system's cache
  return ReadWhole(**file, path, bytes_max);
}

Result<ObjectInfo> VolumeStore::Stat(const std::string& key, SteadyTime deadline) {
  TRY(CheckKey(key));
  TRY(CheckDeadline("stat " + key, deadline));
  const file::Info info = TRY(files_.Stat(folder_ / key));
  if (info.kind != file::Kind::kFile) return NotFound((folder_ / key).string() + " is not a file");
  return ObjectInfo{key, info.bytes, info.modified};
}

Status VolumeStore::Delete(const std::string& key, SteadyTime deadline) {
  TRY(CheckKey(key));
  TRY(CheckDeadline("delete " + key, deadline));
  const Path path = folder_ / key;
  const Result<file::Info> info = files_.Stat(path);
  if (info.Is(Errc::kNotFound)) return {};
  // A folder is no object; its empty ones stay, since a Put may just be filling them.
  if (TRY(info).kind != file::Kind::kFile) return {};
  const Status removed = files_.Remove(path);
  if (!removed.ok() && !removed.Is(Errc::kNotFound)) return AsStoreError(removed.error());
  return files_.SyncDirectory(path.parent_path());
}

// What List() asked for, and what it has found. Folders are walked in the order of their keys.
struct VolumeStore::Listing {
  const std::string& prefix;
  const std::string& after;
  SteadyTime deadline;
  ObjectPage page;
  bool full = false;

  // Whether some key below `folder` ("a/b/") may belong to the page.
  bool Concerns(const std::string& folder) const {
    const size_t common = std::min(folder.size(), prefix.size());
    if (folder.compare(0, common, prefix, 0, common) != 0) return false;
    return folder > after || after.starts_with(folder);
  }
  bool Wants(const std::string& key) const { return key.starts_with(prefix) && key > after; }
};

Result<ObjectPage> VolumeStore::List(const std::string& prefix, const std::string& after,
                                     SteadyTime deadline) {
  TRY(files_.Stat(folder_));
  Listing listing{prefix, after, deadline, {}, false};
  TRY(Walk(listing, ""));
  if (listing.full) listing.page.next = listing.page.objects.back().key;
  return std::move(listing.page);
}

Status VolumeStore::Walk(Listing& listing, const std::string& below) {
  TRY(CheckDeadline("list " + folder_.string(), listing.deadline));
  Result<std::vector<file::Entry>> listed = files_.List(folder_ / below);
  if (listed.Is(Errc::kNotFound) && !below.empty()) return {};  // removed meanwhile
  std::vector<file::Entry> entries = TRY(std::move(listed));
  for (file::Entry& entry : entries) {
    if (entry.kind == file::Kind::kDirectory) entry.name += '/';  // so they sort as keys do
  }
  std::sort(entries.begin(), entries.end(),
            [](const auto& a, const auto& b) { return a.name < b.name; });
  for (const file::Entry& entry : entries) {
    const std::string key = below + entry.name;
    if (entry.kind == file::Kind::kDirectory) {
      const bool foreign = !IsKey(std::string_view(key).substr(0, key.size() - 1));
      if (!foreign && listing.Concerns(key)) TRY(Walk(listing, key));
    } else if (entry.kind == file::Kind::kFile && listing.Wants(key) && IsKey(key)) {
      const Result<file::Info> info = files_.Stat(folder_ / key);
      if (info.Is(Errc::kNotFound)) continue;  // removed meanwhile
      if (!info.ok()) return info.error();
      if (listing.page.objects.size() == kPageObjects) {
        listing.full = true;
      } else {
        listing.page.objects.push_back({key, info->bytes, info->modified});
      }
    }
    if (listing.full) return {};
  }
  return {};
}

Result<uint64_t> VolumeStore::RemoveUnfinished(std::chrono::seconds older_than,
                                               SteadyTime deadline) {
  const Path folder = folder_ / kUnfinished;
  const Result<std::vector<file::Entry>> entries = files_.List(folder);
  if (entries.Is(Errc::kNotFound)) return uint64_t{0};
  uint64_t removed = 0;
  for (const file::Entry& entry : TRY(entries)) {
    TRY(CheckDeadline("sweep " + folder.string(), deadline));
    const Result<file::Info> info = files_.Stat(folder / entry.name);
    if (info.Is(Errc::kNotFound)) continue;
    if (TRY(info).kind != file::Kind::kFile || clock_.Now() - info->modified <= older_than)
      continue;
    TRY(files_.Remove(folder / entry.name));
    ++removed;
  }
  return removed;
}

}  // namespace pannier::repository

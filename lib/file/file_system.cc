#include "lib/file/file_system.h"

namespace pannier::file {
namespace {

Path ParentOf(const Path& path) {
  Path parent = path.parent_path();
  return parent.empty() ? Path(".") : parent;
}

Status WriteAndSync(FileSystem& files, const Path& path, std::string_view bytes) {
  const std::unique_ptr<File> file = TRY(files.Open(path, OpenMode::kCreate));
  TRY(file->Truncate(0));  // what a crash left of an earlier attempt
  TRY(file->WriteAt(0, bytes));
  return file->Sync();
}

Status WriteAndRename(FileSystem& files, const Path& beside, const Path& path,
                      std::string_view bytes) {
  TRY(WriteAndSync(files, beside, bytes));
  return files.Rename(beside, path);
}

Status RemoveTree(FileSystem& files, const Path& path, Kind kind) {
  if (kind == Kind::kDirectory) {
    for (const Entry& entry : TRY(files.List(path)))
      TRY(RemoveTree(files, path / entry.name, entry.kind));
  }
  Status removed = files.Remove(path);
  if (removed.Is(Errc::kNotFound)) return {};
  return removed;
}

// For a path that is present already. Its name may not be durable yet (an earlier attempt may have
// died before its sync), so the parent is synced again; a parent that we may not even open is one
// in which we made no name.
Status AcceptDirectory(FileSystem& files, const Path& path) {
  std::error_code ignored;
  const bool is_link_to_directory = std::filesystem::is_directory(path, ignored);
  const Info info = TRY(files.Stat(path));
  if (info.kind != Kind::kDirectory && !is_link_to_directory) {
    return Conflict(path.string() + " exists and is not a directory",
                    "move it away, or name another place");
  }
  Status synced = files.SyncDirectory(ParentOf(path));
  if (synced.Is(Errc::kPermissionDenied)) return {};
  return synced;
}

}  // namespace

Result<bool> Exists(FileSystem& files, const Path& path) {
  const Result<Info> info = files.Stat(path);
  if (info.ok()) return true;
  if (info.Is(Errc::kNotFound)) return false;
  return info.error();
}

Result<std::string> ReadFile(FileSystem& files, const Path& path, uint64_t bytes_max) {
  const std::unique_ptr<File> file = TRY(files.Open(path, OpenMode::kRead));
  const uint64_t size = TRY(file->Size());
  if (size > bytes_max) {
    return ResourceExhausted("read " + path.string() + ": " + std::to_string(size) +
                             " bytes, more than the " + std::to_string(bytes_max) + " allowed");
  }
  std::string bytes(size, '\0');
  bytes.resize(TRY(file->ReadAt(0, bytes)));
  return bytes;
}

Status ReplaceFile(FileSystem& files, const Path& path, std::string_view bytes) {
  Path beside = path;
  beside += ".new";
  Status written = WriteAndRename(files, beside, path, bytes);
  if (!written.ok()) {
    (void)files.Remove(beside);  // best effort: the first error is the one to tell
    return std::move(written).Context("replace " + path.string());
  }
  return files.SyncDirectory(ParentOf(path)).Context("replace " + path.string());
}

Status RenameDurably(FileSystem& files, const Path& from, const Path& to) {
  TRY(files.Rename(from, to));
  // The new name first: between the two syncs both names may show, but never neither.
  TRY(files.SyncDirectory(ParentOf(to)));
  if (ParentOf(from) == ParentOf(to)) return {};
  return files.SyncDirectory(ParentOf(from));
}

Status MakeDirectories(FileSystem& files, const Path& path) {
  Status made = files.MakeDirectory(path);
  const bool climbed =
      made.Is(Errc::kNotFound) && path.has_parent_path() && path != path.root_path();
  if (climbed) {
    TRY(MakeDirectories(files, path.parent_path()));
    made = files.MakeDirectory(path);
  }
  if (made.Is(Errc::kConflict)) return AcceptDirectory(files, path);
  TRY(made);
  TRY(files.SyncDirectory(ParentOf(path)));
  // The parent was there already; its own name is the one an earlier attempt may not have synced.
  if (!climbed && ParentOf(path) != path.root_path()) return AcceptDirectory(files, ParentOf(path));
  return {};
}

Status RemoveAll(FileSystem& files, const Path& path) {
  const Result<Info> info = files.Stat(path);
  if (info.Is(Errc::kNotFound)) return {};
  TRY(RemoveTree(files, path, TRY(info).kind));
  return files.SyncDirectory(ParentOf(path));
}

Result<uint64_t> DiskUsage(FileSystem& files, const Path& path) {
  const Result<Info> info = files.Stat(path);
  if (info.Is(Errc::kNotFound)) return uint64_t{0};
  if (TRY(info).kind != Kind::kDirectory) return info->disk_bytes;
  uint64_t total = info->disk_bytes;
  const Result<std::vector<Entry>> entries = files.List(path);
  if (entries.Is(Errc::kNotFound)) return uint64_t{0};  // removed meanwhile
  for (const Entry& entry : TRY(entries)) total += TRY(DiskUsage(files, path / entry.name));
  return total;
}

}  // namespace pannier::file

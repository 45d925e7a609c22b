#include "daemon/store/raw_file.h"

#include <sqlite3.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

namespace pannier::store {
namespace {

sqlite3_file* HandleOf(const std::unique_ptr<char[]>& file) {
  return reinterpret_cast<sqlite3_file*>(file.get());
}

int FlagsOf(const std::string& path, RawFile::Mode mode) {
  // A main file is opened as one, since closing it must not drop the locks of others in this
  // process. All else counts as a log: its name becomes durable with its first sync.
  const bool is_log = path.find('-', path.find_last_of('/') + 1) != std::string::npos;
  const int type = is_log ? SQLITE_OPEN_WAL : SQLITE_OPEN_MAIN_DB;
  if (mode == RawFile::Mode::kRead) return type | SQLITE_OPEN_READONLY;
  const int create = mode == RawFile::Mode::kCreate ? SQLITE_OPEN_CREATE : 0;
  return type | SQLITE_OPEN_READWRITE | create;
}

Status Failed(int code, const std::string& what, const std::string& path) {
  std::string text = what + " " + path + ": " + sqlite3_errstr(code);
  if ((code & 0xff) == SQLITE_FULL) return StorageFull(std::move(text));
  return Unavailable(std::move(text));
}

}  // namespace

Result<RawFile> RawFile::Open(const std::string& path, Mode mode, const std::string& vfs) {
  sqlite3_vfs* found = sqlite3_vfs_find(vfs.empty() ? nullptr : vfs.c_str());
  if (found == nullptr) return InvalidArgument("no VFS named " + vfs);
  RawFile file;
  file.path_ = path;
  file.name_ = sqlite3_create_filename(path.c_str(), "", "", 0, nullptr);
  CHECK(file.name_ != nullptr);
  auto handle = std::make_unique<char[]>(static_cast<size_t>(found->szOsFile));
  int flags = 0;
  const int code = found->xOpen(found, file.name_, HandleOf(handle), FlagsOf(path, mode), &flags);
  if (HandleOf(handle)->pMethods != nullptr) file.file_ = std::move(handle);
  if (code != SQLITE_OK) {
    const int reason =
        found->xGetLastError != nullptr ? found->xGetLastError(found, 0, nullptr) : 0;
    if (reason == ENOENT) return NotFound(path + " does not exist");
    return Failed(code, "open", path).error();
  }
  sqlite3_int64 size = 0;
  const int sized = HandleOf(file.file_)->pMethods->xFileSize(HandleOf(file.file_), &size);
  if (sized != SQLITE_OK) return Failed(sized, "size of", path).error();
  file.size_ = static_cast<uint64_t>(size);
  return file;
}

RawFile::RawFile(RawFile&& other) noexcept
    : path_(std::move(other.path_)),
      name_(std::exchange(other.name_, nullptr)),
      file_(std::move(other.file_)),
      size_(other.size_) {}

RawFile& RawFile::operator=(RawFile&& other) noexcept {
  RawFile taken(std::move(other));
  std::swap(path_, taken.path_);
  std::swap(name_, taken.name_);
  std::swap(file_, taken.file_);
  std::swap(size_, taken.size_);
  return *this;
}

RawFile::~RawFile() {
  if (file_ != nullptr) HandleOf(file_)->pMethods->xClose(HandleOf(file_));
  if (name_ != nullptr) sqlite3_free_filename(const_cast<char*>(name_));  // NOLINT: its signature
}

Result<uint64_t> RawFile::ReadAt(uint64_t offset, std::span<char> into) const {
  sqlite3_file* const handle = HandleOf(file_);
  const uint64_t there = offset >= size_ ? 0 : std::min<uint64_t>(into.size(), size_ - offset);
  std::memset(into.data() + there, 0, into.size() - there);
  if (there == 0) return there;
  const int code = handle->pMethods->xRead(handle, into.data(), static_cast<int>(there),
                                           static_cast<sqlite3_int64>(offset));
  // Cut short since it was opened: the rest is zeros already.
  if (code != SQLITE_OK && code != SQLITE_IOERR_SHORT_READ) {
    return Failed(code, "read", path_).error();
  }
  return there;
}

Status RawFile::WriteAt(uint64_t offset, std::string_view bytes) {
  sqlite3_file* const handle = HandleOf(file_);
  const int code = handle->pMethods->xWrite(handle, bytes.data(), static_cast<int>(bytes.size()),
                                            static_cast<sqlite3_int64>(offset));
  if (code != SQLITE_OK) return Failed(code, "write", path_);
  size_ = std::max<uint64_t>(size_, offset + bytes.size());
  return {};
}

Status RawFile::Sync() {
  const int code = HandleOf(file_)->pMethods->xSync(HandleOf(file_), SQLITE_SYNC_NORMAL);
  return code == SQLITE_OK ? Status() : Failed(code, "sync", path_);
}

}  // namespace pannier::store

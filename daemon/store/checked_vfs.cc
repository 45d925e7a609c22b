#include "daemon/store/checked_vfs.h"

#include <sqlite3.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <map>
#include <memory>
#include <new>
#include <utility>
#include <vector>

#include "daemon/store/file_guard.h"
#include "daemon/store/page_checksum.h"
#include "daemon/store/wal_format.h"
#include "lib/core/check.h"
#include "lib/core/mutex.h"

namespace pannier::store {
namespace {

constexpr int kHeaderRead = 100;  // SQLite reads parts of page 1 before it knows how long a page is
constexpr int kShapeBytes = 24;
constexpr std::string_view kLogSuffix = "-wal";

thread_local std::string page_damage;

// The file's own page numbers count from 1.
int Damaged(const std::string& file, const char* kind, uint64_t number, const char* what) {
  page_damage = std::string(kind) + " " + std::to_string(number) + " of " + file + what;
  return SQLITE_IOERR_DATA;
}

std::span<const char> Bytes(const void* data, int bytes) {
  return {static_cast<const char*>(data), static_cast<size_t>(bytes)};
}

// One open file as SQLite sees it. SQLite allocates it, with the file of the VFS below right
// behind; we construct and destroy it.
struct CheckedFile {
  sqlite3_file base;  // first: SQLite casts
  std::shared_ptr<FileGuard> guard;
  std::string path;
  std::vector<std::byte> page;  // one in work
  bool keeps_log = false;       // of a database: its log stays, empty, when it is closed
  bool is_new = false;          // a log that this handle made and has not synced yet

  sqlite3_file* below() { return reinterpret_cast<sqlite3_file*>(this + 1); }
  const sqlite3_io_methods& calls() { return *below()->pMethods; }
};
static_assert(sizeof(CheckedFile) % 8 == 0);

CheckedFile& Of(sqlite3_file* file) { return *reinterpret_cast<CheckedFile*>(file); }

// A disk that fails to read is not a file that is damaged, which is what SQLite takes EIO for
// (SQLITE_IOERR_CORRUPTFS becomes SQLITE_CORRUPT): nothing is to be repaired because of it.
int ReadBelow(CheckedFile& self, void* into, int bytes, sqlite3_int64 offset) {
  const int code = self.calls().xRead(self.below(), into, bytes, offset);
  return code == SQLITE_IOERR_CORRUPTFS ? SQLITE_IOERR_READ : code;
}

// --- the database file ---

// Whether a whole page, just read, is the one that was written there.
int CheckPage(CheckedFile& self, uint64_t offset, std::span<const char> page, bool is_whole) {
  const auto number = static_cast<uint32_t>(offset / page.size() + 1);
  if (!is_whole) return Damaged(self.path, "page", number, " lies beyond its end");
  if (self.guard->is_guarded()) {
    if (IsSealed(number, std::as_bytes(page))) return SQLITE_OK;
  } else if (number != 1 || !IsSealedButForShape(std::as_bytes(page))) {
    return SQLITE_OK;
  }
  return Damaged(self.path, "page", number, " fails its checksum");
}

// A read of less or more than a page: each page it touches is read and checked as a whole.
int CheckAround(CheckedFile& self, uint64_t offset, std::span<char> into) {
  const uint64_t page_bytes = self.guard->page_bytes();
  self.page.resize(page_bytes);
  const std::span<char> page(reinterpret_cast<char*>(self.page.data()), page_bytes);
  for (uint64_t at = offset / page_bytes * page_bytes; at < offset + into.size();
       at += page_bytes) {
    const int code =
        ReadBelow(self, page.data(), static_cast<int>(page_bytes), static_cast<sqlite3_int64>(at));
    if (code != SQLITE_OK && code != SQLITE_IOERR_SHORT_READ) return code;
    const int checked = CheckPage(self, at, page, code == SQLITE_OK);
    if (checked != SQLITE_OK) return checked;
    const uint64_t begin = std::max(at, offset);
    const uint64_t end = std::min(at + page_bytes, offset + into.size());
    std::copy_n(page.data() + (begin - at), end - begin, into.data() + (begin - offset));
  }
  return SQLITE_OK;
}

// SQLite may look at a page that it has just taken at the end, and counts with its commit only: the
// file ends before it, and does not say otherwise. It reads as zeros then.
bool WasNeverWritten(CheckedFile& self, sqlite3_int64 offset) {
  sqlite3_int64 size = 0;
  std::array<unsigned char, kHeaderRead> header{};
  if (self.calls().xFileSize(self.below(), &size) != SQLITE_OK || size > offset) return false;
  if (self.calls().xRead(self.below(), header.data(), kHeaderRead, 0) != SQLITE_OK) return false;
  uint32_t counted = 0;
  for (int i = 28; i < 32; ++i) counted = counted << 8 | header[static_cast<size_t>(i)];
  return offset / self.guard->page_bytes() >= counted;
}

int ReadMain(sqlite3_file* handle, void* into, int bytes, sqlite3_int64 offset) {
  CheckedFile& self = Of(handle);
  const int code = ReadBelow(self, into, bytes, offset);
  if (code != SQLITE_OK && code != SQLITE_IOERR_SHORT_READ) return code;
  if (code == SQLITE_OK && offset == 0 && bytes >= kShapeBytes) {
    self.guard->Learn(Bytes(into, bytes));
  }
  if (offset + bytes <= kHeaderRead) return code;
  const auto at = static_cast<uint64_t>(offset);
  if (offset == 0) return CheckPage(self, at, Bytes(into, bytes), code == SQLITE_OK);
  if (!self.guard->is_guarded()) return code;
  if (code == SQLITE_IOERR_SHORT_READ && WasNeverWritten(self, offset)) return code;
  const uint32_t page_bytes = self.guard->page_bytes();
  if (at % page_bytes == 0 && static_cast<uint32_t>(bytes) == page_bytes) {
    return CheckPage(self, at, Bytes(into, bytes), code == SQLITE_OK);
  }
  return CheckAround(self, at, {static_cast<char*>(into), static_cast<size_t>(bytes)});
}

int WriteMain(sqlite3_file* handle, const void* from, int bytes, sqlite3_int64 offset) {
  CheckedFile& self = Of(handle);
  if (offset == 0 && bytes >= kHeaderRead) self.guard->Learn(Bytes(from, bytes));
  const uint32_t page_bytes = self.guard->page_bytes();
  if (page_bytes == 0 || offset % page_bytes != 0 || static_cast<uint32_t>(bytes) != page_bytes) {
    return self.calls().xWrite(self.below(), from, bytes, offset);
  }
  const auto* begin = static_cast<const std::byte*>(from);
  self.page.assign(begin, begin + bytes);  // SQLite's own copy is not ours to change
  SealPage(static_cast<uint32_t>(offset / page_bytes + 1), self.page);
  return self.calls().xWrite(self.below(), self.page.data(), bytes, offset);
}

// A file that had pages and has none would look like a database that nobody has filled yet.
int SizeOfMain(sqlite3_file* handle, sqlite3_int64* size) {
  CheckedFile& self = Of(handle);
  const int code = self.calls().xFileSize(self.below(), size);
  if (code != SQLITE_OK || *size != 0 || !self.guard->is_guarded()) return code;
  return Damaged(self.path, "page", 1, " lies beyond its end");
}

// --- the log ---

int CodeOf(const Status& withdrawn, int otherwise) {
  if (withdrawn.ok()) return SQLITE_OK;
  return withdrawn.Is(Errc::kStorageFull) ? SQLITE_FULL : otherwise;
}

int ReadLog(sqlite3_file* handle, void* into, int bytes, sqlite3_int64 offset) {
  CheckedFile& self = Of(handle);
  const int code = ReadBelow(self, into, bytes, offset);
  const auto at = static_cast<uint64_t>(offset);
  if (code == SQLITE_IOERR_SHORT_READ && at > 0) {
    return Damaged(self.path, "byte", at, " lies beyond its end");
  }
  if (code != SQLITE_OK) return code;
  if (self.guard->log().CheckRead(at, Bytes(into, bytes))) return SQLITE_OK;
  return Damaged(self.path, "the frame at byte", at, " is not what was written");
}

int WriteLog(sqlite3_file* handle, const void* from, int bytes, sqlite3_int64 offset) {
  CheckedFile& self = Of(handle);
  LogGuard& log = self.guard->log();
  const auto at = static_cast<uint64_t>(offset);
  int code = CodeOf(log.BeforeWrite(at), SQLITE_IOERR_WRITE);
  if (code != SQLITE_OK) return code;
  code = self.calls().xWrite(self.below(), from, bytes, offset);
  log.AfterWrite(at, Bytes(from, bytes), code == SQLITE_OK);
  return code;
}

int TruncateLog(sqlite3_file* handle, sqlite3_int64 size) {
  CheckedFile& self = Of(handle);
  LogGuard& log = self.guard->log();
  int code = CodeOf(log.BeforeTruncate(static_cast<uint64_t>(size)), SQLITE_IOERR_TRUNCATE);
  if (code != SQLITE_OK) return code;
  code = self.calls().xTruncate(self.below(), size);
  if (code == SQLITE_OK) log.AfterTruncate(static_cast<uint64_t>(size));
  return code;
}

// SQLite syncs the header before the first frame, lest frames of an older log be taken for the new
// one's. In a file that has never held any there are none, and the commit's own sync does for both.
bool IsHeaderOfNewLog(CheckedFile& self) {
  if (!self.is_new) return false;
  sqlite3_int64 size = 0;
  const int code = self.calls().xFileSize(self.below(), &size);
  return code == SQLITE_OK && static_cast<uint64_t>(size) <= kLogHeaderBytes;
}

int SyncLog(sqlite3_file* handle, int flags) {
  CheckedFile& self = Of(handle);
  if (IsHeaderOfNewLog(self)) return SQLITE_OK;
  self.is_new = false;
  LogGuard& log = self.guard->log();
  const Promised committed = log.BeforeSync();
  const int code = self.calls().xSync(self.below(), flags);
  log.AfterSync(code == SQLITE_OK, committed);
  return code;
}

// --- what passes through ---

int Close(sqlite3_file* handle) {
  CheckedFile& self = Of(handle);
  const int code = self.calls().xClose(self.below());
  self.~CheckedFile();
  return code;
}
int Truncate(sqlite3_file* handle, sqlite3_int64 size) {
  return Of(handle).calls().xTruncate(Of(handle).below(), size);
}
int Sync(sqlite3_file* handle, int flags) {
  return Of(handle).calls().xSync(Of(handle).below(), flags);
}
int FileSize(sqlite3_file* handle, sqlite3_int64* size) {
  return Of(handle).calls().xFileSize(Of(handle).below(), size);
}
int Lock(sqlite3_file* handle, int level) {
  return Of(handle).calls().xLock(Of(handle).below(), level);
}
int Unlock(sqlite3_file* handle, int level) {
  return Of(handle).calls().xUnlock(Of(handle).below(), level);
}
int CheckReservedLock(sqlite3_file* handle, int* out) {
  return Of(handle).calls().xCheckReservedLock(Of(handle).below(), out);
}
int FileControl(sqlite3_file* handle, int what, void* argument) {
  if (what == SQLITE_FCNTL_PERSIST_WAL) {  // asks when it is below 0
    int& wanted = *static_cast<int*>(argument);
    if (wanted >= 0) Of(handle).keeps_log = wanted != 0;
    wanted = Of(handle).keeps_log ? 1 : 0;
    return SQLITE_OK;
  }
  return Of(handle).calls().xFileControl(Of(handle).below(), what, argument);
}
int SectorSize(sqlite3_file* handle) { return Of(handle).calls().xSectorSize(Of(handle).below()); }
int DeviceCharacteristics(sqlite3_file* handle) {
  return Of(handle).calls().xDeviceCharacteristics(Of(handle).below());
}
int ShmMap(sqlite3_file* handle, int index, int bytes, int make, void volatile** out) {
  return Of(handle).calls().xShmMap(Of(handle).below(), index, bytes, make, out);
}
int ShmLock(sqlite3_file* handle, int first, int count, int flags) {
  return Of(handle).calls().xShmLock(Of(handle).below(), first, count, flags);
}
void ShmBarrier(sqlite3_file* handle) { Of(handle).calls().xShmBarrier(Of(handle).below()); }
int ShmUnmap(sqlite3_file* handle, int remove) {
  return Of(handle).calls().xShmUnmap(Of(handle).below(), remove);
}

// Version 2 has shared memory and no memory-mapped reading.
constexpr sqlite3_io_methods kMainMethods = {2,
                                             Close,
                                             ReadMain,
                                             WriteMain,
                                             Truncate,
                                             Sync,
                                             SizeOfMain,
                                             Lock,
                                             Unlock,
                                             CheckReservedLock,
                                             FileControl,
                                             SectorSize,
                                             DeviceCharacteristics,
                                             ShmMap,
                                             ShmLock,
                                             ShmBarrier,
                                             ShmUnmap,
                                             nullptr,
                                             nullptr};
constexpr sqlite3_io_methods kLogMethods = {2,
                                            Close,
                                            ReadLog,
                                            WriteLog,
                                            TruncateLog,
                                            SyncLog,
                                            FileSize,
                                            Lock,
                                            Unlock,
                                            CheckReservedLock,
                                            FileControl,
                                            SectorSize,
                                            DeviceCharacteristics,
                                            ShmMap,
                                            ShmLock,
                                            ShmBarrier,
                                            ShmUnmap,
                                            nullptr,
                                            nullptr};

// --- the VFS ---

// The database whose log `path` is; empty for all other files.
std::string DatabaseOfLog(std::string_view path) {
  if (!path.ends_with(kLogSuffix)) return {};
  return std::string(path.substr(0, path.size() - kLogSuffix.size()));
}

class Vfs {
 public:
  Vfs(sqlite3_vfs* base, std::string base_name)
      : base_(base), base_name_(std::move(base_name)), name_("checked/" + base_name_) {
    Fill();
    CHECK(sqlite3_vfs_register(&vfs_, /*makeDflt=*/0) == SQLITE_OK);
  }
  ~Vfs() { sqlite3_vfs_unregister(&vfs_); }
  Vfs(const Vfs&) = delete;
  Vfs& operator=(const Vfs&) = delete;

  const std::string& name() const { return name_; }
  sqlite3_vfs* base() const { return base_; }

  bool HasOpen(const std::string& path) {
    std::vector<char> full(static_cast<size_t>(base_->mxPathname) + 1);
    const int code = base_->xFullPathname(base_, path.c_str(), base_->mxPathname + 1, full.data());
    if (code != SQLITE_OK && code != SQLITE_OK_SYMLINK) return false;
    MutexLock lock(mutex_);
    const auto found = guards_.find(full.data());
    return found != guards_.end() && !found->second.expired();
  }

 private:
  static Vfs& Of(sqlite3_vfs* vfs) { return *static_cast<Vfs*>(vfs->pAppData); }
  static int Open(sqlite3_vfs* vfs, const char* path, sqlite3_file* handle, int flags, int* out);
  static int Delete(sqlite3_vfs* vfs, const char* path, int sync_folder);
  int OpenBelow(const char* path, CheckedFile* file, int flags, int* out);
  int OpenLog(const char* path, CheckedFile* file, int flags, int* out);
  void Fill();

  std::shared_ptr<FileGuard> GuardOf(const std::string& database) EXCLUDES(mutex_) {
    MutexLock lock(mutex_);
    std::shared_ptr<FileGuard> guard = guards_[database].lock();
    if (guard != nullptr) return guard;
    std::erase_if(guards_, [](const auto& entry) { return entry.second.expired(); });
    guard = std::make_shared<FileGuard>(database, base_name_);
    guards_[database] = guard;
    return guard;
  }

  sqlite3_vfs* const base_;
  const std::string base_name_, name_;
  sqlite3_vfs vfs_{};
  Mutex mutex_;
  std::map<std::string, std::weak_ptr<FileGuard>> guards_ GUARDED_BY(mutex_);  // by database
};

int Vfs::OpenBelow(const char* path, CheckedFile* file, int flags, int* out) {
  file->below()->pMethods = nullptr;
  return base_->xOpen(base_, path, file->below(), flags, out);
}

// As one that is there, if it is: SQLite syncs the folder of a log that it may have made.
int Vfs::OpenLog(const char* path, CheckedFile* file, int flags, int* out) {
  if ((flags & SQLITE_OPEN_CREATE) == 0) return OpenBelow(path, file, flags, out);
  const int there = OpenBelow(path, file, flags & ~SQLITE_OPEN_CREATE, out);
  if (there == SQLITE_OK) return there;
  if (file->below()->pMethods != nullptr) file->calls().xClose(file->below());
  int exists = 0;
  const int looked = base_->xAccess(base_, path, SQLITE_ACCESS_READWRITE, &exists);
  file->is_new = looked == SQLITE_OK && exists == 0;
  return OpenBelow(path, file, flags, out);
}

int Vfs::Open(sqlite3_vfs* vfs, const char* path, sqlite3_file* handle, int flags, int* out) {
  Vfs& self = Of(vfs);
  constexpr int kChecked = SQLITE_OPEN_MAIN_DB | SQLITE_OPEN_WAL;
  handle->pMethods = nullptr;
  if (path == nullptr || (flags & kChecked) == 0) {
    return self.base_->xOpen(self.base_, path, handle, flags, out);
  }
  const bool is_log = (flags & SQLITE_OPEN_WAL) != 0;
  const std::string database = is_log ? DatabaseOfLog(path) : path;
  auto* file = new (handle) CheckedFile{{nullptr}, self.GuardOf(database), path, {}};
  const int code =
      is_log ? self.OpenLog(path, file, flags, out) : self.OpenBelow(path, file, flags, out);
  if (code == SQLITE_OK) {
    file->base.pMethods = is_log ? &kLogMethods : &kMainMethods;
    return SQLITE_OK;
  }
  if (file->below()->pMethods != nullptr) file->calls().xClose(file->below());
  file->~CheckedFile();
  handle->pMethods = nullptr;  // nothing to close
  return code;
}

int Vfs::Delete(sqlite3_vfs* vfs, const char* path, int sync_folder) {
  Vfs& self = Of(vfs);
  const std::string database = DatabaseOfLog(path);
  if (!database.empty()) {
    const int code = CodeOf(self.GuardOf(database)->log().BeforeRemove(), SQLITE_IOERR_DELETE);
    if (code != SQLITE_OK) return code;
  }
  return self.base_->xDelete(self.base_, path, sync_folder);
}

void Vfs::Fill() {
  vfs_.iVersion = std::min(base_->iVersion, 2);
  vfs_.szOsFile = base_->szOsFile + static_cast<int>(sizeof(CheckedFile));
  vfs_.mxPathname = base_->mxPathname;
  vfs_.zName = name_.c_str();
  vfs_.pAppData = this;
  vfs_.xOpen = Open;
  vfs_.xDelete = Delete;
  vfs_.xAccess = [](sqlite3_vfs* vfs, const char* path, int flags, int* out) {
    return Of(vfs).base_->xAccess(Of(vfs).base_, path, flags, out);
  };
  vfs_.xFullPathname = [](sqlite3_vfs* vfs, const char* path, int bytes, char* out) {
    return Of(vfs).base_->xFullPathname(Of(vfs).base_, path, bytes, out);
  };
  vfs_.xRandomness = [](sqlite3_vfs* vfs, int bytes, char* out) {
    return Of(vfs).base_->xRandomness(Of(vfs).base_, bytes, out);
  };
  vfs_.xSleep = [](sqlite3_vfs* vfs, int microseconds) {
    return Of(vfs).base_->xSleep(Of(vfs).base_, microseconds);
  };
  vfs_.xCurrentTime = [](sqlite3_vfs* vfs, double* out) {
    return Of(vfs).base_->xCurrentTime(Of(vfs).base_, out);
  };
  vfs_.xGetLastError = [](sqlite3_vfs* vfs, int bytes, char* out) {
    return Of(vfs).base_->xGetLastError(Of(vfs).base_, bytes, out);
  };
  vfs_.xCurrentTimeInt64 = [](sqlite3_vfs* vfs, sqlite3_int64* out) {
    return Of(vfs).base_->xCurrentTimeInt64(Of(vfs).base_, out);
  };
}

// All of ours, by the name of the VFS below.
struct Registry {
  Mutex mutex;
  std::map<std::string, std::unique_ptr<Vfs>> made GUARDED_BY(mutex);
};

Registry& TheRegistry() {
  static Registry* const registry = new Registry;  // outlives every connection
  return *registry;
}

// Null when there is none yet.
Vfs* FindMade(const std::string& base) {
  Registry& registry = TheRegistry();
  MutexLock lock(registry.mutex);
  const auto found = registry.made.find(base);
  return found != registry.made.end() ? found->second.get() : nullptr;
}

// SQLite's own for files that one process has open: locks once, and no file of shared memory.
constexpr char kOwnVfs[] = "unix-excl";

sqlite3_vfs* FindBase(const std::string& base) {
  return sqlite3_vfs_find(base.empty() ? kOwnVfs : base.c_str());
}

}  // namespace

Result<std::string> CheckedVfs(const std::string& base) {
  Registry& registry = TheRegistry();
  sqlite3_vfs* found = FindBase(base);
  if (found == nullptr) return InvalidArgument("there is no VFS named " + base);
  MutexLock lock(registry.mutex);
  std::unique_ptr<Vfs>& made = registry.made[base];
  if (made != nullptr && made->base() == found) return made->name();
  // A new one below: it may have come after others that went (tests make many).
  made = std::make_unique<Vfs>(found, base);
  const std::string name = made->name();
  std::erase_if(registry.made,
                [](const auto& entry) { return FindBase(entry.first) != entry.second->base(); });
  return name;
}

bool IsOpenHere(const std::string& path, const std::string& base) {
  Vfs* vfs = FindMade(base);
  return vfs != nullptr && vfs->HasOpen(path);
}

std::string TakePageDamage() { return std::exchange(page_damage, {}); }

}  // namespace pannier::store

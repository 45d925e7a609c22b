#include "tests/support/faulty_vfs.h"

#include <sqlite3.h>

#include <atomic>
#include <cerrno>
#include <cstring>
#include <map>
#include <new>

#include "daemon/store/sqlite.h"
#include "lib/core/check.h"
#include "tests/support/vfs_locks.h"

namespace pannier::test {

namespace {

thread_local int last_errno = 0;

// What a Unix system call would have left in errno.
int Remember(const Error& error) {
  last_errno = error.code == Errc::kNotFound ? ENOENT : EIO;
  return last_errno;
}

int CodeOf(const Error& error, int otherwise) {
  Remember(error);
  const bool full = error.code == Errc::kStorageFull || error.code == Errc::kResourceExhausted;
  return full ? SQLITE_FULL : otherwise;
}

int Told(const Status& status, int otherwise) {
  return status.ok() ? SQLITE_OK : CodeOf(status.error(), otherwise);
}

// One open file as SQLite sees it. SQLite allocates it, we construct and destroy it.
struct VfsFile {
  sqlite3_file base;  // first: SQLite casts
  FaultyFileSystem* files;
  std::unique_ptr<file::File> file;
  std::shared_ptr<VfsLocks> locks;
  file::Path path;
  int level;
  bool sync_folder;  // a fresh journal's name is synced with its first bytes
  bool delete_on_close;
};

VfsFile& Of(sqlite3_file* file) { return *reinterpret_cast<VfsFile*>(file); }

int Close(sqlite3_file* handle) {
  VfsFile& self = Of(handle);
  self.locks->Unmap(&self);
  self.locks->Unlock(&self, self.level, SQLITE_LOCK_NONE);
  if (self.delete_on_close) [[maybe_unused]]
    const Status gone = self.files->Remove(self.path);
  self.~VfsFile();
  return SQLITE_OK;
}

int Read(sqlite3_file* handle, void* into, int bytes, sqlite3_int64 offset) {
  const std::span<char> buffer(static_cast<char*>(into), static_cast<size_t>(bytes));
  const Result<size_t> got = Of(handle).file->ReadAt(static_cast<uint64_t>(offset), buffer);
  if (!got.ok()) {
    Remember(got.error());
    return SQLITE_IOERR_READ;
  }
  if (*got == buffer.size()) return SQLITE_OK;
  std::memset(buffer.data() + *got, 0, buffer.size() - *got);
  return SQLITE_IOERR_SHORT_READ;
}

int Write(sqlite3_file* handle, const void* from, int bytes, sqlite3_int64 offset) {
  const std::string_view text(static_cast<const char*>(from), static_cast<size_t>(bytes));
  return Told(Of(handle).file->WriteAt(static_cast<uint64_t>(offset), text), SQLITE_IOERR_WRITE);
}

int Truncate(sqlite3_file* handle, sqlite3_int64 size) {
  return Told(Of(handle).file->Truncate(static_cast<uint64_t>(size)), SQLITE_IOERR_TRUNCATE);
}

int Sync(sqlite3_file* handle, int) {
  VfsFile& self = Of(handle);
  const Status synced = self.file->Sync();
  if (!synced.ok()) return Told(synced, SQLITE_IOERR_FSYNC);
  if (self.sync_folder) {
    [[maybe_unused]] const Status ignored = self.files->SyncDirectory(self.path.parent_path());
    self.sync_folder = false;
  }
  return SQLITE_OK;
}

int FileSize(sqlite3_file* handle, sqlite3_int64* size) {
  const Result<uint64_t> bytes = Of(handle).file->Size();
  if (!bytes.ok()) return CodeOf(bytes.error(), SQLITE_IOERR_FSTAT);
  *size = static_cast<sqlite3_int64>(*bytes);
  return SQLITE_OK;
}

int Lock(sqlite3_file* handle, int level) {
  VfsFile& self = Of(handle);
  if (self.level >= level) return SQLITE_OK;
  self.level = self.locks->Lock(&self, self.level, level);
  return self.level >= level ? SQLITE_OK : SQLITE_BUSY;
}

int Unlock(sqlite3_file* handle, int level) {
  VfsFile& self = Of(handle);
  self.locks->Unlock(&self, self.level, level);
  self.level = std::min(self.level, level);
  return SQLITE_OK;
}

int CheckReservedLock(sqlite3_file* handle, int* out) {
  *out = Of(handle).locks->IsReserved() ? 1 : 0;
  return SQLITE_OK;
}

int FileControl(sqlite3_file*, int, void*) { return SQLITE_NOTFOUND; }
int SectorSize(sqlite3_file*) { return 4096; }
int DeviceCharacteristics(sqlite3_file*) { return SQLITE_IOCAP_POWERSAFE_OVERWRITE; }

int ShmMap(sqlite3_file* handle, int index, int bytes, int make, void volatile** out) {
  *out = Of(handle).locks->Map(&Of(handle), index, bytes, make != 0);
  return SQLITE_OK;
}

int ShmLock(sqlite3_file* handle, int first, int count, int flags) {
  VfsFile& self = Of(handle);
  if ((flags & SQLITE_SHM_UNLOCK) != 0) {
    self.locks->UnlockSlots(&self, first, count);
    return SQLITE_OK;
  }
  const bool locked = (flags & SQLITE_SHM_EXCLUSIVE) != 0
                          ? self.locks->LockExclusive(&self, first, count)
                          : self.locks->LockShared(&self, first);
  return locked ? SQLITE_OK : SQLITE_BUSY;
}

void ShmBarrier(sqlite3_file* handle) { Of(handle).locks->Barrier(); }

int ShmUnmap(sqlite3_file* handle, int) {
  Of(handle).locks->Unmap(&Of(handle));
  return SQLITE_OK;
}

constexpr sqlite3_io_methods kMethods = {2,
                                         Close,
                                         Read,
                                         Write,
                                         Truncate,
                                         Sync,
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

file::OpenMode ModeOf(int flags) {
  if ((flags & SQLITE_OPEN_READONLY) != 0) return file::OpenMode::kRead;
  if ((flags & SQLITE_OPEN_CREATE) == 0) return file::OpenMode::kReadWrite;
  const bool exclusive = (flags & SQLITE_OPEN_EXCLUSIVE) != 0;
  return exclusive ? file::OpenMode::kCreateNew : file::OpenMode::kCreate;
}

}  // namespace

class FaultyVfs::Impl {
 public:
  explicit Impl(FaultyFileSystem& files) : files_(files) {
    store::ConfigureSqlite();  // before SQLite starts by itself
    static std::atomic<int> made{0};
    name_ = "faulty-" + std::to_string(++made);
    base_ = sqlite3_vfs_find(nullptr);
    CHECK(base_ != nullptr);
    Fill();
    CHECK(sqlite3_vfs_register(&vfs_, 0) == SQLITE_OK);
  }
  ~Impl() { sqlite3_vfs_unregister(&vfs_); }

  const std::string& name() const { return name_; }

 private:
  static Impl& Of(sqlite3_vfs* vfs) { return *static_cast<Impl*>(vfs->pAppData); }
  static int Open(sqlite3_vfs* vfs, const char* path, sqlite3_file* handle, int flags, int* out);
  static int Delete(sqlite3_vfs* vfs, const char* path, int sync_folder);
  static int Access(sqlite3_vfs* vfs, const char* path, int flags, int* out);
  static int FullPathname(sqlite3_vfs*, const char* path, int bytes, char* out);
  void Fill();

  std::shared_ptr<VfsLocks> LocksOf(const std::string& path) {
    MutexLock lock(mutex_);
    std::shared_ptr<VfsLocks> locks = locks_by_path_[path].lock();
    if (locks == nullptr) locks_by_path_[path] = locks = std::make_shared<VfsLocks>();
    return locks;
  }

  FaultyFileSystem& files_;
  std::string name_;
  sqlite3_vfs* base_ = nullptr;  // for what has nothing to do with disks
  sqlite3_vfs vfs_{};
  Mutex mutex_;
  std::map<std::string, std::weak_ptr<VfsLocks>> locks_by_path_ GUARDED_BY(mutex_);
};

int FaultyVfs::Impl::Open(sqlite3_vfs* vfs, const char* path, sqlite3_file* handle, int flags,
                          int* out) {
  Impl& self = Of(vfs);
  handle->pMethods = nullptr;  // nothing to close yet
  CHECK(path != nullptr);      // a temporary file: temp_store keeps those in memory
  Result<std::unique_ptr<file::File>> opened = self.files_.Open(path, ModeOf(flags));
  if (!opened.ok()) {
    Remember(opened.error());
    return SQLITE_CANTOPEN;
  }
  constexpr int kJournals = SQLITE_OPEN_MAIN_JOURNAL | SQLITE_OPEN_SUPER_JOURNAL | SQLITE_OPEN_WAL;
  const bool fresh_journal = (flags & SQLITE_OPEN_CREATE) != 0 && (flags & kJournals) != 0;
  new (handle) VfsFile{{&kMethods},
                       &self.files_,
                       std::move(opened).value(),
                       self.LocksOf(path),
                       path,
                       SQLITE_LOCK_NONE,
                       fresh_journal,
                       (flags & SQLITE_OPEN_DELETEONCLOSE) != 0};
  if (out != nullptr) *out = flags;
  return SQLITE_OK;
}

int FaultyVfs::Impl::Delete(sqlite3_vfs* vfs, const char* path, int sync_folder) {
  FaultyFileSystem& files = Of(vfs).files_;
  const Status removed = files.Remove(path);
  if (removed.Is(Errc::kNotFound)) return SQLITE_IOERR_DELETE_NOENT;
  if (!removed.ok()) return Told(removed, SQLITE_IOERR_DELETE);
  if (sync_folder == 0) return SQLITE_OK;
  return Told(files.SyncDirectory(file::Path(path).parent_path()), SQLITE_IOERR_DIR_FSYNC);
}

// As SQLite's Unix layer: an empty file does not exist, nor does one that cannot be looked at.
int FaultyVfs::Impl::Access(sqlite3_vfs* vfs, const char* path, int flags, int* out) {
  const Result<file::Info> info = Of(vfs).files_.Stat(path);
  *out = info.ok() && (flags != SQLITE_ACCESS_EXISTS || info->bytes > 0) ? 1 : 0;
  return SQLITE_OK;
}

int FaultyVfs::Impl::FullPathname(sqlite3_vfs*, const char* path, int bytes, char* out) {
  sqlite3_snprintf(bytes, out, "%s", path);
  return SQLITE_OK;
}

void FaultyVfs::Impl::Fill() {
  vfs_ = *base_;  // time, sleep, randomness
  vfs_.iVersion = 1;
  vfs_.szOsFile = sizeof(VfsFile);
  vfs_.pNext = nullptr;
  vfs_.zName = name_.c_str();
  vfs_.pAppData = this;
  vfs_.xOpen = Open;
  vfs_.xDelete = Delete;
  vfs_.xAccess = Access;
  vfs_.xFullPathname = FullPathname;
  vfs_.xGetLastError = [](sqlite3_vfs*, int, char*) { return last_errno; };
}

FaultyVfs::FaultyVfs(FaultyFileSystem& files) : impl_(std::make_unique<Impl>(files)) {}
FaultyVfs::~FaultyVfs() = default;
const std::string& FaultyVfs::name() const { return impl_->name(); }

}  // namespace pannier::test

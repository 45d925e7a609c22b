// Fetch(): a snapshot's files from the repository into a folder.
#include "daemon/snapshot/snapshot.h"
#include "lib/core/mutex.h"
#include "lib/core/parallel.h"

namespace pannier::snapshot {
namespace {

using contract::ManifestFile;

// A large file is synced piece by piece while more of it comes, so that the disk works meanwhile.
constexpr uint64_t kSyncStep = 64ull << 20;

// One file on its way to the disk. Threads: any.
class Target {
 public:
  Target(file::Path path, Fetched as, file::FileSystem& files)
      : path_(std::move(path)), as_(as), files_(files) {}

  Status Open() {
    MutexLock lock(mutex_);
    file_ = TRY(files_.Open(path_, file::OpenMode::kCreateNew));
    return {};
  }
  Status Write(uint64_t offset, std::string_view bytes) {
    MutexLock lock(mutex_);  // a File is written by one at a time
    TRY(file_->WriteAt(offset, bytes));
    unsynced_ += bytes.size();
    if (as_ == Fetched::kScratch || unsynced_ < kSyncStep || syncing_) return {};
    unsynced_ = 0;
    syncing_ = true;
    lock.Unlock();
    Status synced = SyncAside();
    lock.Lock();
    syncing_ = false;
    return synced;
  }
  // When all is written.
  Status Finish() {
    MutexLock lock(mutex_);
    if (as_ == Fetched::kScratch) return {};
    TRY(file_->Sync());
    return files_.SyncDirectory(path_.parent_path());
  }

 private:
  // By a handle of its own, since writing goes on. That it failed must be known: a later sync that
  // succeeds would say nothing of these bytes.
  Status SyncAside() {
    const std::unique_ptr<file::File> file = TRY(files_.Open(path_, file::OpenMode::kReadWrite));
    return file->Sync();
  }

  const file::Path path_;
  const Fetched as_;
  file::FileSystem& files_;
  Mutex mutex_;
  std::unique_ptr<file::File> file_ GUARDED_BY(mutex_);
  uint64_t unsynced_ GUARDED_BY(mutex_) = 0;
  bool syncing_ GUARDED_BY(mutex_) = false;
};

}  // namespace

Status Fetch(const contract::Manifest& manifest, repository::Repository& repository,
             const std::string& folder, Fetched as, uint32_t transfers, file::FileSystem& files,
             SteadyTime deadline, const store::Progress& progress) {
  store::SharedProgress shared(manifest.bytes(), progress);
  const auto fetch = [&](const ManifestFile& wanted) -> Status {
    const file::Path path = file::Path(folder) / wanted.path;
    TRY(file::MakeDirectories(files, path.parent_path()));
    Target target(path, as, files);
    TRY(target.Open());
    TRY(ForEach(wanted.chunks.size(), {"transfer", transfers}, [&](uint64_t index) -> Status {
      const std::string bytes = TRY(repository.GetChunk(wanted.chunks[index], deadline));
      TRY(target.Write(index * contract::kChunkBytes, bytes));
      return shared.Add(bytes.size());
    }));
    return target.Finish();
  };
  for (const ManifestFile& file : manifest.files) TRY(fetch(file).Context("fetch " + file.path));
  return as == Fetched::kDurable ? files.SyncDirectory(folder) : Status();
}

}  // namespace pannier::snapshot

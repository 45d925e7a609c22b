#include "daemon/store/offline_store.h"

#include <utility>

#include "daemon/store/sqlite_store.h"
#include "daemon/store/store_file.h"

namespace pannier::store {
namespace {

// Grants nothing and counts nothing: caches would only cost memory.
class OfflineHost final : public StoreHost {
 public:
  bool MakeRoom(uint64_t) override { return false; }
  bool WantGraph(std::weak_ptr<index::VectorIndex>) override { return false; }
  void WantUpkeep() override {}
  bool ReleaseReserve() override { return false; }
  bool IsFenced(const StoreName&) const override { return false; }
  void OnCommit(uint64_t, std::chrono::nanoseconds, std::chrono::nanoseconds) override {}
  void OnSearch(bool, std::chrono::nanoseconds) override {}
  void OnChecksumFailure(const StoreName&, const std::string&) override {}
};

std::string FileIn(const std::string& folder) { return folder + "/store.db"; }

}  // namespace

Result<std::shared_ptr<Store>> MakeOfflineStore(const std::string& folder,
                                                const StoreOptions& options,
                                                file::FileSystem& files) {
  ConfigureSqlite();
  if (TRY(file::Exists(files, FileIn(folder)))) return Conflict(folder + " holds a store already");
  TRY(CreateStoreFile(FileIn(folder), options.sqlite_vfs));
  TRY(files.SyncDirectory(folder));
  return OpenOfflineStore(folder, options, files);
}

Result<std::shared_ptr<Store>> OpenOfflineStore(const std::string& folder,
                                                const StoreOptions& options,
                                                file::FileSystem& files) {
  static OfflineHost host;
  ConfigureSqlite();
  StoreOptions without_caches = options;
  without_caches.memory_budget_bytes = 0;
  Result<std::shared_ptr<SqliteStore>> store =
      SqliteStore::Open(folder, without_caches, host, files);
  if (store.Is(Errc::kNotFound)) return Corruption("the store's file is missing");
  return std::shared_ptr<Store>(TRY(std::move(store)));
}

Status FinishOfflineStore(std::shared_ptr<Store> store, const std::string& folder,
                          file::FileSystem& files) {
  TRY(store->Flush({SteadyTime::max()}));
  if (store.use_count() != 1) return Internal("a store to be finished is held by somebody else");
  store.reset();
  const auto log = files.Stat(FileIn(folder) + "-wal");
  if (log.ok() && log->bytes > 0) return Unavailable("the store's log is not in its file");
  if (!log.ok() && !log.Is(Errc::kNotFound)) return log.error();
  return files.SyncDirectory(folder);
}

}  // namespace pannier::store

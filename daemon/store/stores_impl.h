// The inside of Stores (stores.h): what its parts share. Stores, opening and upkeep are in
// stores.cc; what whole stores go through in replacement.cc.
#pragma once

#include <atomic>
#include <memory>
#include <shared_mutex>
#include <string>
#include <thread>
#include <unordered_set>

#include "daemon/store/catalog.h"
#include "daemon/store/catalog_journal.h"
#include "daemon/store/damage_list.h"
#include "daemon/store/data_directory.h"
#include "daemon/store/disk_reserve.h"
#include "daemon/store/graph_builder.h"
#include "daemon/store/open_stores.h"
#include "daemon/store/quarantine.h"
#include "daemon/store/stores.h"
#include "daemon/store/sweeper.h"
#include "daemon/store/write_gate.h"
#include "lib/core/mutex.h"

namespace pannier::store {

class Stores::Impl final : public StoreHost {
 public:
  Impl(DataDirectory directory, std::unique_ptr<Catalog> catalog, StoreOptions options,
       file::FileSystem& files, const Clock& clock, StoreObserver* observer);
  ~Impl() override;

  // Ends what was interrupted, and starts the threads.
  Status Start();

  // --- StoreHost ---
  bool MakeRoom(uint64_t bytes) override;
  bool WantGraph(std::weak_ptr<index::VectorIndex> index) override {
    builder_.Want(std::move(index));
    return true;
  }
  void WantUpkeep() override;
  bool ReleaseReserve() override { return reserve_.Release(); }
  bool IsFenced(const StoreName& store) const override;
  Status MayWrite(bool frees_space) override { return gate_.Check(frees_space); }
  Error OnWriteFailed(Error error) override { return gate_.OnFailure(std::move(error)); }
  void OnCommit(uint64_t writes, std::chrono::nanoseconds took,
                std::chrono::nanoseconds commit_took) override;
  void OnSearch(bool used_graph, std::chrono::nanoseconds took) override {
    if (observer_ != nullptr) observer_->OnSearch(used_graph, took);
  }
  void OnChecksumFailure(const StoreName& store, const std::string& what) override {
    checksum_failures_.fetch_add(1, std::memory_order_relaxed);
    damage_.Note(store, what);
  }

  // --- what Stores offers: databases and open stores ---
  Status CreateTenant(const std::string& name);
  Status NoteSession(const SessionRow& session);
  Status ChangeSession(const SessionRow& session);
  Status SetIdle(const StoreName& name, std::optional<uint32_t> seconds);
  Status CreateDatabase(const std::string& tenant, const std::string& name,
                        std::optional<Uuid> session);
  // Of this session alone, if one is given.
  Status DeleteDatabase(const std::string& tenant, const std::string& name,
                        std::optional<Uuid> session);
  Status Reset();
  Result<StoreRef> Acquire(const StoreName& name, Use use);
  // By workers; at most since the start.
  std::chrono::nanoseconds UnusedFor(const StoreName& name) const;
  Result<StoreInfo> Describe(const CatalogEntry& entry);
  StoreStats Stats() const;

  // --- and whole stores (replacement.cc) ---
  Result<std::string> MakeStaging(const Uuid& operation);
  Status RemoveStaging(const Uuid& operation);
  Result<WriteFence> FenceWrites(const StoreName& name, SteadyTime deadline);
  Status Replace(const Uuid& operation, const StoreName& name, const std::string& staged,
                 std::string_view why, std::optional<WallTime> expires, SteadyTime deadline);
  Status Install(const Uuid& operation, const StoreName& name, const std::string& staged);
  Result<Uuid> PutAside(const Uuid& operation, const StoreName& name,
                        const PutAsideOptions& options, SteadyTime deadline);
  Status Release(const Uuid& quarantined, const StoreName& name);

  const StoreOptions options_;
  file::FileSystem& files_;
  const Clock& clock_;
  const SteadyTime began_ = clock_.Steady();
  StoreObserver* const observer_;
  const DataDirectory directory_;
  const std::unique_ptr<Catalog> catalog_;
  CatalogJournal journal_;
  DamageList damage_;
  Quarantine quarantine_;
  // Creations and deletions go on side by side; a reset, and the moment in which one store takes
  // the place of another, are alone. Taken after a store is held back (OpenStores::Bar).
  std::shared_mutex databases_change_;
  Sweeper sweeper_;
  DiskReserve reserve_;
  WriteGate gate_;
  OpenStores open_;

 private:
  WriteGate::Options GateOptions();
  // `status`, of a change of the catalog, as the gate passes it on.
  Status Told(Status status);
  Status MakeDefaults();
  // With a store of its own, whose id it chooses.
  Status MakeDatabase(CatalogEntry entry, bool with_tenant);
  void Forget(const CatalogEntry& entry);
  Status MakeFiles(const Uuid& store);
  Status FinishIntents();
  Status ClearStaging();
  void UpkeepLoop(const std::stop_token& stop);
  void TidyQuarantine();

  Result<bool> HasHappened(const Uuid& operation);
  Status CheckStaged(const std::string& staged);
  QuarantineRow RowOf(const CatalogEntry& entry, std::string_view why,
                      std::optional<WallTime> expires) const;
  Status MoveToStores(const std::string& staged, const Uuid& store);
  void MoveBack(const std::string& staged, const Uuid& store);
  void LiftFence(const StoreName& name);

  std::atomic<uint64_t> commits_{0}, writes_{0}, checksum_failures_{0};
  std::atomic<uint64_t> fences_{0};  // so that writes need no lock while there are none
  mutable Mutex fence_mutex_;
  std::unordered_set<StoreName, StoreNameHash> fenced_ GUARDED_BY(fence_mutex_);
  Mutex upkeep_mutex_;
  CondVar upkeep_wanted_;
  bool upkeep_now_ GUARDED_BY(upkeep_mutex_) = false;
  SteadyTime quarantine_tidied_{};  // by the upkeep thread alone
  GraphBuilder builder_;
  std::jthread upkeep_;  // last: runs only while all else is there
};

}  // namespace pannier::store

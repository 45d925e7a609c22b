// What whole stores go through: staging, fences, taking each other's place, quarantine.
#include "daemon/store/replacement.h"

#include <functional>
#include <thread>
#include <utility>

#include "daemon/store/stores_impl.h"
#include "lib/core/log.h"

namespace pannier::store {
namespace {

constexpr auto kLookAgain = std::chrono::milliseconds(2);

void LogIfNotMoved(const Status& moved) {
  if (moved.ok()) return;
  LogWarn("a store was not moved to quarantine; tried again within a minute")
      .Add("error", moved.error().what);
}

}  // namespace

// --- fences ---

struct WriteFence::State {
  explicit State(std::function<void()> at_end) : lift(std::move(at_end)) {}
  ~State() { lift(); }
  const std::function<void()> lift;
};

WriteFence::WriteFence(std::shared_ptr<State> state) : state_(std::move(state)) {}
WriteFence::WriteFence(WriteFence&& other) noexcept = default;
WriteFence& WriteFence::operator=(WriteFence&& other) noexcept = default;
WriteFence::~WriteFence() = default;

bool Stores::Impl::IsFenced(const StoreName& store) const {
  if (fences_.load(std::memory_order_acquire) == 0) return false;
  MutexLock lock(fence_mutex_);
  return fenced_.contains(store);
}

void Stores::Impl::LiftFence(const StoreName& name) {
  MutexLock lock(fence_mutex_);
  fenced_.erase(name);
  fences_.store(fenced_.size(), std::memory_order_release);
}

Result<WriteFence> Stores::Impl::FenceWrites(const StoreName& name, SteadyTime deadline) {
  TRY(catalog_->Find(name.tenant, name.database));
  {
    MutexLock lock(fence_mutex_);
    if (!fenced_.insert(name).second) {
      return Conflict("the store's writes are fenced by another operation",
                      "wait until that has ended");
    }
    fences_.store(fenced_.size(), std::memory_order_release);
  }
  WriteFence fence(std::make_shared<WriteFence::State>([this, name] { LiftFence(name); }));
  // Each write asks again when it is applied. So whatever is applied after the fence stands is
  // refused, and what was applied before has ended when the queue has been passed once.
  const std::shared_ptr<SqliteStore> store = open_.Peek(name);
  while (store != nullptr) {
    const Status passed = store->AwaitWrites({deadline});
    if (passed.ok()) break;
    if (!passed.Is(Errc::kResourceExhausted)) return passed.error();
    std::this_thread::sleep_for(kLookAgain);
  }
  return fence;
}

// --- staging ---

Result<std::string> Stores::Impl::MakeStaging(const Uuid& operation) {
  const std::string path = directory_.staging_path(operation);
  TRY(file::MakeDirectories(files_, directory_.staging_path()));
  TRY(file::RemoveAll(files_, path));
  TRY(file::MakeDirectories(files_, path));
  return path;
}

Status Stores::Impl::RemoveStaging(const Uuid& operation) {
  Status removed = file::RemoveAll(files_, directory_.staging_path(operation));
  if (removed.Is(Errc::kNotFound)) return {};
  return removed;
}

Status Stores::Impl::ClearStaging() {
  const auto entries = files_.List(directory_.staging_path());
  if (entries.Is(Errc::kNotFound)) return {};
  for (const file::Entry& entry : TRY(entries)) {
    // Whatever else lies there is not ours: a sweep says so.
    if (const auto operation = Uuid::Parse(entry.name)) TRY(RemoveStaging(*operation));
  }
  return {};
}

Status Stores::Impl::CheckStaged(const std::string& staged) {
  if (staged.rfind(directory_.staging_path() + "/", 0) != 0) {
    return InvalidArgument(staged + " is not in staging");
  }
  if (!TRY(file::Exists(files_, staged + "/store.db"))) {
    return NotFound("nothing is staged in " + staged);
  }
  return files_.SyncDirectory(staged);
}

// --- taking a place ---

Result<bool> Stores::Impl::HasHappened(const Uuid& operation) {
  const std::optional<JournalEntry> entry = TRY(journal_.Find(operation));
  return entry && entry->happened;
}

QuarantineRow Stores::Impl::RowOf(const CatalogEntry& entry, std::string_view why,
                                  std::optional<WallTime> expires) const {
  QuarantineRow row = Quarantine::RowFor(entry.store, DataDirectory::StoreAt(entry.store), why,
                                         clock_.Now(), expires);
  row.tenant = entry.tenant;
  row.name = entry.name;
  row.database = entry.database;
  return row;
}

// Under an intent, so that a start removes what nobody was told of.
Status Stores::Impl::MoveToStores(const std::string& staged, const Uuid& store) {
  TRY(catalog_->IntendStore(store));
  Status moved = file::RenameDurably(files_, staged, directory_.store_path(store));
  if (!moved.ok()) MoveBack(staged, store);
  return moved;
}

// For an attempt that certainly changed nothing. Where it fails, the intent stays.
void Stores::Impl::MoveBack(const std::string& staged, const Uuid& store) {
  const Result<bool> there = file::Exists(files_, directory_.store_path(store));
  if (!there.ok()) return;
  if (*there && !file::RenameDurably(files_, directory_.store_path(store), staged).ok()) return;
  [[maybe_unused]] const Status forgotten = catalog_->ForgetIntent(store);
}

Status Stores::Impl::Replace(const Uuid& operation, const StoreName& name,
                             const std::string& staged, std::string_view why,
                             std::optional<WallTime> expires, SteadyTime deadline) {
  if (TRY(HasHappened(operation))) return {};
  TRY(catalog_->Find(name.tenant, name.database));
  TRY(CheckStaged(staged));
  const OpenStores::Bar bar = TRY(open_.KeepOut(name, deadline));
  const std::unique_lock changing(databases_change_);
  const CatalogEntry entry = TRY(catalog_->Find(name.tenant, name.database));
  const Uuid fresh = Uuid::Random();
  TRY(MoveToStores(staged, fresh));
  const QuarantineRow old = RowOf(entry, why, expires);
  // The moment of change. When the disk fails it, a restart may find it done or not: both stores
  // stay where they are, and the intent decides then.
  TRY(catalog_->Exchange(entry, fresh, old, operation));
  damage_.Forget(name);
  open_.NoteMade(name);
  LogIfNotMoved(quarantine_.MoveIn(old));
  return {};
}

Status Stores::Impl::Install(const Uuid& operation, const StoreName& name,
                             const std::string& staged) {
  if (TRY(HasHappened(operation))) return {};
  TRY(CheckStaged(staged));
  const std::shared_lock changing(databases_change_);
  if (catalog_->Find(name.tenant, name.database).ok()) {
    return Conflict("Database [" + name.database + "] already exists");
  }
  const CatalogEntry entry{Uuid::Random(), Uuid::Random(), name.tenant, name.database};
  TRY(MoveToStores(staged, entry.store));
  Status installed = catalog_->Insert(entry, /*with_tenant=*/true, operation);
  if (installed.ok()) open_.NoteMade(name);
  if (installed.Is(Errc::kConflict)) MoveBack(staged, entry.store);
  return installed;
}

Result<Uuid> Stores::Impl::PutAside(const Uuid& operation, const StoreName& name,
                                    const PutAsideOptions& options, SteadyTime deadline) {
  TRY(gate_.Check(/*frees_space=*/true));
  TRY(catalog_->Find(name.tenant, name.database));
  const OpenStores::Bar bar = TRY(open_.KeepOut(name, deadline));
  const std::unique_lock changing(databases_change_);
  const CatalogEntry entry = TRY(catalog_->Find(name.tenant, name.database));
  if (entry.session) {
    return InvalidArgument("the store is temporary",
                           "it goes with its session, which may be ended");
  }
  if (UnusedFor(name) < options.unused_for) {
    return Conflict("a worker used the store since", "ask again when nobody uses it");
  }
  const QuarantineRow row = RowOf(entry, options.why, options.expires);
  TRY(Told(catalog_->PutAside(entry, row, operation)));
  Forget(entry);
  LogIfNotMoved(quarantine_.MoveIn(row));
  return entry.store;
}

Status Stores::Impl::Release(const Uuid& quarantined, const StoreName& name) {
  const std::shared_lock changing(databases_change_);
  TRY(quarantine_.Release(quarantined, name.tenant, name.database));
  open_.NoteMade(name);
  return {};
}

// --- Stores ---

Journal& Stores::journal() { return impl_->journal_; }

Result<std::string> Stores::MakeStaging(const Uuid& operation) {
  return impl_->MakeStaging(operation);
}

Status Stores::RemoveStaging(const Uuid& operation) { return impl_->RemoveStaging(operation); }

Result<Uuid> Stores::StoreId(const std::string& tenant, const std::string& database) {
  return TRY(impl_->catalog_->Find(tenant, database)).store;
}

Result<WriteFence> Stores::FenceWrites(const std::string& tenant, const std::string& database,
                                       SteadyTime deadline) {
  return impl_->FenceWrites({tenant, database}, deadline);
}

Status Stores::Replace(const Uuid& operation, const std::string& tenant,
                       const std::string& database, const std::string& staged, std::string_view why,
                       std::optional<WallTime> quarantine_expires, SteadyTime deadline) {
  return impl_->Replace(operation, {tenant, database}, staged, why, quarantine_expires, deadline)
      .Context("replace store " + tenant + "/" + database);
}

Status Stores::Install(const Uuid& operation, const std::string& tenant,
                       const std::string& database, const std::string& staged) {
  return impl_->Install(operation, {tenant, database}, staged);
}

Result<Uuid> Stores::PutAside(const Uuid& operation, const std::string& tenant,
                              const std::string& database, const PutAsideOptions& options,
                              SteadyTime deadline) {
  return impl_->PutAside(operation, {tenant, database}, options, deadline)
      .Context("put store " + tenant + "/" + database + " aside");
}

Result<std::vector<QuarantinedStore>> Stores::ListQuarantine() { return impl_->quarantine_.List(); }

Status Stores::Release(const Uuid& quarantined, const std::string& tenant,
                       const std::string& database) {
  return impl_->Release(quarantined, {tenant, database});
}

Status Stores::RemoveQuarantined(const Uuid& quarantined) {
  return impl_->quarantine_.Remove(quarantined);
}

Result<uint64_t> Stores::RemoveExpiredQuarantine(WallTime now) {
  return impl_->quarantine_.RemoveExpired(now);
}

Result<SweepResult> Stores::Sweep(const SweepOptions& options) {
  return impl_->sweeper_.Run(options);
}

}  // namespace pannier::store

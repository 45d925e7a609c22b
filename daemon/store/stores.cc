#include "daemon/store/stores.h"

#include <pthread.h>

#include <algorithm>
#include <map>
#include <utility>

#include "daemon/store/sqlite_store.h"
#include "daemon/store/store_file.h"
#include "daemon/store/stores_impl.h"
#include "lib/core/log.h"

namespace pannier::store {
namespace {

constexpr char kDefaultTenant[] = "default_tenant";
constexpr char kDefaultDatabase[] = "default_database";
constexpr auto kUpkeepInterval = std::chrono::seconds(1);
constexpr auto kQuarantineInterval = std::chrono::minutes(1);
constexpr auto kSaveAtEnd = std::chrono::seconds(2);  // of all stores together

DatabaseInfo InfoOf(const CatalogEntry& entry) {
  return {entry.database, entry.tenant, entry.name, entry.session};
}
StoreName NameOf(const CatalogEntry& entry) { return {entry.tenant, entry.name}; }

}  // namespace

Stores::Impl::Impl(DataDirectory directory, std::unique_ptr<Catalog> catalog, StoreOptions options,
                   file::FileSystem& files, const Clock& clock, StoreObserver* observer)
    : options_(std::move(options)),
      files_(files),
      clock_(clock),
      observer_(observer),
      directory_(std::move(directory)),
      catalog_(std::move(catalog)),
      journal_(catalog_->file()),
      damage_(*catalog_, observer),
      quarantine_(directory_, *catalog_, files),
      sweeper_(directory_, *catalog_, quarantine_, databases_change_, files, clock),
      reserve_(directory_.reserve_path(), options_.reserve_bytes, files),
      gate_(GateOptions(), files, clock),
      open_(options_.open_max, options_.open_patience, clock) {}

Stores::Impl::~Impl() {
  upkeep_.request_stop();
  upkeep_wanted_.NotifyAll();
  if (upkeep_.joinable()) upkeep_.join();
  const SteadyTime until = clock_.Steady() + kSaveAtEnd;
  for (const OpenStores::Open& open : open_.List()) open.store->BeforeClose(until);
}

WriteGate::Options Stores::Impl::GateOptions() {
  return {.probe = directory_.probe_path(),
          .look_every = options_.look_at_disk_every,
          .missing_reserve = [this] { return reserve_.MissingBytes(); },
          .told =
              [this](const GateState& now) {
                if (observer_ != nullptr) observer_->OnWriteGate(now);
              }};
}

Status Stores::Impl::Told(Status status) {
  if (status.ok()) return status;
  return gate_.OnFailure(std::move(status).error());
}

// --- start ---

Status Stores::Impl::Start() {
  TRY(FinishIntents().Context("finish what was interrupted"));
  TRY(quarantine_.Finish().Context("finish what was interrupted"));
  TRY(ClearStaging().Context("remove what was interrupted"));
  TRY(damage_.Load());
  TRY(MakeDefaults());
  upkeep_ = std::jthread([this](std::stop_token stop) { UpkeepLoop(stop); });
  return {};
}

Status Stores::Impl::FinishIntents() {
  const std::vector<Uuid> intents = TRY(catalog_->Intents());
  if (intents.empty()) return {};
  TRY(catalog_->Settle());
  for (const Uuid& store : intents) TRY(file::RemoveAll(files_, directory_.store_path(store)));
  return catalog_->ForgetIntents(intents);
}

// Only in a catalog without any tenant: who deletes the default database does not find it back
// after a restart.
Status Stores::Impl::MakeDefaults() {
  Status found = catalog_->FindTenant(kDefaultTenant);
  if (!found.Is(Errc::kNotFound)) return found;
  return MakeDatabase({Uuid(), Uuid(), kDefaultTenant, kDefaultDatabase},
                      /*with_tenant=*/true);
}

// --- databases ---

Status Stores::Impl::CreateTenant(const std::string& name) {
  TRY(gate_.Check(/*frees_space=*/false));
  return Told(catalog_->CreateTenant(name));
}

Status Stores::Impl::CreateDatabase(const std::string& tenant, const std::string& name,
                                    std::optional<Uuid> session) {
  TRY(gate_.Check(/*frees_space=*/false));
  const std::shared_lock changing(databases_change_);
  TRY(catalog_->FindTenant(tenant));
  if (catalog_->Find(tenant, name).ok()) return Conflict("Database [" + name + "] already exists");
  return Told(MakeDatabase({Uuid::Random(), Uuid(), tenant, name, session},
                           /*with_tenant=*/false));
}

Status Stores::Impl::NoteSession(const SessionRow& session) {
  TRY(gate_.Check(/*frees_space=*/false));
  return Told(catalog_->NoteSession(session));
}

Status Stores::Impl::ChangeSession(const SessionRow& session) {
  TRY(gate_.Check(/*frees_space=*/false));
  return Told(catalog_->ChangeSession(session));
}

Status Stores::Impl::SetIdle(const StoreName& name, std::optional<uint32_t> seconds) {
  TRY(gate_.Check(/*frees_space=*/false));
  return Told(catalog_->SetIdle(name.tenant, name.database, seconds));
}

Status Stores::Impl::MakeDatabase(CatalogEntry entry, bool with_tenant) {
  entry.store = TRY(catalog_->IntendNewStore());
  Status made = MakeFiles(entry.store);
  if (made.ok()) {
    made = catalog_->Insert(entry, with_tenant);
    // A commit that the disk failed may be there after a power cut, and must find its files. The
    // next start knows, and removes them if they are an intent still.
    if (made.ok()) open_.NoteMade(NameOf(entry));
    if (!made.Is(Errc::kConflict)) return made;
  }
  // What cannot be removed now is an intent still, and goes at the next start.
  if (file::RemoveAll(files_, directory_.store_path(entry.store)).ok()) {
    [[maybe_unused]] const Status forgotten = catalog_->ForgetIntent(entry.store);
  }
  return made;
}

Status Stores::Impl::MakeFiles(const Uuid& store) {
  const std::string path = directory_.store_path(store);
  TRY(files_.MakeDirectory(path));
  TRY(CreateStoreFile(path + "/store.db", options_.sqlite_vfs));
  TRY(files_.SyncDirectory(path));
  return files_.SyncDirectory(directory_.stores_path());
}

Status Stores::Impl::DeleteDatabase(const std::string& tenant, const std::string& name,
                                    std::optional<Uuid> session) {
  TRY(gate_.Check(/*frees_space=*/true));
  std::shared_lock changing(databases_change_, std::defer_lock);
  CatalogEntry entry;
  {
    // From here on the name is free. Nobody may come by the name to the store that goes, or open it
    // anew, while the catalog and the table of open stores disagree: what such a one wrote would be
    // lost. Who replaces the store holds it back too, and before the lock, as we do.
    const OpenStores::Bar bar = TRY(open_.HoldBack({tenant, name}));
    changing.lock();
    entry = TRY(catalog_->Find(tenant, name));
    if (session && entry.session != session) return NotFound("Database [" + name + "] not found");
    Status removed = catalog_->Remove(entry);
    if (removed.Is(Errc::kStorageFull) && reserve_.Release()) removed = catalog_->Remove(entry);
    TRY(Told(std::move(removed)));
    Forget(entry);
  }
  TRY(file::RemoveAll(files_, directory_.store_path(entry.store)));
  return catalog_->ForgetIntent(entry.store);
}

// Who holds the store goes on with files that have lost their names.
void Stores::Impl::Forget(const CatalogEntry& entry) {
  if (const auto store = open_.Remove(NameOf(entry))) store->MarkDeleted();
  damage_.Forget(NameOf(entry));
}

// All stores are held back before the lock is taken, as in DeleteDatabase(); those that were made
// in between too, by looking again.
Status Stores::Impl::Reset() {
  TRY(gate_.Check(/*frees_space=*/true));
  const auto list = [this] { return catalog_->List(std::nullopt, std::nullopt, 0); };
  std::unique_lock changing(databases_change_, std::defer_lock);
  std::map<StoreName, OpenStores::Bar> bars;
  std::vector<CatalogEntry> entries = TRY(list());
  for (;;) {
    for (const CatalogEntry& entry : entries) {
      const StoreName name = NameOf(entry);
      if (!bars.contains(name)) bars.emplace(name, TRY(open_.HoldBack(name)));
    }
    changing.lock();
    entries = TRY(list());
    const bool all_held = std::all_of(entries.begin(), entries.end(), [&](const auto& entry) {
      return bars.contains(NameOf(entry));
    });
    if (all_held) break;
    changing.unlock();
  }
  TRY(catalog_->Clear());
  for (const CatalogEntry& entry : entries) Forget(entry);
  bars.clear();
  TRY(FinishIntents());
  return MakeDefaults();
}

// --- stores ---

Result<StoreRef> Stores::Impl::Acquire(const StoreName& name, Use use) {
  if (std::shared_ptr<SqliteStore> store = open_.Find(name, use)) return StoreRef(std::move(store));
  std::optional<uint32_t> idle_seconds;
  const auto open = [&]() -> Result<std::shared_ptr<SqliteStore>> {
    const CatalogEntry entry = TRY(catalog_->Find(name.tenant, name.database));
    const auto try_it = [&] {
      return SqliteStore::Open(directory_.store_path(entry.store), options_, *this, files_, name);
    };
    Result<std::shared_ptr<SqliteStore>> store = try_it();
    // Also to be read a store needs a little room, for the index of its log.
    const bool for_room =
        store.Is(Errc::kStorageFull) ||
        (store.Is(Errc::kUnavailable) && gate_.state().cause == GateCause::kDiskFull);
    if (for_room && reserve_.Release()) store = try_it();
    // Missing is not new: the catalog knows the store, so an empty one must not take its place.
    if (store.Is(Errc::kNotFound)) return Corruption("the store's file is missing");
    idle_seconds = entry.idle_seconds;
    return store;
  };
  Result<std::shared_ptr<SqliteStore>> store = open_.FindOrOpen(name, open, use);
  if (idle_seconds) open_.SetIdleAfter(name, std::chrono::seconds(*idle_seconds));
  if (store.ok()) return StoreRef(std::move(store).value());
  if (store.Is(Errc::kCorruption)) OnChecksumFailure(name, store.error().what);
  if (store.Is(Errc::kNotFound)) return std::move(store).error();
  return std::move(store).error().Context("open store " + name.tenant + "/" + name.database);
}

std::chrono::nanoseconds Stores::Impl::UnusedFor(const StoreName& name) const {
  return clock_.Steady() - open_.PastOf(name).worked.value_or(began_);
}

Result<StoreInfo> Stores::Impl::Describe(const CatalogEntry& entry) {
  StoreInfo info;
  info.database = InfoOf(entry);
  info.folder = "stores/" + entry.store.ToString();
  info.idle_after =
      entry.idle_seconds ? std::chrono::seconds(*entry.idle_seconds) : options_.idle_after;
  Result<uint64_t> bytes = file::DiskUsage(files_, directory_.store_path(entry.store));
  info.bytes_on_disk = bytes.ok() ? *bytes : 0;
  if (auto damage = damage_.Of(NameOf(entry))) {
    info.damaged = true;
    info.damage = *std::move(damage);
  }
  info.unused_since = clock_.Now() - UnusedFor(NameOf(entry));
  info.sequence = open_.PastOf(NameOf(entry)).sequence;
  for (const OpenStores::Open& open : open_.List()) {
    if (open.name != NameOf(entry)) continue;
    const SqliteStore::Totals totals = open.store->totals();
    info.open = true;
    info.collections = totals.collections;
    info.records = totals.records;
    info.sequence = open.store->sequence();
    info.bytes_in_memory = open.store->memory_bytes();
    const auto ago = clock_.Steady() - open.last_used;
    info.last_used = clock_.Now() - std::chrono::duration_cast<std::chrono::nanoseconds>(ago);
  }
  return info;
}

StoreStats Stores::Impl::Stats() const {
  StoreStats stats;
  const Result<uint64_t> known = catalog_->Count();
  stats.stores_known = known.ok() ? *known : 0;
  for (const OpenStores::Open& open : open_.List()) {
    const SqliteStore::Totals totals = open.store->totals();
    ++stats.stores_open;
    stats.collections += totals.collections;
    stats.records += totals.records;
    stats.tail_records += totals.tail;
    stats.bytes_in_memory += open.store->memory_bytes();
    stats.bytes_on_disk += open.store->bytes_on_disk();
    stats.writes_queued += open.store->writes_waiting();
  }
  stats.opened_total = open_.opened_total();
  stats.evicted_total = open_.evicted_total();
  stats.commits_total = commits_.load(std::memory_order_relaxed);
  stats.writes_total = writes_.load(std::memory_order_relaxed);
  stats.graph_builds_total = builder_.builds_total();
  stats.graph_builds_running = builder_.running();
  stats.stores_damaged = damage_.count();
  stats.checksum_failures_total = checksum_failures_.load(std::memory_order_relaxed);
  return stats;
}

// --- memory and upkeep ---

bool Stores::Impl::MakeRoom(uint64_t bytes) {
  if (bytes > options_.memory_budget_bytes) return false;
  const std::vector<OpenStores::Open> open = open_.List();
  uint64_t used = 0;
  for (const auto& store : open) used += store.store->memory_bytes();
  for (const auto& store : open) {
    if (used + bytes <= options_.memory_budget_bytes) break;
    used -= store.store->memory_bytes();
    store.store->DropCaches();
  }
  return used + bytes <= options_.memory_budget_bytes;
}

void Stores::Impl::WantUpkeep() {
  MutexLock lock(upkeep_mutex_);
  upkeep_now_ = true;
  upkeep_wanted_.NotifyOne();
}

void Stores::Impl::OnCommit(uint64_t writes, std::chrono::nanoseconds took,
                            std::chrono::nanoseconds commit_took) {
  commits_.fetch_add(1, std::memory_order_relaxed);
  writes_.fetch_add(writes, std::memory_order_relaxed);
  if (observer_ != nullptr) observer_->OnCommit(writes, took, commit_took);
}

void Stores::Impl::UpkeepLoop(const std::stop_token& stop) {
  pthread_setname_np(pthread_self(), "upkeep");
  while (!stop.stop_requested()) {
    {
      MutexLock lock(upkeep_mutex_);
      if (!upkeep_now_) upkeep_wanted_.WaitFor(upkeep_mutex_, kUpkeepInterval);
      upkeep_now_ = false;
    }
    if (stop.stop_requested()) return;
    for (const OpenStores::Open& open : open_.List()) open.store->Upkeep();
    MakeRoom(0);  // what grew by writing counts too
    open_.CloseIdle(options_.idle_after);
    gate_.LookAgain();
    reserve_.Refill();
    TidyQuarantine();
  }
}

// What fails here is tried again: the disk's state is said by others.
void Stores::Impl::TidyQuarantine() {
  const Status persisted = damage_.Persist();
  if (!persisted.ok()) return;
  const SteadyTime now = clock_.Steady();
  if (quarantine_tidied_ != SteadyTime() && now - quarantine_tidied_ < kQuarantineInterval) return;
  quarantine_tidied_ = now;
  Status tidied = quarantine_.Finish();
  if (tidied.ok()) {
    const Result<uint64_t> removed = quarantine_.RemoveExpired(clock_.Now());
    if (!removed.ok()) tidied = removed.error();
  }
  if (!tidied.ok()) {
    LogWarn("quarantine not tidied; tried again in a minute").Add("error", tidied.error().what);
  }
}

// --- Stores ---

Stores::Stores(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Stores::~Stores() = default;

Result<std::unique_ptr<Stores>> Stores::Open(const std::string& data, StoreOptions options,
                                             file::FileSystem& files, const Clock& clock,
                                             StoreObserver* observer) {
  ConfigureSqlite();
  DataDirectory directory = TRY(DataDirectory::Open(data, files));
  // Missing is not new: a catalog comes before the first store.
  const bool new_directory = TRY(files.List(directory.stores_path())).empty();
  std::unique_ptr<Catalog> catalog =
      TRY(Catalog::Open(directory.catalog_path(), options.sqlite_vfs, new_directory));
  TRY(files.SyncDirectory(data));
  options.keep_log = true;
  auto impl = std::make_unique<Impl>(std::move(directory), std::move(catalog), std::move(options),
                                     files, clock, observer);
  TRY(impl->Start());
  return std::unique_ptr<Stores>(new Stores(std::move(impl)));
}

Status Stores::CreateTenant(const std::string& name) { return impl_->CreateTenant(name); }
Status Stores::FindTenant(const std::string& name) { return impl_->catalog_->FindTenant(name); }

Status Stores::CreateDatabase(const std::string& tenant, const std::string& name,
                              std::optional<Uuid> session) {
  return impl_->CreateDatabase(tenant, name, session);
}

Result<DatabaseInfo> Stores::FindDatabase(const std::string& tenant, const std::string& name) {
  return InfoOf(TRY(impl_->catalog_->Find(tenant, name)));
}

Result<std::vector<DatabaseInfo>> Stores::ListDatabases(const std::string& tenant,
                                                        std::optional<uint32_t> limit,
                                                        uint32_t offset) {
  std::vector<DatabaseInfo> list;
  for (const CatalogEntry& entry : TRY(impl_->catalog_->List(tenant, limit, offset))) {
    list.push_back(InfoOf(entry));
  }
  return list;
}

Status Stores::DeleteDatabase(const std::string& tenant, const std::string& name) {
  return impl_->DeleteDatabase(tenant, name, std::nullopt);
}

Status Stores::DeleteTemporary(const Uuid& session, const std::string& tenant,
                               const std::string& name) {
  return impl_->DeleteDatabase(tenant, name, session);
}

Status Stores::NoteSession(const SessionRow& session) { return impl_->NoteSession(session); }

Status Stores::ChangeSession(const SessionRow& session) { return impl_->ChangeSession(session); }

Result<std::vector<SessionRow>> Stores::Sessions() {
  std::vector<SessionRow> rows = TRY(impl_->catalog_->Sessions());
  for (const Uuid& uid : TRY(impl_->catalog_->LostSessions())) {
    rows.emplace_back();
    rows.back().uid = uid;
  }
  return rows;
}

Status Stores::ForgetSession(const Uuid& session) {
  return impl_->catalog_->ForgetSession(session);
}

Result<std::vector<DatabaseInfo>> Stores::TemporaryOf(const Uuid& session) {
  std::vector<DatabaseInfo> list;
  for (const CatalogEntry& entry : TRY(impl_->catalog_->TemporaryOf(session))) {
    list.push_back(InfoOf(entry));
  }
  return list;
}

Status Stores::Reset() { return impl_->Reset(); }

Result<StoreRef> Stores::Acquire(const std::string& tenant, const std::string& database, Use use) {
  return impl_->Acquire({tenant, database}, use);
}

Result<bool> Stores::Close(const std::string& tenant, const std::string& database) {
  TRY(impl_->catalog_->Find(tenant, database));
  return impl_->open_.CloseIfUnused({tenant, database});
}

Status Stores::SetIdleAfter(const std::string& tenant, const std::string& database,
                            std::optional<std::chrono::seconds> idle_after) {
  std::optional<uint32_t> seconds;
  if (idle_after) seconds = static_cast<uint32_t>(idle_after->count());
  TRY(impl_->SetIdle({tenant, database}, seconds));
  impl_->open_.SetIdleAfter({tenant, database}, idle_after);
  return {};
}

Result<std::vector<StoreInfo>> Stores::List() {
  std::vector<StoreInfo> list;
  for (const CatalogEntry& entry : TRY(impl_->catalog_->List(std::nullopt, std::nullopt, 0))) {
    list.push_back(TRY(impl_->Describe(entry)));
  }
  return list;
}

Result<StoreInfo> Stores::Describe(const std::string& tenant, const std::string& database) {
  return impl_->Describe(TRY(impl_->catalog_->Find(tenant, database)));
}

StoreStats Stores::stats() const { return impl_->Stats(); }
const Uuid& Stores::instance_id() const { return impl_->directory_.instance_id(); }
GateState Stores::write_state() const { return impl_->gate_.state(); }
void Stores::RefuseWrites(std::optional<std::string> reason) {
  impl_->gate_.Wish(std::move(reason));
}

Status Stores::MarkDamaged(const std::string& tenant, const std::string& database,
                           const std::string& what) {
  TRY(impl_->catalog_->Find(tenant, database));
  impl_->damage_.Note({tenant, database}, what);
  return impl_->damage_.Persist();
}

Status Stores::ClearDamaged(const std::string& tenant, const std::string& database) {
  TRY(impl_->catalog_->Find(tenant, database));
  return impl_->damage_.Clear({tenant, database});
}

}  // namespace pannier::store

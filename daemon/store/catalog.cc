#include "daemon/store/catalog.h"

#include <algorithm>

namespace pannier::store {
namespace {

// So many stores share the sync of their intents; a start looks for the files of those left over.
constexpr int kSparesMax = 16;

}  // namespace

Result<CatalogEntry> Catalog::ReadDatabase(const Statement& row) {
  const auto database = Uuid::Parse(row.Text(0));
  const auto store = Uuid::Parse(row.Text(1));
  if (!database || !store) return Corruption("the catalog has a damaged row");
  CatalogEntry entry{*database, *store, std::string(row.Text(2)), std::string(row.Text(3))};
  if (!row.IsNull(4)) entry.session = Uuid::Parse(row.Text(4));
  if (!row.IsNull(5)) entry.idle_seconds = static_cast<uint32_t>(row.Int(5));
  return entry;
}

Result<std::unique_ptr<Catalog>> Catalog::Open(const std::string& path, const std::string& vfs,
                                               bool may_be_new) {
  auto file = TRY(CatalogFile::Open(path, vfs, may_be_new));
  return std::unique_ptr<Catalog>(new Catalog(std::move(file)));
}

Status Catalog::Settle() {
  MutexLock lock(file_->mutex);
  return file_->connection.Run("UPDATE epoch SET epoch = epoch");
}

Status Catalog::CreateTenant(const std::string& name) {
  MutexLock lock(file_->mutex);
  TRY(file_->Change("INSERT OR IGNORE INTO tenants VALUES (?1)", {name}));
  if (file_->connection.changes() == 0) return Conflict("Tenant [" + name + "] already exists");
  return {};
}

Status Catalog::FindTenant(const std::string& name) {
  MutexLock lock(file_->mutex);
  Statement find = TRY(file_->connection.Prepare("SELECT 1 FROM tenants WHERE name = ?1"));
  find.Bind(1, std::string_view(name));
  if (!TRY(find.Step())) return NotFound("Tenant [" + name + "] not found");
  return {};
}

Result<CatalogEntry> Catalog::Find(const std::string& tenant, const std::string& name) {
  MutexLock lock(file_->mutex);
  Statement find = TRY(file_->connection.Prepare(
      "SELECT id, store, tenant, name, session, idle_seconds FROM databases"
      " WHERE tenant = ?1 AND name = ?2"));
  find.Bind(1, std::string_view(tenant)).Bind(2, std::string_view(name));
  if (!TRY(find.Step())) return NotFound("Database [" + name + "] not found");
  return ReadDatabase(find);
}

Result<std::vector<CatalogEntry>> Catalog::List(const std::optional<std::string>& tenant,
                                                std::optional<uint32_t> limit, uint32_t offset) {
  MutexLock lock(file_->mutex);
  Statement list = TRY(file_->connection.Prepare(
      "SELECT id, store, tenant, name, session, idle_seconds FROM databases"
      " WHERE ?1 IS NULL OR tenant = ?1 ORDER BY tenant, name LIMIT ?2 OFFSET ?3"));
  list.Bind(1, tenant).Bind(2, limit ? static_cast<int64_t>(*limit) : -1).Bind(3, int64_t{offset});
  std::vector<CatalogEntry> entries;
  while (TRY(list.Step())) entries.push_back(TRY(ReadDatabase(list)));
  return entries;
}

Result<uint64_t> Catalog::Count() {
  MutexLock lock(file_->mutex);
  return static_cast<uint64_t>(TRY(file_->connection.QueryInt("SELECT count(*) FROM databases")));
}

Status Catalog::IntendStore(const Uuid& store) {
  MutexLock lock(file_->mutex);
  return file_->Change("INSERT INTO intents VALUES (?1)", {store.ToString()});
}

// A commit that fails may have left intents; nobody uses them.
Status Catalog::IntendSpares() {
  Transaction transaction = TRY(Transaction::Begin(file_->connection, Transaction::Kind::kWrite));
  std::vector<Uuid> spares;
  for (int i = 0; i < kSparesMax; ++i) {
    spares.push_back(Uuid::Random());
    TRY(file_->Change("INSERT INTO intents VALUES (?1)", {spares.back().ToString()}));
  }
  TRY(transaction.Commit());
  spares_ = std::move(spares);
  return {};
}

Result<Uuid> Catalog::IntendNewStore() {
  MutexLock lock(file_->mutex);
  if (spares_.empty()) TRY(IntendSpares());
  const Uuid store = spares_.back();
  spares_.pop_back();
  return store;
}

Status Catalog::NoteHappened(const Uuid& operation) {
  if (operation.IsNil()) return {};
  return file_->Change("UPDATE operations SET happened = 1 WHERE uid = ?1", {operation.ToString()});
}

Status Catalog::InsertDatabase(const CatalogEntry& entry, bool with_tenant) {
  if (with_tenant) {
    TRY(file_->Change("INSERT OR IGNORE INTO tenants VALUES (?1)", {entry.tenant}));
  }
  Statement insert = TRY(
      file_->connection.Prepare("INSERT OR IGNORE INTO databases (id, store, tenant, name, session)"
                                " VALUES (?1,?2,?3,?4,?5)"));
  const std::string id = entry.database.ToString(), store = entry.store.ToString();
  std::optional<std::string> session;
  if (entry.session) session = entry.session->ToString();
  insert.Bind(1, std::string_view(id)).Bind(2, std::string_view(store));
  insert.Bind(3, std::string_view(entry.tenant)).Bind(4, std::string_view(entry.name));
  insert.Bind(5, session);
  TRY(insert.Run());
  if (file_->connection.changes() == 0) {
    return Conflict("Database [" + entry.name + "] already exists");
  }
  return {};
}

Status Catalog::Insert(const CatalogEntry& entry, bool with_tenant, const Uuid& operation) {
  MutexLock lock(file_->mutex);
  Transaction transaction = TRY(Transaction::Begin(file_->connection, Transaction::Kind::kWrite));
  TRY(InsertDatabase(entry, with_tenant));
  TRY(file_->Change("DELETE FROM intents WHERE store = ?1", {entry.store.ToString()}));
  TRY(NoteHappened(operation));
  return transaction.Commit();
}

Status Catalog::Exchange(const CatalogEntry& entry, const Uuid& fresh, const QuarantineRow& old,
                         const Uuid& operation) {
  MutexLock lock(file_->mutex);
  Transaction transaction = TRY(Transaction::Begin(file_->connection, Transaction::Kind::kWrite));
  TRY(file_->Change("UPDATE databases SET store = ?1 WHERE store = ?2",
                    {fresh.ToString(), entry.store.ToString()}));
  if (file_->connection.changes() == 0) return NotFound("Database [" + entry.name + "] not found");
  TRY(InsertQuarantine(old));
  TRY(file_->Change("DELETE FROM intents WHERE store = ?1", {fresh.ToString()}));
  TRY(file_->Change("DELETE FROM damage WHERE tenant = ?1 AND name = ?2",
                    {entry.tenant, entry.name}));
  TRY(NoteHappened(operation));
  return transaction.Commit();
}

Status Catalog::SetIdle(const std::string& tenant, const std::string& name,
                        std::optional<uint32_t> seconds) {
  MutexLock lock(file_->mutex);
  Statement update = TRY(file_->connection.Prepare(
      "UPDATE databases SET idle_seconds = ?3 WHERE tenant = ?1 AND name = ?2"));
  update.Bind(1, std::string_view(tenant)).Bind(2, std::string_view(name));
  seconds ? update.Bind(3, int64_t{*seconds}) : update.BindNull(3);
  TRY(update.Run());
  if (file_->connection.changes() == 0) return NotFound("Database [" + name + "] not found");
  return {};
}

Status Catalog::PutAside(const CatalogEntry& entry, const QuarantineRow& aside,
                         const Uuid& operation) {
  MutexLock lock(file_->mutex);
  Transaction transaction = TRY(Transaction::Begin(file_->connection, Transaction::Kind::kWrite));
  TRY(file_->Change("DELETE FROM databases WHERE store = ?1", {entry.store.ToString()}));
  if (file_->connection.changes() == 0) return NotFound("Database [" + entry.name + "] not found");
  TRY(InsertQuarantine(aside));
  TRY(file_->Change("DELETE FROM damage WHERE tenant = ?1 AND name = ?2",
                    {entry.tenant, entry.name}));
  TRY(NoteHappened(operation));
  return transaction.Commit();
}

Status Catalog::Remove(const CatalogEntry& entry) {
  MutexLock lock(file_->mutex);
  Transaction transaction = TRY(Transaction::Begin(file_->connection, Transaction::Kind::kWrite));
  TRY(file_->Change("DELETE FROM databases WHERE store = ?1", {entry.store.ToString()}));
  if (file_->connection.changes() == 0) return NotFound("Database [" + entry.name + "] not found");
  TRY(file_->Change("INSERT OR IGNORE INTO intents VALUES (?1)", {entry.store.ToString()}));
  TRY(file_->Change("DELETE FROM damage WHERE tenant = ?1 AND name = ?2",
                    {entry.tenant, entry.name}));
  return transaction.Commit();
}

Status Catalog::ForgetIntents(const std::vector<Uuid>& stores) {
  MutexLock lock(file_->mutex);
  Transaction transaction = TRY(Transaction::Begin(file_->connection, Transaction::Kind::kWrite));
  for (const Uuid& store : stores) {
    TRY(file_->Change("DELETE FROM intents WHERE store = ?1", {store.ToString()}));
  }
  return transaction.Commit();
}

Result<std::vector<Uuid>> Catalog::Intents() {
  MutexLock lock(file_->mutex);
  Statement list = TRY(file_->connection.Prepare("SELECT store FROM intents"));
  std::vector<Uuid> intents;
  while (TRY(list.Step())) {
    const auto store = Uuid::Parse(list.Text(0));
    if (!store) return Corruption("the catalog has a damaged intent");
    const bool waits = std::find(spares_.begin(), spares_.end(), *store) != spares_.end();
    if (!waits) intents.push_back(*store);
  }
  return intents;
}

Status Catalog::Clear() {
  MutexLock lock(file_->mutex);
  Transaction transaction = TRY(Transaction::Begin(file_->connection, Transaction::Kind::kWrite));
  TRY(
      file_->connection.Run("INSERT OR IGNORE INTO intents SELECT store FROM databases;"
                            "DELETE FROM databases; DELETE FROM tenants; DELETE FROM damage;"));
  return transaction.Commit();
}

}  // namespace pannier::store

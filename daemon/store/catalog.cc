#include "daemon/store/catalog.h"

namespace pannier::store {
namespace {

constexpr int kCatalogFormat = 1;
constexpr int kCatalogApplication = 0x50414e43;  // "PANC"
constexpr char kTables[] =
    "CREATE TABLE tenants (name TEXT PRIMARY KEY) WITHOUT ROWID;"
    "CREATE TABLE databases (tenant TEXT NOT NULL, name TEXT NOT NULL, id TEXT NOT NULL,"
    " store TEXT NOT NULL UNIQUE, PRIMARY KEY (tenant, name)) WITHOUT ROWID;"
    "CREATE TABLE intents (store TEXT PRIMARY KEY) WITHOUT ROWID;";

Error Missing() {
  return Corruption("the catalog is missing or empty, but there are stores",
                    "restore catalog.db from a copy of the data directory");
}

Status Prepare(Connection& connection, bool may_be_new) {
  const int64_t application = TRY(connection.QueryInt("PRAGMA application_id"));
  const int64_t format = TRY(connection.QueryInt("PRAGMA user_version"));
  if (application == 0 && format == 0 &&
      TRY(connection.QueryInt("SELECT count(*) FROM sqlite_schema")) == 0) {
    if (!may_be_new) return Missing();
    TRY(connection.Run("PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL;"));
    return connection.Run(
        "BEGIN IMMEDIATE; PRAGMA application_id=" + std::to_string(kCatalogApplication) +
        "; PRAGMA user_version=" + std::to_string(kCatalogFormat) + ";" + kTables + "COMMIT;");
  }
  if (application != kCatalogApplication) return Corruption("not a catalog of Pannier");
  if (format > kCatalogFormat) {
    return InvalidArgument("catalog format " + std::to_string(format) + " is newer than " +
                               std::to_string(kCatalogFormat) + ", the newest this version reads",
                           "run the version of pannierd that wrote it, or a newer one");
  }
  return connection.Run("PRAGMA synchronous=FULL;");
}

Result<CatalogEntry> ReadRow(const Statement& row) {
  const auto database = Uuid::Parse(row.Text(0));
  const auto store = Uuid::Parse(row.Text(1));
  if (!database || !store) return Corruption("the catalog has a damaged row");
  return CatalogEntry{*database, *store, std::string(row.Text(2)), std::string(row.Text(3))};
}

}  // namespace

Result<std::unique_ptr<Catalog>> Catalog::Open(const std::string& path, const std::string& vfs,
                                               bool may_be_new) {
  const auto mode = may_be_new ? Connection::Mode::kCreate : Connection::Mode::kReadWrite;
  Result<Connection> opened = Connection::Open(path, mode, vfs);
  if (opened.Is(Errc::kNotFound) && !may_be_new) return Missing().Context(path);
  Connection connection = TRY(std::move(opened));
  TRY(Prepare(connection, may_be_new).Context(path));
  return std::unique_ptr<Catalog>(new Catalog(std::move(connection)));
}

Status Catalog::Change(const std::string& sql, const std::vector<std::string>& parameters) {
  Statement statement = TRY(connection_.Prepare(sql));
  for (size_t i = 0; i < parameters.size(); ++i) {
    statement.Bind(static_cast<int>(i) + 1, std::string_view(parameters[i]));
  }
  return statement.Run();
}

Status Catalog::CreateTenant(const std::string& name) {
  MutexLock lock(mutex_);
  TRY(Change("INSERT OR IGNORE INTO tenants VALUES (?1)", {name}));
  if (connection_.changes() == 0) return Conflict("Tenant [" + name + "] already exists");
  return {};
}

Status Catalog::FindTenant(const std::string& name) {
  MutexLock lock(mutex_);
  Statement find = TRY(connection_.Prepare("SELECT 1 FROM tenants WHERE name = ?1"));
  find.Bind(1, std::string_view(name));
  if (!TRY(find.Step())) return NotFound("Tenant [" + name + "] not found");
  return {};
}

Result<CatalogEntry> Catalog::Find(const std::string& tenant, const std::string& name) {
  MutexLock lock(mutex_);
  Statement find = TRY(connection_.Prepare(
      "SELECT id, store, tenant, name FROM databases WHERE tenant = ?1 AND name = ?2"));
  find.Bind(1, std::string_view(tenant)).Bind(2, std::string_view(name));
  if (!TRY(find.Step())) return NotFound("Database [" + name + "] not found");
  return ReadRow(find);
}

Result<std::vector<CatalogEntry>> Catalog::List(const std::optional<std::string>& tenant,
                                                std::optional<uint32_t> limit, uint32_t offset) {
  MutexLock lock(mutex_);
  Statement list = TRY(connection_.Prepare(
      "SELECT id, store, tenant, name FROM databases WHERE ?1 IS NULL OR tenant = ?1"
      " ORDER BY tenant, name LIMIT ?2 OFFSET ?3"));
  list.Bind(1, tenant).Bind(2, limit ? static_cast<int64_t>(*limit) : -1).Bind(3, int64_t{offset});
  std::vector<CatalogEntry> entries;
  while (TRY(list.Step())) entries.push_back(TRY(ReadRow(list)));
  return entries;
}

Result<uint64_t> Catalog::Count() {
  MutexLock lock(mutex_);
  return static_cast<uint64_t>(TRY(connection_.QueryInt("SELECT count(*) FROM databases")));
}

Status Catalog::IntendStore(const Uuid& store) {
  MutexLock lock(mutex_);
  return Change("INSERT INTO intents VALUES (?1)", {store.ToString()});
}

Status Catalog::Insert(const CatalogEntry& entry, bool with_tenant) {
  MutexLock lock(mutex_);
  Transaction transaction = TRY(Transaction::Begin(connection_, Transaction::Kind::kWrite));
  if (with_tenant) TRY(Change("INSERT OR IGNORE INTO tenants VALUES (?1)", {entry.tenant}));
  TRY(Change("INSERT OR IGNORE INTO databases (id, store, tenant, name) VALUES (?1,?2,?3,?4)",
             {entry.database.ToString(), entry.store.ToString(), entry.tenant, entry.name}));
  if (connection_.changes() == 0) return Conflict("Database [" + entry.name + "] already exists");
  TRY(Change("DELETE FROM intents WHERE store = ?1", {entry.store.ToString()}));
  return transaction.Commit();
}

Status Catalog::Remove(const CatalogEntry& entry) {
  MutexLock lock(mutex_);
  Transaction transaction = TRY(Transaction::Begin(connection_, Transaction::Kind::kWrite));
  TRY(Change("DELETE FROM databases WHERE store = ?1", {entry.store.ToString()}));
  if (connection_.changes() == 0) return NotFound("Database [" + entry.name + "] not found");
  TRY(Change("INSERT OR IGNORE INTO intents VALUES (?1)", {entry.store.ToString()}));
  return transaction.Commit();
}

Status Catalog::ForgetIntent(const Uuid& store) {
  MutexLock lock(mutex_);
  return Change("DELETE FROM intents WHERE store = ?1", {store.ToString()});
}

Result<std::vector<Uuid>> Catalog::Intents() {
  MutexLock lock(mutex_);
  Statement list = TRY(connection_.Prepare("SELECT store FROM intents"));
  std::vector<Uuid> intents;
  while (TRY(list.Step())) {
    const auto store = Uuid::Parse(list.Text(0));
    if (!store) return Corruption("the catalog has a damaged intent");
    intents.push_back(*store);
  }
  return intents;
}

Status Catalog::Clear() {
  MutexLock lock(mutex_);
  Transaction transaction = TRY(Transaction::Begin(connection_, Transaction::Kind::kWrite));
  TRY(
      connection_.Run("INSERT OR IGNORE INTO intents SELECT store FROM databases;"
                      "DELETE FROM databases; DELETE FROM tenants;"));
  return transaction.Commit();
}

}  // namespace pannier::store

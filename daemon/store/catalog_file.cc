#include "daemon/store/catalog_file.h"

namespace pannier::store {
namespace {

constexpr int kCatalogApplication = 0x50414e43;  // "PANC"

constexpr char kTablesOfFormat1[] =
    "CREATE TABLE tenants (name TEXT PRIMARY KEY) WITHOUT ROWID;"
    "CREATE TABLE databases (tenant TEXT NOT NULL, name TEXT NOT NULL, id TEXT NOT NULL,"
    " store TEXT NOT NULL UNIQUE, PRIMARY KEY (tenant, name)) WITHOUT ROWID;"
    "CREATE TABLE intents (store TEXT PRIMARY KEY) WITHOUT ROWID;";
constexpr char kTablesOfFormat2[] =
    "CREATE TABLE quarantine (store TEXT PRIMARY KEY, tenant TEXT NOT NULL, name TEXT NOT NULL,"
    " id TEXT NOT NULL, why TEXT NOT NULL, since INTEGER NOT NULL, expires INTEGER,"
    " path TEXT NOT NULL, origin TEXT NOT NULL, doomed INTEGER NOT NULL DEFAULT 0) WITHOUT ROWID;"
    "CREATE TABLE damage (tenant TEXT NOT NULL, name TEXT NOT NULL, what TEXT NOT NULL,"
    " PRIMARY KEY (tenant, name)) WITHOUT ROWID;"
    "CREATE TABLE operations (number INTEGER PRIMARY KEY AUTOINCREMENT, uid TEXT NOT NULL UNIQUE,"
    " request TEXT NOT NULL, state TEXT NOT NULL, result TEXT NOT NULL, attempts INTEGER NOT NULL,"
    " happened INTEGER NOT NULL, ended INTEGER NOT NULL, created INTEGER NOT NULL,"
    " changed INTEGER NOT NULL);"
    "CREATE TABLE epoch (epoch INTEGER NOT NULL);"
    "INSERT INTO epoch VALUES (0);"
    "CREATE TABLE leftovers (path TEXT PRIMARY KEY, signature TEXT NOT NULL,"
    " since INTEGER NOT NULL) WITHOUT ROWID;";

constexpr char kTablesOfFormat3[] =
    "ALTER TABLE databases ADD COLUMN session TEXT;"
    "ALTER TABLE databases ADD COLUMN idle_seconds INTEGER;"
    "CREATE INDEX temporary ON databases (session) WHERE session IS NOT NULL;"
    "CREATE TABLE sessions (number INTEGER PRIMARY KEY AUTOINCREMENT, uid TEXT NOT NULL UNIQUE,"
    " owner TEXT NOT NULL, id TEXT NOT NULL, name TEXT NOT NULL, timeout_seconds INTEGER NOT NULL,"
    " cleanup_on_exit INTEGER NOT NULL, created INTEGER NOT NULL);";

constexpr char kRestoreIt[] = "restore catalog.db from a copy of the data directory";

Error Missing() {
  return Corruption("the catalog is missing or empty, but there are stores", kRestoreIt);
}

std::string SetFormat() {
  return "PRAGMA user_version=" + std::to_string(CatalogFile::kFormat) + ";";
}

// SQLite itself says of a damaged file only that it is one.
Status WithHint(Status status) {
  if (!status.Is(Errc::kCorruption) || !status.error().hint.empty()) return status;
  Error error = std::move(status).error();
  error.hint = kRestoreIt;
  return error;
}

Status Prepare(Connection& connection, bool may_be_new) {
  const int64_t application = TRY(connection.QueryInt("PRAGMA application_id"));
  const int64_t format = TRY(connection.QueryInt("PRAGMA user_version"));
  if (application == 0 && format == 0 &&
      TRY(connection.QueryInt("SELECT count(*) FROM sqlite_schema")) == 0) {
    if (!may_be_new) return Missing();
    TRY(connection.Run("PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL;"));
    return connection.Run(
        "BEGIN IMMEDIATE; PRAGMA application_id=" + std::to_string(kCatalogApplication) + ";" +
        SetFormat() + kTablesOfFormat1 + kTablesOfFormat2 + kTablesOfFormat3 + "COMMIT;");
  }
  if (application != kCatalogApplication) return Corruption("not a catalog of Pannier", kRestoreIt);
  if (format > CatalogFile::kFormat) {
    return Unimplemented("catalog format " + std::to_string(format) + " is newer than " +
                             std::to_string(CatalogFile::kFormat) +
                             ", the newest this version reads",
                         "run the version of pannierd that wrote it, or a newer one");
  }
  TRY(connection.Run("PRAGMA synchronous=FULL;"));
  if (format == CatalogFile::kFormat) return {};
  Transaction transaction = TRY(Transaction::Begin(connection, Transaction::Kind::kWrite));
  if (format < 2) TRY(connection.Run(kTablesOfFormat2));
  TRY(connection.Run(kTablesOfFormat3 + SetFormat()));
  return transaction.Commit();
}

}  // namespace

Result<std::unique_ptr<CatalogFile>> CatalogFile::Open(const std::string& path,
                                                       const std::string& vfs, bool may_be_new) {
  const auto mode = may_be_new ? Connection::Mode::kCreate : Connection::Mode::kReadWrite;
  Result<Connection> opened = Connection::Open(path, mode, vfs);
  if (opened.Is(Errc::kNotFound) && !may_be_new) return Missing().Context(path);
  if (opened.Is(Errc::kCorruption)) TRY(WithHint(opened.error()).Context(path));
  Connection connection = TRY(std::move(opened));
  TRY(WithHint(Prepare(connection, may_be_new)).Context(path));
  return std::unique_ptr<CatalogFile>(new CatalogFile(std::move(connection)));
}

Status CatalogFile::Change(const std::string& sql, const std::vector<std::string>& parameters) {
  Statement statement = TRY(connection.Prepare(sql));
  for (size_t i = 0; i < parameters.size(); ++i) {
    statement.Bind(static_cast<int>(i) + 1, std::string_view(parameters[i]));
  }
  return statement.Run();
}

int64_t ToNanoseconds(WallTime time) { return time.time_since_epoch().count(); }
WallTime FromNanoseconds(int64_t nanoseconds) {
  return WallTime(std::chrono::nanoseconds(nanoseconds));
}

}  // namespace pannier::store

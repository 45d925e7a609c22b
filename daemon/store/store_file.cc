#include "daemon/store/store_file.h"

#include "daemon/store/checked_vfs.h"
#include "daemon/store/wal_check.h"

namespace pannier::store {
namespace {

// wal_autocheckpoint is off: the writer checkpoints when it is idle, not in the middle of
// somebody's commit. secure_delete: deleted documents do not linger in free pages. auto_vacuum=2: a
// dropped collection gives its pages back.
constexpr char kWriterPragmas[] =
    "PRAGMA synchronous=FULL; PRAGMA wal_autocheckpoint=0; PRAGMA secure_delete=ON;"
    "PRAGMA temp_store=MEMORY; PRAGMA cache_size=-8192; PRAGMA journal_size_limit=67108864;"
    "PRAGMA trusted_schema=OFF;";
constexpr char kReaderPragmas[] =
    "PRAGMA query_only=ON; PRAGMA temp_store=MEMORY; PRAGMA cache_size=-2048;"
    "PRAGMA trusted_schema=OFF;";

// `counters` holds what changes with every commit, apart from the wide rows of `collections`, so
// that a small commit writes small pages. Row 0 is the store's own: its `records` is the sequence.
constexpr char kTables[] =
    "CREATE TABLE collections (number INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE,"
    " name TEXT NOT NULL UNIQUE, metadata TEXT, hnsw TEXT NOT NULL, configuration TEXT NOT NULL,"
    " schema TEXT NOT NULL, dimension INTEGER);"
    "CREATE TABLE counters (collection INTEGER PRIMARY KEY, records INTEGER NOT NULL,"
    " last_record INTEGER NOT NULL);"
    "INSERT INTO counters VALUES (0, 0, 0);";

}  // namespace

Status CheckStoreFormat(Connection& connection) {
  if (TRY(connection.QueryInt("PRAGMA application_id")) != kStoreApplication) {
    return Corruption("not a store file of Pannier");
  }
  const int64_t format = TRY(connection.QueryInt("PRAGMA user_version"));
  if (format > kStoreFormat) {
    return InvalidArgument("store format " + std::to_string(format) + " is newer than " +
                               std::to_string(kStoreFormat) + ", the newest this version reads",
                           "run the version of pannierd that wrote it, or a newer one");
  }
  if (format >= kStoreFormatWithChecksums && !TRY(connection.HasPageChecksums())) {
    return Corruption("a store of format " + std::to_string(format) + " without page checksums");
  }
  return {};
}

// Nobody knows of the file before it is whole, so that one sync at the end does for a journal.
Status CreateStoreFile(const std::string& path, const std::string& vfs) {
  Connection connection = TRY(Connection::Open(path, Connection::Mode::kCreate, vfs));
  TRY(connection.ReservePageChecksums());
  // auto_vacuum writes the first page at once: with a journal and its syncs, unless it comes last.
  TRY(connection.Run("PRAGMA journal_mode=OFF; PRAGMA synchronous=OFF; PRAGMA page_size=" +
                     std::to_string(kStorePageBytes) + "; PRAGMA auto_vacuum=2;"));
  TRY(connection.Run("BEGIN IMMEDIATE; PRAGMA application_id=" + std::to_string(kStoreApplication) +
                     "; PRAGMA user_version=" + std::to_string(kStoreFormat) + ";" + kTables +
                     "COMMIT; PRAGMA journal_mode=WAL;"));
  return connection.SyncFile();
}

Result<Connection> OpenStoreWriter(const std::string& path, const std::string& vfs) {
  if (!IsOpenHere(path, vfs)) TRY(CheckLogBeforeOpening(path, vfs));
  Connection connection = TRY(Connection::Open(path, Connection::Mode::kReadWrite, vfs));
  TRY(CheckStoreFormat(connection).Context(path));
  TRY(connection.Run(kWriterPragmas));
  return connection;
}

Result<Connection> OpenStoreReader(const std::string& path, const std::string& vfs) {
  Connection connection = TRY(Connection::Open(path, Connection::Mode::kReadOnly, vfs));
  TRY(connection.Run(kReaderPragmas));
  return connection;
}

}  // namespace pannier::store

#include "daemon/store/sqlite.h"

#include <sqlite3.h>

#include <cerrno>
#include <mutex>
#include <utility>

#include "daemon/store/checked_vfs.h"
#include "daemon/store/page_checksum.h"

namespace pannier::store {
namespace {

constexpr int kBusyTimeoutMs =
    2'000;  // only this process opens the files, so nobody is waited for long

Errc CodeOf(int extended) {
  if (extended == SQLITE_IOERR_DATA) return Errc::kCorruption;  // what our VFS says
  switch (extended & 0xff) {
    case SQLITE_FULL:
      return Errc::kStorageFull;
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
      return Errc::kCorruption;
    case SQLITE_CANTOPEN:
      return Errc::kUnavailable;
    case SQLITE_PERM:
    case SQLITE_AUTH:
      return Errc::kPermissionDenied;
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
    case SQLITE_READONLY:
    case SQLITE_IOERR:
    case SQLITE_INTERRUPT:
      return Errc::kUnavailable;
    case SQLITE_NOMEM:
      return Errc::kResourceExhausted;
    case SQLITE_TOOBIG:
      return Errc::kInvalidArgument;
    default:
      return Errc::kInternal;
  }
}

Error FromSqlite(sqlite3* db, int code) {
  const int extended = db != nullptr ? sqlite3_extended_errcode(db) : code;
  std::string what = db != nullptr ? sqlite3_errmsg(db) : sqlite3_errstr(code);
  if (extended == SQLITE_IOERR_DATA) what = TakePageDamage();
  what += " (sqlite " + std::to_string(extended) + ")";
  return {CodeOf(extended != SQLITE_OK ? extended : code), std::move(what), {}};
}

// A path as SQLite takes it with parameters behind.
std::string UriOf(const std::string& path, const char* parameters) {
  std::string uri = "file:";
  for (const char c : path) {
    if (c == '%' || c == '?' || c == '#') {
      constexpr char kDigits[] = "0123456789ABCDEF";
      uri += {'%', kDigits[static_cast<uint8_t>(c) >> 4], kDigits[static_cast<uint8_t>(c) & 15]};
    } else {
      uri += c;
    }
  }
  return uri + "?" + parameters;
}

int OnWal(void* callback, sqlite3*, const char*, int pages) {
  (*static_cast<std::function<void(int)>*>(callback))(pages);
  return SQLITE_OK;
}

}  // namespace

void ConfigureSqlite() {
  static std::once_flag once;
  std::call_once(once, [] {
    sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0);
    sqlite3_config(SQLITE_CONFIG_MULTITHREAD);
    sqlite3_initialize();
  });
}

// --- Statement ---

Statement::Statement(Statement&& other) noexcept
    : statement_(std::exchange(other.statement_, nullptr)) {}

Statement& Statement::operator=(Statement&& other) noexcept {
  if (this == &other) return *this;
  sqlite3_finalize(statement_);
  statement_ = std::exchange(other.statement_, nullptr);
  return *this;
}

Statement::~Statement() { sqlite3_finalize(statement_); }

Statement& Statement::Bind(int parameter, int64_t value) {
  CHECK(sqlite3_bind_int64(statement_, parameter, value) == SQLITE_OK);
  return *this;
}

Statement& Statement::Bind(int parameter, std::string_view text) {
  // A view of nothing may have a null pointer, which SQLite would take for NULL.
  const char* data = text.data() != nullptr ? text.data() : "";
  CHECK(sqlite3_bind_text64(statement_, parameter, data, text.size(), SQLITE_STATIC, SQLITE_UTF8) ==
        SQLITE_OK);
  return *this;
}

Statement& Statement::BindBlob(int parameter, std::span<const std::byte> bytes) {
  CHECK(sqlite3_bind_blob64(statement_, parameter, bytes.data(), bytes.size(), SQLITE_STATIC) ==
        SQLITE_OK);
  return *this;
}

Statement& Statement::BindReal(int parameter, double value) {
  CHECK(sqlite3_bind_double(statement_, parameter, value) == SQLITE_OK);
  return *this;
}

Statement& Statement::BindNull(int parameter) {
  CHECK(sqlite3_bind_null(statement_, parameter) == SQLITE_OK);
  return *this;
}

Statement& Statement::Bind(int parameter, const std::optional<std::string>& text) {
  return text ? Bind(parameter, std::string_view(*text)) : BindNull(parameter);
}

Statement& Statement::Bind(int parameter, std::optional<std::string_view> text) {
  return text ? Bind(parameter, *text) : BindNull(parameter);
}

Result<bool> Statement::Step() {
  const int code = sqlite3_step(statement_);
  if (code == SQLITE_ROW) return true;
  if (code == SQLITE_DONE) {
    sqlite3_reset(statement_);
    return false;
  }
  Error error = FromSqlite(sqlite3_db_handle(statement_), code);
  sqlite3_reset(statement_);
  return error;
}

Status Statement::Run() {
  while (TRY(Step())) {
  }
  return {};
}

void Statement::Reset() { sqlite3_reset(statement_); }

bool Statement::IsNull(int column) const {
  return sqlite3_column_type(statement_, column) == SQLITE_NULL;
}

int64_t Statement::Int(int column) const { return sqlite3_column_int64(statement_, column); }

double Statement::Real(int column) const { return sqlite3_column_double(statement_, column); }

std::string_view Statement::Text(int column) const {
  const auto* text = reinterpret_cast<const char*>(sqlite3_column_text(statement_, column));
  if (text == nullptr) return {};
  return {text, static_cast<size_t>(sqlite3_column_bytes(statement_, column))};
}

std::optional<std::string_view> Statement::OptionalText(int column) const {
  if (IsNull(column)) return std::nullopt;
  return Text(column);
}

std::span<const std::byte> Statement::Blob(int column) const {
  const auto* bytes = static_cast<const std::byte*>(sqlite3_column_blob(statement_, column));
  return {bytes, static_cast<size_t>(sqlite3_column_bytes(statement_, column))};
}

// --- Connection ---

Result<Connection> Connection::Open(const std::string& path, Mode mode, const std::string& vfs) {
  int flags = SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_PRIVATECACHE | SQLITE_OPEN_EXRESCODE;
  const bool writes = mode == Mode::kReadWrite || mode == Mode::kCreate;
  flags |= writes ? SQLITE_OPEN_READWRITE : SQLITE_OPEN_READONLY;
  if (mode == Mode::kImmutable) flags |= SQLITE_OPEN_URI;
  if (mode == Mode::kCreate) flags |= SQLITE_OPEN_CREATE;
  const std::string checked_vfs = TRY(CheckedVfs(vfs));
  Connection connection;
  const std::string name = mode == Mode::kImmutable ? UriOf(path, "immutable=1") : path;
  const int code = sqlite3_open_v2(name.c_str(), &connection.db_, flags, checked_vfs.c_str());
  if (code != SQLITE_OK) {
    Error error = FromSqlite(connection.db_, code).Context("open " + path);
    // SQLite says "cannot open" for whatever the reason was.
    const bool missing = (code & 0xff) == SQLITE_CANTOPEN && connection.db_ != nullptr &&
                         sqlite3_system_errno(connection.db_) == ENOENT;
    if (missing) error.code = Errc::kNotFound;
    return error;
  }
  sqlite3_busy_timeout(connection.db_, kBusyTimeoutMs);
  return connection;
}

Connection::Connection(Connection&& other) noexcept { Swap(other); }

Connection& Connection::operator=(Connection&& other) noexcept {
  Connection taken(std::move(other));
  Swap(taken);
  return *this;
}

void Connection::Swap(Connection& other) noexcept {
  std::swap(db_, other.db_);
  std::swap(begin_read_, other.begin_read_);
  std::swap(begin_write_, other.begin_write_);
  std::swap(commit_, other.commit_);
  std::swap(rollback_, other.rollback_);
  std::swap(on_wal_commit_, other.on_wal_commit_);
}

Connection::~Connection() {
  for (Statement* statement : {&begin_read_, &begin_write_, &commit_, &rollback_}) {
    *statement = Statement();
  }
  if (db_ != nullptr) CHECK(sqlite3_close(db_) == SQLITE_OK);  // fails only while a Statement lives
}

Status Connection::Run(const std::string& sql) {
  const int code = sqlite3_exec(db_, sql.c_str(), nullptr, nullptr, nullptr);
  if (code != SQLITE_OK) return FromSqlite(db_, code);
  return {};
}

Status Connection::RunCached(Statement& statement, const char* sql) {
  if (!statement) statement = TRY(Prepare(sql));
  return statement.Run();
}

Result<Statement> Connection::Prepare(const std::string& sql) {
  sqlite3_stmt* statement = nullptr;
  const int code = sqlite3_prepare_v3(db_, sql.data(), static_cast<int>(sql.size()),
                                      SQLITE_PREPARE_PERSISTENT, &statement, nullptr);
  if (code != SQLITE_OK) return FromSqlite(db_, code).Context("prepare " + sql);
  return Statement(statement);
}

Result<int64_t> Connection::QueryInt(const std::string& sql) {
  Statement statement = TRY(Prepare(sql));
  if (!TRY(statement.Step())) return Corruption("no row for " + sql);
  return statement.Int(0);
}

Status Connection::ReservePageChecksums() {
  int bytes = static_cast<int>(kPageChecksumBytes);
  const int code = sqlite3_file_control(db_, "main", SQLITE_FCNTL_RESERVE_BYTES, &bytes);
  if (code != SQLITE_OK) return FromSqlite(db_, code);
  return {};
}

Result<bool> Connection::HasPageChecksums() {
  TRY(QueryInt("PRAGMA schema_version"));  // reads page 1
  int bytes = -1;                          // only asks
  const int code = sqlite3_file_control(db_, "main", SQLITE_FCNTL_RESERVE_BYTES, &bytes);
  if (code != SQLITE_OK) return FromSqlite(db_, code);
  return bytes == static_cast<int>(kPageChecksumBytes);
}

bool Connection::HasMoved() const {
  int moved = 0;
  const int code = sqlite3_file_control(db_, "main", SQLITE_FCNTL_HAS_MOVED, &moved);
  return code == SQLITE_OK && moved != 0;
}

int64_t Connection::changes() const { return sqlite3_changes64(db_); }
bool Connection::in_transaction() const { return sqlite3_get_autocommit(db_) == 0; }

void Connection::OnWalCommit(std::function<void(int pages)> callback) {
  on_wal_commit_ = std::make_unique<std::function<void(int)>>(std::move(callback));
  sqlite3_wal_hook(db_, OnWal, on_wal_commit_.get());
}

Result<bool> Connection::Checkpoint(bool truncate) {
  const int mode = truncate ? SQLITE_CHECKPOINT_TRUNCATE : SQLITE_CHECKPOINT_PASSIVE;
  int frames = 0, moved = 0;
  sqlite3_busy_timeout(db_, 0);  // a long reader must not hold up the writes that queue behind us
  const int code = sqlite3_wal_checkpoint_v2(db_, nullptr, mode, &frames, &moved);
  sqlite3_busy_timeout(db_, kBusyTimeoutMs);
  if ((code & 0xff) == SQLITE_BUSY) return false;
  if (code != SQLITE_OK) return FromSqlite(db_, code);
  return frames == moved;
}

Status Connection::KeepLog() {
  int keep = 1;
  const int code = sqlite3_file_control(db_, "main", SQLITE_FCNTL_PERSIST_WAL, &keep);
  return code == SQLITE_OK ? Status() : FromSqlite(db_, code);
}

Status Connection::SyncFile() {
  sqlite3_file* file = nullptr;
  const int code = sqlite3_file_control(db_, "main", SQLITE_FCNTL_FILE_POINTER, &file);
  if (code != SQLITE_OK) return FromSqlite(db_, code);
  const int synced = file->pMethods->xSync(file, SQLITE_SYNC_NORMAL);
  return synced == SQLITE_OK ? Status() : FromSqlite(nullptr, synced);
}

// --- Transaction ---

Result<Transaction> Transaction::Begin(Connection& connection, Kind kind) {
  if (kind == Kind::kRead) {
    TRY(connection.RunCached(connection.begin_read_, "BEGIN"));
  } else {
    TRY(connection.RunCached(connection.begin_write_, "BEGIN IMMEDIATE"));
  }
  return Transaction(&connection);
}

Transaction::Transaction(Transaction&& other) noexcept
    : connection_(std::exchange(other.connection_, nullptr)) {}

Transaction::~Transaction() {
  if (connection_ == nullptr || !connection_->in_transaction()) return;
  // A rollback that fails leaves nothing to undo: SQLite has rolled back by itself.
  [[maybe_unused]] const Status rolled_back =
      connection_->RunCached(connection_->rollback_, "ROLLBACK");
}

Status Transaction::Commit() {
  TRY(connection_->RunCached(connection_->commit_, "COMMIT"));
  connection_ = nullptr;
  return {};
}

}  // namespace pannier::store

// SQLite behind move-only handles and Results. The only folder that includes sqlite3.h is this one.
//
// Threads: a Connection and its Statements belong to one thread at a time (opened with NOMUTEX).
// Lifetime: a Statement ends before its Connection.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "lib/core/result.h"

struct sqlite3;
struct sqlite3_stmt;

namespace pannier::store {

// Process-wide settings, before the first Open; later calls do nothing. Memory statistics are off:
// they take a global mutex.
void ConfigureSqlite();

class Statement {
 public:
  Statement() = default;
  explicit Statement(sqlite3_stmt* statement) : statement_(statement) {}
  Statement(Statement&& other) noexcept;
  Statement& operator=(Statement&& other) noexcept;
  ~Statement();

  explicit operator bool() const { return statement_ != nullptr; }

  // Parameters count from 1. Text and blobs are not copied: they live until the next Reset().
  Statement& Bind(int parameter, int64_t value);
  Statement& Bind(int parameter, std::string_view text);
  Statement& BindBlob(int parameter, std::span<const std::byte> bytes);
  Statement& BindReal(int parameter, double value);
  Statement& BindNull(int parameter);
  // Text, or NULL when there is none.
  Statement& Bind(int parameter, const std::optional<std::string>& text);
  Statement& Bind(int parameter, std::optional<std::string_view> text);

  // True: a row is there. False: done (and reset).
  Result<bool> Step();
  // Steps to the end; rows are ignored.
  Status Run();
  void Reset();

  // Columns count from 0. Views live until the next Step() or Reset().
  bool IsNull(int column) const;
  int64_t Int(int column) const;
  double Real(int column) const;
  std::string_view Text(int column) const;
  std::optional<std::string_view> OptionalText(int column) const;
  std::span<const std::byte> Blob(int column) const;

 private:
  sqlite3_stmt* statement_ = nullptr;
};

class Connection {
 public:
  // kImmutable: to read a file that nobody writes; without locks, without its log, and nothing is
  // made beside it.
  enum class Mode { kReadOnly, kReadWrite, kCreate, kImmutable };

  // `vfs`: a registered VFS by name; empty for the default. Our own checks what goes through it
  // (checked_vfs.h), so that reading a page which is not the one that was written is kCorruption.
  //   kNotFound  the file, or its folder, does not exist
  static Result<Connection> Open(const std::string& path, Mode mode, const std::string& vfs);
  Connection() = default;
  Connection(Connection&& other) noexcept;
  Connection& operator=(Connection&& other) noexcept;  // closes what was held
  ~Connection();  // closes; a last connection moves the write-ahead log into the file

  // Leaves room for a checksum in every page of a database that is still empty: before anything is
  // written to it.
  Status ReservePageChecksums();
  Result<bool> HasPageChecksums();

  // Runs statements without parameters; rows are ignored.
  Status Run(const std::string& sql);
  Result<Statement> Prepare(const std::string& sql);
  // The first column of the first row.
  Result<int64_t> QueryInt(const std::string& sql);

  // Whether the file is not any more where it was opened, so that what is written to it is lost.
  bool HasMoved() const;

  int64_t changes() const;  // rows changed by the last statement
  bool in_transaction() const;
  // Called after each commit with the pages now in the write-ahead log.
  void OnWalCommit(std::function<void(int pages)> callback);
  // Moves what can be moved of the write-ahead log into the file; `truncate` also empties the log.
  // False when a reader still uses a part of the log, so that not all of that could be done.
  Result<bool> Checkpoint(bool truncate);
  // When the last connection closes, the log stays beside the file, emptied: who opens it next need
  // not make it, and who has only read leaves all as it was.
  Status KeepLog();
  // Makes what was written to the file itself durable, whatever `PRAGMA synchronous` says.
  Status SyncFile();

 private:
  friend class Transaction;
  // Prepared once, since every read and every commit runs one of them.
  Status RunCached(Statement& statement, const char* sql);
  void Swap(Connection& other) noexcept;

  sqlite3* db_ = nullptr;
  Statement begin_read_, begin_write_, commit_, rollback_;
  std::unique_ptr<std::function<void(int)>> on_wal_commit_;
};

// Rolls back unless Commit() returned ok.
class Transaction {
 public:
  enum class Kind { kRead, kWrite };
  static Result<Transaction> Begin(Connection& connection, Kind kind);
  Transaction(Transaction&& other) noexcept;
  Transaction& operator=(Transaction&&) = delete;
  ~Transaction();
  Status Commit();

 private:
  explicit Transaction(Connection* connection) : connection_(connection) {}
  Connection* connection_ = nullptr;
};

}  // namespace pannier::store

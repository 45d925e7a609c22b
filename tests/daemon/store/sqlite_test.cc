// Goal: the handles release what they hold, and SQLite's failures arrive as the right codes.
#include "daemon/store/sqlite.h"

#include <catch2/catch.hpp>
#include <filesystem>
#include <fstream>

#include "tests/support/temp_dir.h"

namespace pannier::store {
namespace {

using Mode = Connection::Mode;

int OpenDescriptors(const std::string& path) {
  int open = 0;
  for (const auto& entry : std::filesystem::directory_iterator("/proc/self/fd")) {
    std::error_code gone;
    if (std::filesystem::read_symlink(entry, gone) == path) ++open;
  }
  return open;
}

Connection Make(const std::string& path) {
  ConfigureSqlite();
  Connection connection = Connection::Open(path, Mode::kCreate, "").value();
  connection.Run("CREATE TABLE IF NOT EXISTS t (a, b)").value();
  return connection;
}

TEST_CASE("connection: assigning over one closes it at once", "[daemon][store]") {
  test::TempDir dir;
  const std::string a = dir / "a.db";
  const std::string b = dir / "b.db";
  Connection first = Make(a);
  Connection second = Make(b);
  REQUIRE(OpenDescriptors(a) == 1);
  first = std::move(second);
  CHECK(OpenDescriptors(a) == 0);
  CHECK(OpenDescriptors(b) == 1);
  REQUIRE(first.Run("INSERT INTO t VALUES (1, 2)").ok());
  first = Connection();
  CHECK(OpenDescriptors(b) == 0);
}

TEST_CASE("connection: moving it away leaves nothing behind to close", "[daemon][store]") {
  test::TempDir dir;
  const std::string a = dir / "a.db";
  Connection second;
  {
    Connection first = Make(a);
    second = std::move(first);
  }
  REQUIRE(second.QueryInt("SELECT count(*) FROM t").value() == 0);
}

TEST_CASE("statement: assigning over one finalizes it, so that its connection can close",
          "[daemon][store]") {
  test::TempDir dir;
  {
    Connection connection = Make(dir / "a.db");
    Statement statement = connection.Prepare("SELECT 1").value();
    REQUIRE(statement.Step().value());
    statement = connection.Prepare("SELECT 2").value();
    REQUIRE(statement.Step().value());
    REQUIRE(statement.Int(0) == 2);
    Statement moved = std::move(statement);
    REQUIRE_FALSE(static_cast<bool>(statement));
  }  // the connection's destructor CHECKs that no statement is left
  // Nobody holds the file: leaving the write-ahead log needs it alone.
  Connection alone = Connection::Open(dir / "a.db", Mode::kReadWrite, "").value();
  REQUIRE(alone.Run("PRAGMA locking_mode=EXCLUSIVE; BEGIN EXCLUSIVE; COMMIT").ok());
}

TEST_CASE("statement: text keeps NUL bytes, and nothing is not the empty text", "[daemon][store]") {
  test::TempDir dir;
  Connection connection = Make(dir / "a.db");
  const std::string with_nul("a\0b", 3);
  Statement insert = connection.Prepare("INSERT INTO t VALUES (?1, ?2)").value();
  insert.Bind(1, std::string_view(with_nul)).Bind(2, std::string_view());
  REQUIRE(insert.Run().ok());
  insert.Bind(1, std::optional<std::string>()).BindNull(2);
  REQUIRE(insert.Run().ok());
  Statement rows = connection.Prepare("SELECT a, b FROM t").value();
  REQUIRE(rows.Step().value());
  REQUIRE(rows.Text(0) == with_nul);
  REQUIRE(rows.OptionalText(1) == std::optional<std::string_view>(""));
  REQUIRE(rows.Step().value());
  REQUIRE_FALSE(rows.OptionalText(0).has_value());
  REQUIRE_FALSE(rows.Step().value());
}

TEST_CASE("connection: a missing file is not found, and is not made", "[daemon][store]") {
  test::TempDir dir;
  const std::string path = dir / "absent.db";
  REQUIRE(Connection::Open(path, Mode::kReadWrite, "").Is(Errc::kNotFound));
  REQUIRE(Connection::Open(path, Mode::kReadOnly, "").Is(Errc::kNotFound));
  REQUIRE_FALSE(std::filesystem::exists(path));
}

TEST_CASE("connection: a file that is no database is corruption", "[daemon][store]") {
  test::TempDir dir;
  const std::string path = dir / "text.db";
  std::ofstream(path) << std::string(8192, 'x');
  Connection connection = Connection::Open(path, Mode::kReadWrite, "").value();
  REQUIRE(connection.QueryInt("SELECT count(*) FROM sqlite_schema").Is(Errc::kCorruption));
}

TEST_CASE("connection: a full file is storage full, and the transaction is gone",
          "[daemon][store]") {
  test::TempDir dir;
  Connection connection = Make(dir / "a.db");
  connection.Run("PRAGMA max_page_count = 3").value();
  Transaction transaction = Transaction::Begin(connection, Transaction::Kind::kWrite).value();
  const Status full = connection.Run("INSERT INTO t VALUES (zeroblob(100000), 1)");
  REQUIRE(full.Is(Errc::kStorageFull));
}

TEST_CASE("transaction: one that is not committed never happened", "[daemon][store]") {
  test::TempDir dir;
  Connection connection = Make(dir / "a.db");
  {
    Transaction transaction = Transaction::Begin(connection, Transaction::Kind::kWrite).value();
    REQUIRE(connection.Run("INSERT INTO t VALUES (1, 1)").ok());
    REQUIRE(connection.in_transaction());
  }
  REQUIRE_FALSE(connection.in_transaction());
  REQUIRE(connection.QueryInt("SELECT count(*) FROM t").value() == 0);
  Transaction transaction = Transaction::Begin(connection, Transaction::Kind::kWrite).value();
  REQUIRE(connection.Run("INSERT INTO t VALUES (1, 1)").ok());
  REQUIRE(transaction.Commit().ok());
  REQUIRE(connection.QueryInt("SELECT count(*) FROM t").value() == 1);
}

TEST_CASE("checkpoint: says whether a reader kept it from emptying the log", "[daemon][store]") {
  test::TempDir dir;
  const std::string path = dir / "a.db";
  Connection writer = Make(path);
  REQUIRE(writer.Run("PRAGMA journal_mode=WAL; PRAGMA wal_autocheckpoint=0;").ok());
  int pages_told = 0;
  writer.OnWalCommit([&](int pages) { pages_told = pages; });
  REQUIRE(writer.Run("INSERT INTO t VALUES (1, 1)").ok());
  REQUIRE(pages_told > 0);
  Connection reader = Connection::Open(path, Mode::kReadOnly, "").value();
  {
    Transaction look = Transaction::Begin(reader, Transaction::Kind::kRead).value();
    REQUIRE(reader.QueryInt("SELECT count(*) FROM t").value() == 1);
    REQUIRE(writer.Run("INSERT INTO t VALUES (2, 2)").ok());
    REQUIRE_FALSE(writer.Checkpoint(true).value());
    REQUIRE_FALSE(writer.Checkpoint(false).value());
  }
  REQUIRE(writer.Checkpoint(false).value());
  REQUIRE(writer.Checkpoint(true).value());
  REQUIRE(std::filesystem::file_size(path + "-wal") == 0);
}

}  // namespace
}  // namespace pannier::store

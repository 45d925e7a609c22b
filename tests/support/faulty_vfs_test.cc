// Goal: SQLite works on the fake disk as on a real one, and loses there exactly what it had not
// synced.
#include "tests/support/faulty_vfs.h"

#include <sqlite3.h>

#include <catch2/catch.hpp>
#include <thread>

#include "daemon/store/sqlite.h"
#include "tests/support/vfs_locks.h"

namespace pannier::test {
namespace {

using store::Connection;
using store::Transaction;
using Mode = Connection::Mode;

struct Disk {
  Connection Open(Mode mode = Mode::kReadWrite) {
    Connection connection = Connection::Open(path, mode, vfs.name()).value();
    connection.Run("PRAGMA synchronous=FULL; PRAGMA wal_autocheckpoint=0;").value();
    return connection;
  }
  // A database of one table, with a durable name.
  void Make(const std::string& journal) {
    Connection connection = Open(Mode::kCreate);
    connection.Run("PRAGMA journal_mode=" + journal + "; CREATE TABLE t (a)").value();
    files.SyncDirectory(files.root()).value();
  }
  static int64_t Count(Connection& connection) {
    return connection.QueryInt("SELECT count(*) FROM t").value();
  }
  // `connections` have been closed on a dead disk.
  void Crash() { files.Crash(); }

  FaultyFileSystem files;
  FaultyVfs vfs{files};
  std::string path = (files.root() / "a.db").string();
};

TEST_CASE("faulty vfs: commits survive a power cut, in both kinds of journal", "[support][fault]") {
  const std::string journal = GENERATE("WAL", "DELETE");
  CAPTURE(journal);
  Disk disk;
  disk.Make(journal);
  {
    Connection connection = disk.Open();
    // Without it SQLite deletes a rollback journal, which is its commit, without syncing the
    // folder.
    if (journal == "DELETE") REQUIRE(connection.Run("PRAGMA synchronous=EXTRA").ok());
    REQUIRE(connection.Run("INSERT INTO t VALUES (1)").ok());
    Transaction open = Transaction::Begin(connection, Transaction::Kind::kWrite).value();
    REQUIRE(connection.Run("INSERT INTO t VALUES (2)").ok());
    disk.files.FailFrom(1);
  }
  disk.Crash();
  Connection connection = disk.Open();
  REQUIRE(disk.Count(connection) == 1);
}

TEST_CASE("faulty vfs: commits that were not synced do not survive", "[support][fault]") {
  Disk disk;
  disk.Make("WAL");
  {
    Connection connection = disk.Open();
    REQUIRE(connection.Run("INSERT INTO t VALUES (1)").ok());
    REQUIRE(connection.Run("PRAGMA synchronous=OFF; INSERT INTO t VALUES (2)").ok());
    disk.files.FailFrom(1);
  }
  disk.Crash();
  Connection connection = disk.Open();
  REQUIRE(disk.Count(connection) == 1);
}

TEST_CASE("faulty vfs: readers beside a writer keep their snapshot", "[support]") {
  Disk disk;
  disk.Make("WAL");
  Connection writer = disk.Open();
  Connection reader = disk.Open(Mode::kReadOnly);
  {
    Transaction look = Transaction::Begin(reader, Transaction::Kind::kRead).value();
    REQUIRE(disk.Count(reader) == 0);
    REQUIRE(writer.Run("INSERT INTO t VALUES (1)").ok());
    REQUIRE(disk.Count(reader) == 0);
    REQUIRE_FALSE(writer.Checkpoint(true).value());
  }
  REQUIRE(disk.Count(reader) == 1);
  REQUIRE(writer.Checkpoint(true).value());
  REQUIRE(disk.Count(reader) == 1);
}

TEST_CASE("faulty vfs: many readers and a writer that checkpoints agree", "[support]") {
  Disk disk;
  disk.Make("WAL");
  std::atomic<int> odd{0};
  {
    std::vector<std::jthread> readers;
    for (int t = 0; t < 3; ++t) {
      readers.emplace_back([&](const std::stop_token& stop) {
        Connection reader = disk.Open(Mode::kReadOnly);
        int64_t last = 0;
        while (!stop.stop_requested()) {
          const int64_t now = disk.Count(reader);
          if (now < last || now % 2 != 0) ++odd;
          last = now;
        }
      });
    }
    Connection writer = disk.Open();
    for (int i = 0; i < 200; ++i) {
      if (!writer.Run("BEGIN; INSERT INTO t VALUES (1); INSERT INTO t VALUES (2); COMMIT").ok()) {
        ++odd;
      }
      if (i % 10 == 0 && !writer.Checkpoint(i % 20 == 0).ok()) ++odd;
    }
  }
  REQUIRE(odd == 0);
  Connection connection = disk.Open();
  REQUIRE(disk.Count(connection) == 400);
}

TEST_CASE("faulty vfs: failures come out as what they are", "[support][fault]") {
  Disk disk;
  disk.Make("WAL");
  Connection connection = disk.Open();
  disk.Count(connection);
  disk.files.FailFrom(1);
  REQUIRE(connection.Run("INSERT INTO t VALUES (1)").Is(Errc::kUnavailable));
  disk.files.FillFrom(1);
  REQUIRE(connection.Run("INSERT INTO t VALUES (1)").Is(Errc::kStorageFull));
  disk.files.Heal();
  REQUIRE(connection.Run("INSERT INTO t VALUES (1)").ok());
  REQUIRE(disk.Count(connection) == 1);
  disk.files.FailFrom(1);
  REQUIRE(Connection::Open(disk.path, Mode::kReadWrite, disk.vfs.name()).Is(Errc::kUnavailable));
  disk.files.Heal();
  REQUIRE(Connection::Open(disk.path + "x", Mode::kReadWrite, disk.vfs.name()).Is(Errc::kNotFound));
}

TEST_CASE("vfs locks: one reserves, readers keep the exclusive lock away", "[support]") {
  VfsLocks locks;
  const char owners[2] = {};
  const void *a = &owners[0], *b = &owners[1];
  constexpr int kNone = SQLITE_LOCK_NONE, kShared = SQLITE_LOCK_SHARED;
  REQUIRE(locks.Lock(a, kNone, kShared) == kShared);
  REQUIRE(locks.Lock(b, kNone, kShared) == kShared);
  REQUIRE(locks.Lock(a, kShared, SQLITE_LOCK_RESERVED) == SQLITE_LOCK_RESERVED);
  REQUIRE(locks.Lock(b, kShared, SQLITE_LOCK_RESERVED) == kShared);
  REQUIRE(locks.IsReserved());
  REQUIRE(locks.Lock(a, SQLITE_LOCK_RESERVED, SQLITE_LOCK_EXCLUSIVE) == SQLITE_LOCK_PENDING);
  locks.Unlock(b, kShared, kNone);
  REQUIRE(locks.Lock(b, kNone, kShared) == kNone);
  REQUIRE(locks.Lock(a, SQLITE_LOCK_PENDING, SQLITE_LOCK_EXCLUSIVE) == SQLITE_LOCK_EXCLUSIVE);
  locks.Unlock(a, SQLITE_LOCK_EXCLUSIVE, kNone);
  REQUIRE_FALSE(locks.IsReserved());
  REQUIRE(locks.Lock(b, kNone, kShared) == kShared);
}

TEST_CASE("vfs locks: shared memory lives as long as its last user", "[support]") {
  VfsLocks locks;
  const char owners[2] = {};
  const void *a = &owners[0], *b = &owners[1];
  REQUIRE(locks.Map(a, 0, 64, false) == nullptr);
  auto* memory = static_cast<char*>(locks.Map(a, 1, 64, true));
  memory[0] = 'x';
  REQUIRE(locks.Map(b, 1, 64, false) == memory);
  REQUIRE(locks.LockExclusive(a, 1, 2));
  REQUIRE_FALSE(locks.LockShared(b, 2));
  REQUIRE(locks.LockShared(b, 3));
  REQUIRE_FALSE(locks.LockExclusive(a, 3, 1));
  locks.Unmap(a);
  REQUIRE(locks.LockShared(b, 2));
  REQUIRE(static_cast<char*>(locks.Map(b, 1, 64, false))[0] == 'x');
  locks.Unmap(b);
  REQUIRE(static_cast<char*>(locks.Map(b, 1, 64, true))[0] == 0);
}

}  // namespace
}  // namespace pannier::test

// Goal: no page is handed out that is not the one that was written, in the file or in the log, and
// files without page checksums stay usable.
#include "daemon/store/checked_vfs.h"

#include <catch2/catch.hpp>
#include <filesystem>
#include <fstream>

#include "daemon/store/page_checksum.h"
#include "daemon/store/store_check.h"
#include "daemon/store/store_file.h"
#include "tests/daemon/store/fixture.h"
#include "tests/support/temp_dir.h"

namespace pannier::store {
namespace {

namespace fs = std::filesystem;
using Mode = Connection::Mode;

void FlipByte(const fs::path& path, uint64_t at) {
  std::fstream file(path, std::ios::in | std::ios::out | std::ios::binary);
  file.seekg(static_cast<std::streamoff>(at));
  const auto byte = static_cast<char>(file.get() ^ 1);
  file.seekp(static_cast<std::streamoff>(at));
  file.put(byte);
}

void CopyPage(const fs::path& path, uint64_t from, uint64_t to) {
  std::fstream file(path, std::ios::in | std::ios::out | std::ios::binary);
  std::string page(kStorePageBytes, '\0');
  file.seekg(static_cast<std::streamoff>((from - 1) * kStorePageBytes));
  file.read(page.data(), static_cast<std::streamsize>(page.size()));
  file.seekp(static_cast<std::streamoff>((to - 1) * kStorePageBytes));
  file.write(page.data(), static_cast<std::streamsize>(page.size()));
}

// A table of five rows, each with pages of its own.
class Guarded {
 public:
  Guarded() {
    ConfigureSqlite();
    Connection connection = Connection::Open(path(), Mode::kCreate, "").value();
    connection.ReservePageChecksums().value();
    connection
        .Run(
            "PRAGMA page_size=16384; PRAGMA journal_mode=WAL; PRAGMA wal_autocheckpoint=0;"
            "CREATE TABLE t (a INTEGER PRIMARY KEY, b);")
        .value();
    for (int i = 0; i < 5; ++i)
      connection.Run("INSERT INTO t (b) VALUES (zeroblob(50000))").value();
    connection.Checkpoint(true).value();
  }
  std::string path() const { return (dir_ / "guarded.db").string(); }
  Connection Open(Mode mode = Mode::kReadWrite) {
    return Connection::Open(path(), mode, "").value();
  }
  Result<int64_t> Sum() { return Open().QueryInt("SELECT sum(length(b || '')) FROM t"); }

 private:
  test::TempDir dir_;
};

TEST_CASE("checked vfs: every byte of every page is guarded", "[daemon][store][fault]") {
  Guarded guarded;
  REQUIRE(guarded.Sum().ok());
  REQUIRE(guarded.Open().HasPageChecksums().value());
  const uint64_t pages = fs::file_size(guarded.path()) / kStorePageBytes;
  REQUIRE(pages > 15);
  for (uint64_t page = 1; page <= pages; ++page) {
    for (const uint64_t within : {0, 20, 100, 9'000, kStorePageBytes - 1}) {
      CAPTURE(page, within);
      FlipByte(guarded.path(), (page - 1) * kStorePageBytes + within);
      const Result<int64_t> sum = guarded.Sum();
      REQUIRE(sum.Is(Errc::kCorruption));
      if (page > 1) REQUIRE_THAT(sum.error().what, Catch::Contains("page " + std::to_string(page)));
      FlipByte(guarded.path(), (page - 1) * kStorePageBytes + within);
    }
  }
  REQUIRE(guarded.Sum().ok());
}

TEST_CASE("checked vfs: a page in another's place, and a file cut short, are found",
          "[daemon][store][fault]") {
  Guarded guarded;
  const uint64_t pages = fs::file_size(guarded.path()) / kStorePageBytes;
  SECTION("copied") { CopyPage(guarded.path(), pages - 1, pages); }
  SECTION("cut by a page") { fs::resize_file(guarded.path(), (pages - 1) * kStorePageBytes); }
  SECTION("cut within a page") { fs::resize_file(guarded.path(), pages * kStorePageBytes - 100); }
  REQUIRE(guarded.Sum().Is(Errc::kCorruption));
}

TEST_CASE("checked vfs: a page of the log that changes on disk is neither read nor moved",
          "[daemon][store][fault]") {
  Guarded guarded;
  Connection writer = guarded.Open();
  writer.Run("PRAGMA wal_autocheckpoint=0; UPDATE t SET b = zeroblob(50001)").value();
  const std::string log = guarded.path() + "-wal";
  FlipByte(log, fs::file_size(log) - 5'000);
  Connection reader = guarded.Open(Mode::kReadOnly);
  const auto sum = reader.QueryInt("SELECT sum(length(b || '')) FROM t");
  REQUIRE(sum.Is(Errc::kCorruption));
  REQUIRE_THAT(sum.error().what, Catch::Contains("-wal"));
  REQUIRE(writer.Checkpoint(false).Is(Errc::kCorruption));
  FlipByte(log, fs::file_size(log) - 5'000);
  REQUIRE(reader.QueryInt("SELECT sum(length(b || '')) FROM t").value() == 0);
  REQUIRE(writer.Checkpoint(false).value());
}

TEST_CASE("checked vfs: what was in the log has its checksum in the file", "[daemon][store]") {
  Guarded guarded;
  {
    Connection writer = guarded.Open();
    writer.Run("UPDATE t SET b = zeroblob(70000) WHERE a = 3; DELETE FROM t WHERE a = 1").value();
  }  // the last one moves the log
  std::ifstream file(guarded.path(), std::ios::binary);
  std::vector<std::byte> page(kStorePageBytes);
  const uint64_t pages = fs::file_size(guarded.path()) / kStorePageBytes;
  for (uint32_t number = 1; number <= pages; ++number) {
    file.read(reinterpret_cast<char*>(page.data()), kStorePageBytes);
    REQUIRE(IsSealed(number, page));
  }
}

TEST_CASE("checked vfs: a file without room for checksums is left as it is", "[daemon][store]") {
  test::TempDir dir;
  const std::string path = dir / "plain.db";
  ConfigureSqlite();
  Connection connection = Connection::Open(path, Mode::kCreate, "").value();
  REQUIRE(connection.Run("CREATE TABLE t (a); INSERT INTO t VALUES (7)").ok());
  REQUIRE_FALSE(connection.HasPageChecksums().value());
  REQUIRE(connection.QueryInt("SELECT a FROM t").value() == 7);
}

TEST_CASE("checked vfs: an unknown VFS is refused, and who has a file open is known",
          "[daemon][store]") {
  REQUIRE(CheckedVfs("no such vfs").Is(Errc::kInvalidArgument));
  Guarded guarded;
  REQUIRE_FALSE(IsOpenHere(guarded.path(), ""));
  {
    Connection connection = guarded.Open();
    REQUIRE(IsOpenHere(guarded.path(), ""));
  }
  REQUIRE_FALSE(IsOpenHere(guarded.path(), ""));
}

// The fixture was written by the code before format 2.
TEST_CASE("store file: a store of format 1 is read and written", "[daemon][store]") {
  test::TempDir dir;
  fs::copy_file(fs::path(PANNIER_SOURCE_DIR) / "tests/daemon/store/fixtures/format-1.db",
                dir / "store.db");
  const auto check = [&] {
    return CheckStoreFile(dir.path().string(), CheckLevel::kFull, "", nullptr).value();
  };
  REQUIRE(check().damage_total == 0);
  REQUIRE(check().sequence == 24);
  REQUIRE(check().records == 20);
  CountingHost host;
  const auto store =
      SqliteStore::Open(dir.path().string(), {}, host, file::RealFileSystem()).value();
  const auto docs = store->FindCollection("docs");
  REQUIRE(docs != nullptr);
  const auto some = GetIds(*store, docs->id, {"doc-2", "doc-3", "doc-7"}).value();
  REQUIRE(some.size() == 2);  // doc-3 was deleted
  REQUIRE(some[0].document == "text 2");
  REQUIRE(some[0].vector == std::vector<float>{2, 2.5f, -2, 1});
  REQUIRE(some[1].document == std::string(40'000, 'x'));
  Record record;
  record.id = "fresh";
  record.vector = {1, 1, 1, 1};
  REQUIRE(Write(*store, docs->id, model::WriteKind::kAdd, {record}).ok());
  REQUIRE(store->Flush(Patient()).ok());
  REQUIRE(store->Count(docs->id, Patient()).value() == 20);
  REQUIRE(store->FindCollection("notes")->metadata == R"({"topic":"short"})");
}

TEST_CASE("page checksum: a page in another's place is known as that page", "[daemon][store]") {
  std::vector<std::byte> page(4096, std::byte{7});
  SealPage(24, page);
  REQUIRE(IsSealed(24, page));
  REQUIRE_FALSE(IsSealed(55, page));
  REQUIRE(SealedFor(page, 100) == 24);
  REQUIRE(SealedFor(page, 23) == 0);
  page[100] ^= std::byte{1};
  REQUIRE(SealedFor(page, 100) == 0);
}

}  // namespace
}  // namespace pannier::store

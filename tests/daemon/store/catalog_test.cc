// Goal: the catalog is the one list of databases, and its intents name exactly the folders that
// nobody may find.
#include "daemon/store/catalog.h"

#include <algorithm>
#include <catch2/catch.hpp>
#include <filesystem>
#include <fstream>

#include "daemon/store/data_directory.h"
#include "tests/support/faulty_file_system.h"
#include "tests/support/faulty_vfs.h"
#include "tests/support/temp_dir.h"

namespace pannier::store {
namespace {

std::unique_ptr<Catalog> Open(const test::TempDir& dir, bool may_be_new = true) {
  ConfigureSqlite();
  return Catalog::Open(dir / "catalog.db", "", may_be_new).value();
}

CatalogEntry Entry(const std::string& tenant, const std::string& name) {
  return {Uuid::Random(), Uuid::Random(), tenant, name};
}

TEST_CASE("catalog: tenants are there once", "[daemon][store]") {
  test::TempDir dir;
  const auto catalog = Open(dir);
  REQUIRE(catalog->FindTenant("t").Is(Errc::kNotFound));
  REQUIRE(catalog->FindTenant("t").error().what == "Tenant [t] not found");
  REQUIRE(catalog->CreateTenant("t").ok());
  REQUIRE(catalog->CreateTenant("t").Is(Errc::kConflict));
  REQUIRE(catalog->FindTenant("t").ok());
}

TEST_CASE("catalog: a database is found by tenant and name, after reopening too",
          "[daemon][store]") {
  test::TempDir dir;
  const CatalogEntry entry = Entry("t", "db");
  {
    const auto catalog = Open(dir);
    REQUIRE(catalog->Insert(entry).ok());
    REQUIRE(catalog->Insert(Entry("t", "db")).Is(Errc::kConflict));
    REQUIRE(catalog->Insert(Entry("u", "db")).ok());
  }
  const auto catalog = Open(dir, /*may_be_new=*/false);
  const CatalogEntry found = catalog->Find("t", "db").value();
  REQUIRE(found.database == entry.database);
  REQUIRE(found.store == entry.store);
  REQUIRE(catalog->Find("t", "other").Is(Errc::kNotFound));
  REQUIRE(catalog->Count().value() == 2);
}

TEST_CASE("catalog: lists by name, in pages, of one tenant or all", "[daemon][store]") {
  test::TempDir dir;
  const auto catalog = Open(dir);
  for (const char* name : {"c", "a", "b"}) REQUIRE(catalog->Insert(Entry("t", name)).ok());
  REQUIRE(catalog->Insert(Entry("s", "z")).ok());
  const auto names = [&](std::optional<std::string> tenant, std::optional<uint32_t> limit,
                         uint32_t offset) {
    std::string joined;
    const auto entries = catalog->List(tenant, limit, offset).value();
    for (const auto& entry : entries) joined += entry.name;
    return joined;
  };
  REQUIRE(names("t", std::nullopt, 0) == "abc");
  REQUIRE(names("t", 1, 1) == "b");
  REQUIRE(names("t", 0, 0).empty());
  REQUIRE(names("nobody", std::nullopt, 0).empty());
  REQUIRE(names(std::nullopt, std::nullopt, 0) == "zabc");
}

TEST_CASE("catalog: an intent lasts from before the files until the row, and from the row's end",
          "[daemon][store]") {
  test::TempDir dir;
  const auto catalog = Open(dir);
  const CatalogEntry entry = Entry("t", "db");
  REQUIRE(catalog->IntendStore(entry.store).ok());
  REQUIRE(catalog->Intents().value() == std::vector<Uuid>{entry.store});
  REQUIRE(catalog->Insert(entry).ok());
  REQUIRE(catalog->Intents().value().empty());
  REQUIRE(catalog->Remove(entry).ok());
  REQUIRE(catalog->Remove(entry).Is(Errc::kNotFound));
  REQUIRE(catalog->Intents().value() == std::vector<Uuid>{entry.store});
  REQUIRE(catalog->ForgetIntent(entry.store).ok());
  REQUIRE(catalog->Intents().value().empty());
}

TEST_CASE("catalog: new stores' intents are durable before their turn, and unseen until then",
          "[daemon][store]") {
  test::TempDir dir;
  Uuid used;
  {
    const auto catalog = Open(dir);
    used = catalog->IntendNewStore().value();
    REQUIRE(catalog->IntendNewStore().value() != used);
    REQUIRE(catalog->Intents().value().size() == 2);
    REQUIRE(catalog->Clear().ok());  // a reset leaves those that wait as they are
    REQUIRE(catalog->Intents().value().size() == 2);
  }
  const auto catalog = Open(dir);
  const std::vector<Uuid> left = catalog->Intents().value();
  REQUIRE(left.size() > 2);
  REQUIRE(std::find(left.begin(), left.end(), used) != left.end());
  REQUIRE(catalog->ForgetIntents(left).ok());
  REQUIRE(catalog->Intents().value().empty());
}

TEST_CASE("catalog: clearing it turns every store into an intent", "[daemon][store]") {
  test::TempDir dir;
  const auto catalog = Open(dir);
  REQUIRE(catalog->CreateTenant("t").ok());
  REQUIRE(catalog->Insert(Entry("t", "a")).ok());
  REQUIRE(catalog->Insert(Entry("t", "b")).ok());
  REQUIRE(catalog->Clear().ok());
  REQUIRE(catalog->Count().value() == 0);
  REQUIRE(catalog->FindTenant("t").Is(Errc::kNotFound));
  REQUIRE(catalog->Intents().value().size() == 2);
}

TEST_CASE("catalog: an empty or absent one is no new one where stores exist", "[daemon][store]") {
  test::TempDir dir;
  const std::string path = dir / "catalog.db";
  REQUIRE(Catalog::Open(path, "", false).Is(Errc::kCorruption));
  REQUIRE_FALSE(std::filesystem::exists(path));
  Connection::Open(path, Connection::Mode::kCreate, "").value().Run("VACUUM").value();
  REQUIRE(Catalog::Open(path, "", false).Is(Errc::kCorruption));
  REQUIRE(Catalog::Open(path, "", true).ok());
}

// The file was written by the first version there was, and is never written anew.
TEST_CASE("catalog: one of format 1 is read, and brought up to date once", "[daemon][store]") {
  test::TempDir dir;
  std::filesystem::copy_file(
      std::filesystem::path(PANNIER_SOURCE_DIR) / "tests/daemon/store/fixtures/catalog-format-1.db",
      dir / "catalog.db");
  for (int opened = 0; opened < 2; ++opened) {
    const auto catalog = Open(dir, /*may_be_new=*/false);
    REQUIRE(catalog->FindTenant("acme").ok());
    const CatalogEntry docs = catalog->Find("acme", "docs").value();
    REQUIRE(docs.database.ToString() == "9d2b6c1e-3f44-4f0a-8b7e-6a1c5d4e3f02");
    REQUIRE(docs.store.ToString() == "c3a9e8d7-1b2c-4d5e-8f90-a1b2c3d4e503");
    REQUIRE(catalog->Find("default_tenant", "default_database").value().database.IsNil());
    REQUIRE(catalog->Count().value() == 2);
    REQUIRE(catalog->Intents().value().size() == 1);
    REQUIRE(catalog->Quarantined().value().empty());
    REQUIRE(catalog->Damages().value().empty());
    REQUIRE(catalog->SetLeftovers({{"x", "y", FromNanoseconds(opened)}}).ok());
    REQUIRE(catalog->Leftovers().value().at(0).since == FromNanoseconds(opened));
    Connection look = Connection::Open(dir / "catalog.db", Connection::Mode::kReadOnly, "").value();
    REQUIRE(look.QueryInt("PRAGMA user_version").value() == CatalogFile::kFormat);
  }
}

// Written by the last version of that format.
TEST_CASE("catalog: one of format 2 is read, and its databases belong to no session",
          "[daemon][store]") {
  test::TempDir dir;
  std::filesystem::copy_file(
      std::filesystem::path(PANNIER_SOURCE_DIR) / "tests/daemon/store/fixtures/catalog-format-2.db",
      dir / "catalog.db");
  for (int opened = 0; opened < 2; ++opened) {
    const auto catalog = Open(dir, /*may_be_new=*/false);
    const CatalogEntry docs = catalog->Find("acme", "docs").value();
    REQUIRE(docs.database.ToString() == "1ce7c46f-3658-4b11-bb69-5d577891fbaf");
    REQUIRE_FALSE(docs.session.has_value());
    REQUIRE(docs.idle_seconds.has_value() == (opened == 1));
    REQUIRE(catalog->Sessions().value().empty());
    REQUIRE(catalog->LostSessions().value().empty());
    REQUIRE(catalog->SetIdle("acme", "docs", 60).ok());
  }
}

TEST_CASE("catalog: a temporary database keeps its session through an exchange, and goes alone",
          "[daemon][store]") {
  test::TempDir dir;
  SessionRow session;
  session.uid = Uuid::Random();
  session.owner = "uid:7";
  session.id = "tab-1";
  session.timeout = std::chrono::seconds(300);
  session.cleanup_on_exit = true;
  session.created = FromNanoseconds(1'700'000'000'123'456'789);
  CatalogEntry entry = Entry("t", "db");
  entry.session = session.uid;
  const Uuid fresh = Uuid::Random();
  {
    const auto catalog = Open(dir);
    REQUIRE(catalog->Insert(Entry("t", "stays"), true).ok());
    REQUIRE(catalog->Insert(entry).ok());
    REQUIRE(catalog->LostSessions().value() == std::vector<Uuid>{session.uid});
    REQUIRE(catalog->NoteSession(session).ok());
    REQUIRE(catalog->NoteSession(session).ok());
    session.timeout = std::chrono::seconds(600);
    REQUIRE(catalog->ChangeSession(session).ok());
    REQUIRE(catalog->LostSessions().value().empty());
    REQUIRE(catalog->IntendStore(fresh).ok());
    QuarantineRow old;
    old.store = entry.store;
    REQUIRE(catalog->Exchange(entry, fresh, old, {}).ok());
  }
  const auto catalog = Open(dir, /*may_be_new=*/false);
  const auto rows = catalog->Sessions().value();
  REQUIRE(rows.size() == 1);
  REQUIRE(rows[0].id == "tab-1");
  REQUIRE(rows[0].owner == "uid:7");
  REQUIRE(rows[0].timeout == session.timeout);
  REQUIRE(rows[0].cleanup_on_exit);
  REQUIRE(rows[0].created == session.created);
  const auto temporary = catalog->TemporaryOf(session.uid).value();
  REQUIRE(temporary.size() == 1);
  REQUIRE(temporary[0].store == fresh);
  REQUIRE(catalog->Remove(temporary[0]).ok());
  REQUIRE(catalog->ForgetSession(session.uid).ok());
  REQUIRE(catalog->ChangeSession(session).ok());  // by somebody who did not know yet
  REQUIRE(catalog->Sessions().value().empty());
  REQUIRE(catalog->Count().value() == 1);
}

// Fails the n-th call of the disk, SQLite's included, and cuts the power.
TEST_CASE("catalog: bringing it up to date may be cut short anywhere", "[daemon][store][fault]") {
  bool met_fault = true;
  for (int n = 1; met_fault; ++n) {
    CAPTURE(n);
    REQUIRE(n < 1'000);
    test::FaultyFileSystem files;
    test::FaultyVfs vfs(files);
    const std::string path = (files.root() / "catalog.db").string();
    std::filesystem::copy_file(std::filesystem::path(PANNIER_SOURCE_DIR) /
                                   "tests/daemon/store/fixtures/catalog-format-1.db",
                               path);
    REQUIRE(files.SyncDirectory(files.root()).ok());
    ConfigureSqlite();
    files.FailFrom(n);
    { const auto first = Catalog::Open(path, vfs.name(), false); }
    met_fault = files.Faulted();
    files.FailFrom(1);
    files.Crash();
    files.Heal();
    const auto second = Catalog::Open(path, vfs.name(), false);
    if (!second.ok()) FAIL(second.error().what);
    REQUIRE((*second)->Count().value() == 2);
    REQUIRE((*second)->Quarantined().value().empty());
  }
}

TEST_CASE("catalog: what is in quarantine keeps all it was", "[daemon][store]") {
  test::TempDir dir;
  QuarantineRow row;
  row.store = Uuid::Random();
  row.tenant = "t";
  row.name = "db";
  row.database = Uuid::Random();
  row.why = "restore";
  row.since = FromNanoseconds(1'700'000'000'123'456'789);
  row.path = "quarantine/x";
  row.origin = DataDirectory::StoreAt(row.store);
  {
    const auto catalog = Open(dir);
    REQUIRE(catalog->Quarantine(row).ok());
    REQUIRE_FALSE(catalog->Quarantine(row).ok());
    QuarantineRow expiring = row;
    expiring.store = Uuid::Random();
    expiring.expires = row.since + std::chrono::hours(1);
    expiring.since += std::chrono::seconds(1);
    REQUIRE(catalog->Quarantine(expiring).ok());
  }
  const auto catalog = Open(dir);
  const auto rows = catalog->Quarantined().value();
  REQUIRE(rows.size() == 2);
  REQUIRE(rows[0].store == row.store);
  REQUIRE(rows[0].database == row.database);
  REQUIRE(rows[0].since == row.since);
  REQUIRE_FALSE(rows[0].expires.has_value());
  REQUIRE(rows[1].expires == row.since + std::chrono::hours(1));
  REQUIRE(rows[0].origin == row.origin);
  REQUIRE(catalog->Doom(row.store).ok());
  REQUIRE(catalog->FindQuarantined(row.store).Is(Errc::kNotFound));
  REQUIRE(catalog->Quarantined().value().at(0).doomed);
  REQUIRE(catalog->ForgetQuarantined(row.store).ok());
  REQUIRE(catalog->Quarantined().value().size() == 1);
}

TEST_CASE("catalog: an exchange is whole or not at all", "[daemon][store]") {
  test::TempDir dir;
  const auto catalog = Open(dir);
  const CatalogEntry entry = Entry("t", "db");
  REQUIRE(catalog->Insert(entry, true).ok());
  REQUIRE(catalog->SetDamage({{"t", "db"}, "bad"}).ok());
  REQUIRE(catalog->SetDamage({{"t", "absent"}, "bad"}).ok());
  REQUIRE(catalog->Damages().value().size() == 1);
  const Uuid fresh = Uuid::Random();
  REQUIRE(catalog->IntendStore(fresh).ok());
  QuarantineRow old;
  old.store = entry.store;
  REQUIRE(catalog->Exchange(Entry("t", "db"), fresh, old, {}).Is(Errc::kNotFound));
  REQUIRE(catalog->Intents().value().size() == 1);
  REQUIRE(catalog->Exchange(entry, fresh, old, {}).ok());
  REQUIRE(catalog->Find("t", "db").value().store == fresh);
  REQUIRE(catalog->Find("t", "db").value().database == entry.database);
  REQUIRE(catalog->Intents().value().empty());
  REQUIRE(catalog->Damages().value().empty());
  REQUIRE(catalog->Quarantined().value().at(0).store == entry.store);
}

TEST_CASE("catalog: another program's file and a newer format are refused", "[daemon][store]") {
  test::TempDir dir;
  ConfigureSqlite();
  {
    Connection foreign =
        Connection::Open(dir / "foreign.db", Connection::Mode::kCreate, "").value();
    foreign.Run("CREATE TABLE t (a)").value();
  }
  REQUIRE(Catalog::Open(dir / "foreign.db", "", true).Is(Errc::kCorruption));
  Open(dir);
  Connection::Open(dir / "catalog.db", Connection::Mode::kReadWrite, "")
      .value()
      .Run("PRAGMA user_version = " + std::to_string(CatalogFile::kFormat + 1))
      .value();
  const auto refused = Catalog::Open(dir / "catalog.db", "", true);
  REQUIRE(refused.Is(Errc::kUnimplemented));
  REQUIRE_THAT(refused.error().what, Catch::Contains("newer"));
  std::ofstream(dir / "garbage.db") << std::string(10'000, 'g');
  const auto garbage = Catalog::Open(dir / "garbage.db", "", true);
  REQUIRE(garbage.Is(Errc::kCorruption));
  REQUIRE_THAT(garbage.error().hint, Catch::Contains("restore catalog.db"));
}

}  // namespace
}  // namespace pannier::store

// Goal: the catalog is the one list of databases, and its intents name exactly the folders that
// nobody may find.
#include "daemon/store/catalog.h"

#include <catch2/catch.hpp>
#include <filesystem>

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
      .Run("PRAGMA user_version = 3")
      .value();
  const auto refused = Catalog::Open(dir / "catalog.db", "", true);
  REQUIRE(refused.Is(Errc::kInvalidArgument));
  REQUIRE_THAT(refused.error().what, Catch::Contains("newer"));
}

}  // namespace
}  // namespace pannier::store

// Goal: a collection's row holds all that a collection is, and numbers are never used twice.
#include "daemon/store/collection_table.h"

#include <catch2/catch.hpp>

#include "daemon/store/hnsw_text.h"
#include "daemon/store/store_file.h"
#include "tests/daemon/store/fixture.h"

namespace pannier::store {
namespace {

struct CollectionsFixture {
  LoneStore store;
  Connection connection = OpenStoreWriter(store.file(), "").value();
  CollectionTable table{connection};
};

model::Collection Full(const std::string& name) {
  model::Collection collection;
  collection.id = Uuid::Random();
  collection.name = name;
  collection.metadata = R"({"a":1})";
  collection.hnsw = {model::Space::kCosine, 1, 2, 3, 4, 5, 6, 1.1};
  collection.configuration = "{\"c\":1}";
  collection.schema = "{\"s\":1}";
  collection.dimension = 384;
  return collection;
}

TEST_CASE("collection table: a collection comes back whole", "[daemon][store]") {
  CollectionsFixture fixture;
  model::Collection full = Full("full");
  model::Collection bare = Full("bare");
  bare.metadata.reset();
  bare.dimension.reset();
  full.number = fixture.table.Insert(full).value();
  bare.number = fixture.table.Insert(bare).value();
  REQUIRE(full.number != bare.number);
  bare.name = "renamed";
  bare.dimension = 2;
  REQUIRE(fixture.table.Update(bare).ok());
  const auto loaded = fixture.table.Load().value();
  REQUIRE(loaded.size() == 2);
  for (const model::Collection& read : loaded) {
    const model::Collection& written = read.number == full.number ? full : bare;
    REQUIRE(read.number == written.number);
    REQUIRE(read.id == written.id);
    REQUIRE(read.name == written.name);
    REQUIRE(read.metadata == written.metadata);
    REQUIRE(read.hnsw == written.hnsw);
    REQUIRE(read.configuration == written.configuration);
    REQUIRE(read.schema == written.schema);
    REQUIRE(read.dimension == written.dimension);
  }
}

TEST_CASE("collection table: the number of a removed collection never comes back",
          "[daemon][store]") {
  CollectionsFixture fixture;
  const uint32_t first = fixture.table.Insert(Full("a")).value();
  REQUIRE(fixture.table.Remove(first).ok());
  REQUIRE(fixture.table.Load().value().empty());
  REQUIRE(fixture.table.ReadCounters(first).Is(Errc::kNotFound));
  REQUIRE(fixture.table.Insert(Full("a")).value() > first);
}

TEST_CASE("collection table: counters and the sequence are kept", "[daemon][store]") {
  CollectionsFixture fixture;
  const uint32_t number = fixture.table.Insert(Full("a")).value();
  REQUIRE(fixture.table.WriteCounters(number, {5, 9}).ok());
  REQUIRE(fixture.table.ReadCounters(number).value().records == 5);
  REQUIRE(fixture.table.ReadCounters(number).value().last_record == 9);
  REQUIRE(fixture.table.ReadSequence().value() == 0);
  REQUIRE(fixture.table.WriteSequence(1ull << 40).ok());
  REQUIRE(fixture.table.ReadSequence().value() == 1ull << 40);
}

TEST_CASE("collection table: damaged rows are corruption", "[daemon][store]") {
  const std::string damage =
      GENERATE("id = 'no uuid'", "hnsw = 'space=l3'", "hnsw = 'space'", "hnsw = 'who=1'");
  CollectionsFixture fixture;
  REQUIRE(fixture.table.Insert(Full("a")).ok());
  REQUIRE(fixture.connection.Run("UPDATE collections SET " + damage).ok());
  REQUIRE(fixture.table.Load().Is(Errc::kCorruption));
}

TEST_CASE("hnsw text: parameters come back as they went in", "[daemon][store]") {
  for (const auto space : {model::Space::kL2, model::Space::kCosine, model::Space::kIp}) {
    const model::HnswParameters parameters{space, 4'000'000'000u, 2, 3, 4, 5, 6, 1.0 / 3};
    REQUIRE(ParseHnsw(FormatHnsw(parameters)).value() == parameters);
  }
  REQUIRE(ParseHnsw("ef_search=-1").Is(Errc::kCorruption));
  REQUIRE(ParseHnsw("ef_search=1x").Is(Errc::kCorruption));
  REQUIRE(ParseHnsw("ef_search=99999999999").Is(Errc::kCorruption));
}

TEST_CASE("store file: foreign, newer and damaged ones are refused", "[daemon][store]") {
  LoneStore store;
  const auto change = [&](const std::string& sql) {
    Connection::Open(store.file(), Connection::Mode::kReadWrite, "").value().Run(sql).value();
  };
  REQUIRE(OpenStoreWriter(store.file(), "").ok());
  change("PRAGMA user_version = " + std::to_string(kStoreFormat + 1));
  const auto newer = OpenStoreWriter(store.file(), "");
  REQUIRE(newer.Is(Errc::kInvalidArgument));
  REQUIRE_THAT(newer.error().what, Catch::Contains("newer"));
  change("PRAGMA user_version = 1; PRAGMA application_id = 7");
  REQUIRE(OpenStoreWriter(store.file(), "").Is(Errc::kCorruption));
}

TEST_CASE("store file: one without its own counters is damaged, not empty", "[daemon][store]") {
  const std::string gone = GENERATE("collection = 0", "collection > 0");
  LoneStore store;
  REQUIRE(store.Open()->CreateCollection(Collection("c"), Patient()).ok());
  {
    Connection other = Connection::Open(store.file(), Connection::Mode::kReadWrite, "").value();
    REQUIRE(other.Run("DELETE FROM counters WHERE " + gone).ok());
  }
  const std::string folder = std::filesystem::path(store.file()).parent_path();
  REQUIRE(SqliteStore::Open(folder, {}, store.host, file::RealFileSystem()).Is(Errc::kCorruption));
}

}  // namespace
}  // namespace pannier::store

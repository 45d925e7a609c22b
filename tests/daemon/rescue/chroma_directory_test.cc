// Goal: records, queue entries and vectors of a directory come together as Chroma would have it.
// Method: directories with Chroma's tables, made here; directories of the real server are the
// matter of tests/rescue.
#include "daemon/rescue/chroma_directory.h"

#include <catch2/catch.hpp>
#include <fstream>
#include <map>

#include "daemon/store/offline_store.h"
#include "daemon/store/sqlite.h"
#include "tests/support/temp_dir.h"

namespace pannier::rescue {
namespace {

using store::Connection;
using test::TempDir;

constexpr const char* kTables =
    "CREATE TABLE migrations (dir TEXT, version INTEGER);"
    "INSERT INTO migrations VALUES ('sysdb', 10), ('metadb', 6), ('embeddings_queue', 2);"
    "CREATE TABLE databases (id TEXT PRIMARY KEY, name TEXT, tenant_id TEXT);"
    "CREATE TABLE collections (id TEXT PRIMARY KEY, name TEXT, dimension INTEGER, database_id "
    "TEXT, config_json_str TEXT, schema_str TEXT);"
    "CREATE TABLE collection_metadata (collection_id TEXT, key TEXT, str_value TEXT, int_value "
    "INTEGER, float_value REAL, bool_value INTEGER);"
    "CREATE TABLE segments (id TEXT PRIMARY KEY, type TEXT, scope TEXT, collection TEXT);"
    "CREATE TABLE max_seq_id (segment_id TEXT PRIMARY KEY, seq_id INTEGER);"
    "CREATE TABLE embeddings (id INTEGER PRIMARY KEY, segment_id TEXT, embedding_id TEXT, seq_id "
    "BLOB, UNIQUE (segment_id, embedding_id));"
    "CREATE TABLE embedding_metadata (id INTEGER, key TEXT, string_value TEXT, int_value INTEGER, "
    "float_value REAL, bool_value INTEGER, PRIMARY KEY (id, key));"
    "CREATE TABLE embeddings_queue (seq_id INTEGER PRIMARY KEY, operation INTEGER, topic TEXT, id "
    "TEXT, vector BLOB, encoding TEXT, metadata TEXT);";
constexpr const char* kCollection =
    "INSERT INTO databases VALUES ('d', 'docs', 'acme');"
    "INSERT INTO collections VALUES ('11111111-2222-3333-4444-555555555555', 'notes', 2, 'd', "
    "'{\"vector_index\":{\"hnsw\":{\"space\":\"ip\",\"M\":24}}}', NULL);"
    "INSERT INTO segments VALUES ('v', '', 'VECTOR', '11111111-2222-3333-4444-555555555555'), "
    "('m', '', 'METADATA', '11111111-2222-3333-4444-555555555555');"
    "INSERT INTO max_seq_id VALUES ('m', 2);"
    "INSERT INTO embeddings VALUES (1, 'm', 'a', 1), (2, 'm', 'b', 2);"
    "INSERT INTO embedding_metadata VALUES (1, 'chroma:document', 'first', NULL, NULL, NULL), "
    "(1, 'n', NULL, 7, NULL, NULL), (2, 'f', NULL, NULL, 0.5, NULL);";
constexpr const char* kTopic =
    "'persistent://default/default/11111111-2222-3333-4444-555555555555'";

struct World {
  TempDir dir;
  file::Path data() const { return dir.path() / "data"; }
  file::Path target() const { return dir.path() / "target"; }

  explicit World(const std::string& sql) {
    std::filesystem::create_directory(data());
    std::filesystem::create_directory(target());
    store::ConfigureSqlite();
    Connection made =
        Connection::Open((data() / "chroma.sqlite3").string(), Connection::Mode::kCreate, "")
            .value();
    made.Run(sql).value();
  }
  Result<RescueReport> Rescue() {
    return RescueChromaDirectory(data().string(), target().string(), file::RealFileSystem(),
                                 nullptr);
  }
};

struct Found {
  std::string document, metadata;
  std::vector<float> vector;
};

std::map<std::string, Found> RecordsOf(const RescuedDatabase& database) {
  const auto store =
      store::OpenOfflineStore(database.folder, store::StoreOptions(), file::RealFileSystem())
          .value();
  std::map<std::string, Found> found;
  model::GetRequest request;
  request.include = {true, true, true, true, false};
  const auto take = [&](uint32_t, const model::RecordView& record, float) -> Status {
    found[std::string(record.id)] = {std::string(record.document.value_or("")),
                                     std::string(record.metadata.value_or("")),
                                     {record.vector.begin(), record.vector.end()}};
    return {};
  };
  const store::CallContext call{SteadyTime::max()};
  for (const auto& collection : store->ListCollections(std::nullopt, 0))
    store->Get(collection->id, request, take, call).value();
  return found;
}

std::string Entry(int sequence, int operation, const char* id, const char* vector,
                  const char* metadata) {
  return "INSERT INTO embeddings_queue VALUES (" + std::to_string(sequence) + ", " +
         std::to_string(operation) + ", " + kTopic + ", '" + id + "', " + vector +
         ", 'FLOAT32', '" + metadata + "');";
}
constexpr const char* kOnes = "x'0000803f0000803f'";    // 1, 1
constexpr const char* kHalves = "x'0000003f0000003f'";  // 0.5, 0.5

TEST_CASE("rescue: names, ids and index parameters are kept", "[daemon][rescue]") {
  World world(std::string(kTables) + kCollection);
  const RescueReport report = world.Rescue().value();
  REQUIRE(report.databases.size() == 1);
  REQUIRE((report.databases[0].tenant == "acme" && report.databases[0].database == "docs"));
  const RescuedCollection& collection = report.databases[0].collections.at(0);
  REQUIRE(collection.id == "11111111-2222-3333-4444-555555555555");
  REQUIRE(collection.records == 2);
  REQUIRE(collection.without_vector == 2);
  const auto store = store::OpenOfflineStore(report.databases[0].folder, store::StoreOptions(),
                                             file::RealFileSystem())
                         .value();
  const auto notes = store->FindCollection("notes");
  REQUIRE(notes != nullptr);
  REQUIRE(notes->hnsw.space == model::Space::kIp);
  REQUIRE(notes->hnsw.max_neighbors == 24);
  REQUIRE_FALSE(std::filesystem::exists(world.target() / "scratch"));
}

TEST_CASE("rescue: the queue brings vectors, and what was not done yet is done",
          "[daemon][rescue]") {
  World world(std::string(kTables) + kCollection + Entry(1, 0, "a", kOnes, "{}") +
              Entry(2, 0, "b", kHalves, "{}") + Entry(3, 0, "a", kHalves, R"({"n":9})") +
              Entry(4, 1, "a", "NULL", R"({"n":null,"list":[1,2.5]})") +
              Entry(5, 3, "b", "NULL", "") +
              Entry(6, 2, "c", kHalves, R"({"chroma:document":"third"})"));
  const RescueReport report = world.Rescue().value();
  const auto found = RecordsOf(report.databases.at(0));
  REQUIRE(found.size() == 2);
  REQUIRE(found.at("a").vector == std::vector<float>{1, 1});
  REQUIRE(found.at("a").document == "first");
  REQUIRE(found.at("a").metadata == R"({"list":[1.0,2.5]})");
  REQUIRE(found.at("c").document == "third");
  REQUIRE(report.databases[0].collections[0].without_vector == 0);
}

TEST_CASE("rescue: an add of an id that existed brings nothing", "[daemon][rescue]") {
  // The row's last change is entry 2; the add of entry 5 has been taken in and did nothing.
  World world(std::string(kTables) + kCollection + Entry(5, 0, "b", kOnes, "{}") +
              "UPDATE max_seq_id SET seq_id = 5;");
  const RescueReport report = world.Rescue().value();
  REQUIRE(RecordsOf(report.databases.at(0)).at("b").vector.empty());
  REQUIRE(report.databases[0].collections[0].without_vector == 2);
}

TEST_CASE("rescue: entries and values that are no such thing are told, and cost nothing else",
          "[daemon][rescue]") {
  World world(std::string(kTables) + kCollection + Entry(3, 0, "short", "x'00'", "{}") +
              Entry(4, 0, "nan", "x'0000c07f0000c07f'", "{}") + Entry(5, 9, "odd", kOnes, "{}") +
              Entry(6, 0, "text", kOnes, "no json") + Entry(7, 0, "fine", kOnes, "{}") +
              Entry(8, 0, "wide", "x'0000803f0000803f0000803f'", "{}"));
  const RescueReport report = world.Rescue().value();
  const auto found = RecordsOf(report.databases.at(0));
  REQUIRE(found.size() == 7);
  REQUIRE(found.at("fine").vector == std::vector<float>{1, 1});
  REQUIRE(found.at("text").vector == std::vector<float>{1, 1});
  for (const char* bare : {"short", "nan", "wide"}) REQUIRE(found.at(bare).vector.empty());
  const RescuedCollection& collection = report.databases[0].collections[0];
  REQUIRE(collection.without_vector == 5);
  REQUIRE(collection.incomplete == 1);
}

TEST_CASE("rescue: directories of other programs and of unknown versions are refused",
          "[daemon][rescue]") {
  World foreign("CREATE TABLE t(x);");
  REQUIRE(foreign.Rescue().Is(Errc::kInvalidArgument));
  World old(std::string(kTables) + "UPDATE migrations SET version = 3 WHERE dir = 'sysdb';");
  REQUIRE(old.Rescue().Is(Errc::kInvalidArgument));
  World newer(std::string(kTables) + "UPDATE migrations SET version = 99;");
  REQUIRE(newer.Rescue().Is(Errc::kInvalidArgument));
  World empty("SELECT 1;");
  std::filesystem::remove(empty.data() / "chroma.sqlite3");
  REQUIRE(empty.Rescue().Is(Errc::kNotFound));
  std::ofstream(empty.data() / "chroma.sqlite3") << "not a database, but long enough to look at";
  std::filesystem::remove_all(empty.target() / "scratch");
  REQUIRE_FALSE(empty.Rescue().ok());
}

TEST_CASE("rescue: a report survives its JSON", "[daemon][rescue]") {
  RescueReport report;
  report.messages = {"one \"two\""};
  report.databases.push_back({"t", "d", "/f", {}});
  report.databases[0].collections.push_back({"c", "id", 5, 4, 3, 2, {"m"}});
  const RescueReport back = ParseReport(ToJson(report)).value();
  REQUIRE(ToJson(back) == ToJson(report));
  REQUIRE(ParseReport("{}").Is(Errc::kCorruption));
}

}  // namespace
}  // namespace pannier::rescue

// Goal: the check finds every kind of disagreement within a store, names it, and changes nothing.
#include "daemon/store/store_check.h"

#include <catch2/catch.hpp>
#include <filesystem>
#include <fstream>

#include "daemon/store/store_file.h"
#include "tests/daemon/store/fixture.h"

namespace pannier::store {
namespace {

namespace fs = std::filesystem;

// Two collections, the larger with three records.
class Checked {
 public:
  Checked() {
    const auto store = lone_.Open();
    const auto made = store->CreateCollection(Collection("docs"), Patient()).value();
    id_ = made->id.ToString();
    store->CreateCollection(Collection("empty"), Patient()).value();
    for (const char* id : {"a", "b", "c"}) {
      Record record;
      record.id = id;
      record.vector = {1, 2, 3};
      record.document = "text";
      record.metadata = model::ParseStoredMetadata(R"({"k":1})").value();
      Write(*store, made->id, model::WriteKind::kAdd, {record}).value();
    }
  }
  const std::string& id() const { return id_; }
  std::string file() const { return lone_.file(); }
  // As somebody would who writes past us, but with checksums of pages.
  void Change(const std::string& sql) {
    Connection::Open(file(), Connection::Mode::kReadWrite, "").value().Run(sql).value();
  }
  CheckReport Check(CheckLevel level = CheckLevel::kFull) {
    return CheckStoreFile(fs::path(file()).parent_path(), level, "", nullptr).value();
  }

 private:
  LoneStore lone_;
  std::string id_;
};

TEST_CASE("store check: a sound store is sound, and nothing is left beside it", "[daemon][store]") {
  const auto level = GENERATE(CheckLevel::kQuick, CheckLevel::kFull);
  Checked checked;
  const auto before = fs::last_write_time(checked.file());
  const CheckReport report = checked.Check(level);
  REQUIRE(report.sound);
  REQUIRE(report.collections == 2);
  REQUIRE(report.records == 3);
  REQUIRE(report.sequence == 5);
  REQUIRE(report.bytes == fs::file_size(checked.file()));
  REQUIRE(fs::last_write_time(checked.file()) == before);
  REQUIRE_FALSE(fs::exists(checked.file() + "-wal"));
}

TEST_CASE("store check: each disagreement is named", "[daemon][store][fault]") {
  struct Case {
    const char* sql;
    const char* what;
  };
  const auto disagreement = GENERATE(values<Case>({
      {"UPDATE records_1 SET document = 'other' WHERE id = 'b'", "damaged"},
      {"UPDATE records_1 SET vector = zeroblob(12) WHERE id = 'b'", "vector"},
      {"UPDATE counters SET records = 4 WHERE collection = 1", "counts 4"},
      {"UPDATE counters SET last_record = 2 WHERE collection = 1", "highest"},
      {"DELETE FROM counters WHERE collection = 2", "counters"},
      {"DELETE FROM counters WHERE collection = 0", "counters"},
      {"DROP TABLE records_2", "records_2"},
      {"DELETE FROM collections WHERE number = 2", "no collection"},
      {"UPDATE collections SET dimension = 7 WHERE number = 1", "dimension"},
      {"UPDATE collections SET hnsw = 'space=moon' WHERE number = 1", ""},
      {"DROP INDEX records_1_id", "records_1_id"},
      {"PRAGMA application_id = 1", "not a store"},
  }));
  CAPTURE(disagreement.sql);
  Checked checked;
  checked.Change(disagreement.sql);
  const CheckReport report = checked.Check();
  REQUIRE_FALSE(report.sound);
  REQUIRE(report.damage_total >= 1);
  REQUIRE_THAT(report.damage.front().what, Catch::Contains(disagreement.what));
}

TEST_CASE("store check: a damaged record is named by its id", "[daemon][store][fault]") {
  Checked checked;
  checked.Change("UPDATE records_1 SET document = 'other' WHERE id = 'b'");
  const CheckReport report = checked.Check();
  REQUIRE(report.damage_total == 1);
  REQUIRE(report.damage.front().collection == checked.id());
  REQUIRE(report.damage.front().id == "b");
  REQUIRE(report.damage.front().record == 2);
}

TEST_CASE("store check: what its threads find of a large collection adds up, in order",
          "[daemon][store][fault]") {
  constexpr uint32_t kRecords = 40'000;  // three parts
  LoneStore lone;
  {
    const auto store = lone.Open();
    const auto made = store->CreateCollection(Collection("docs"), Patient()).value();
    std::vector<Record> records(kRecords);
    for (uint32_t i = 0; i < kRecords; ++i) records[i].id = "record-" + std::to_string(i);
    Write(*store, made->id, model::WriteKind::kAdd, records).value();
  }
  const auto change = [&](const std::string& sql) {
    Connection::Open(lone.file(), Connection::Mode::kReadWrite, "").value().Run(sql).value();
  };
  const auto check = [&] {
    return CheckStoreFile(fs::path(lone.file()).parent_path(), CheckLevel::kFull, "", nullptr)
        .value();
  };
  REQUIRE(check().sound);
  REQUIRE(check().records == kRecords);

  change("UPDATE records_1 SET document = 'other' WHERE record IN (39999, 20000, 5)");
  const CheckReport damaged = check();
  REQUIRE(damaged.damage_total == 3);
  REQUIRE(damaged.damage[0].record == 5);
  REQUIRE(damaged.damage[1].record == 20'000);
  REQUIRE(damaged.damage[2].record == 39'999);

  change("DELETE FROM records_1 WHERE record IN (39999, 20000, 5)");
  const CheckReport fewer = check();
  REQUIRE(fewer.damage_total == 1);
  REQUIRE_THAT(fewer.damage[0].what, Catch::Contains("holds 39997 records, and counts 40000"));

  change("UPDATE counters SET records = 39997 WHERE collection = 1");
  REQUIRE(check().sound);
  change("UPDATE records_1 SET record = 5 WHERE record = 30000");
  REQUIRE_FALSE(check().sound);
}

TEST_CASE("store check: a flip in any page is found by the quick one", "[daemon][store][fault]") {
  Checked checked;
  const uint64_t pages = fs::file_size(checked.file()) / kStorePageBytes;
  for (uint64_t page = 0; page < pages; ++page) {
    std::fstream file(checked.file(), std::ios::in | std::ios::out | std::ios::binary);
    const auto at = static_cast<std::streamoff>(page * kStorePageBytes + 12'345);
    file.seekg(at);
    const auto byte = static_cast<char>(file.get() ^ 16);
    file.seekp(at);
    file.put(byte).flush();
    CAPTURE(page);
    REQUIRE_FALSE(checked.Check(CheckLevel::kQuick).sound);
    file.seekp(at);
    file.put(static_cast<char>(byte ^ 16)).flush();
  }
  REQUIRE(checked.Check(CheckLevel::kQuick).sound);
}

TEST_CASE("store check: a missing file is not found, a newer format refused, and it can be stopped",
          "[daemon][store]") {
  REQUIRE(CheckStoreFile("/no/such/folder", CheckLevel::kQuick, "", nullptr).Is(Errc::kNotFound));
  Checked checked;
  const std::string folder = fs::path(checked.file()).parent_path();
  const auto stop = [](uint64_t, uint64_t) { return false; };
  REQUIRE(CheckStoreFile(folder, CheckLevel::kFull, "", stop).Is(Errc::kDeadlineExceeded));
  checked.Change("PRAGMA user_version = " + std::to_string(kStoreFormat + 1));
  REQUIRE(CheckStoreFile(folder, CheckLevel::kFull, "", nullptr).Is(Errc::kInvalidArgument));
}

}  // namespace
}  // namespace pannier::store

// Goal: a row comes back bit for bit, or as corruption; never anything else.
// Method: change stored values through another connection, and single bits in the file itself.
#include "daemon/store/record_table.h"

#include <catch2/catch.hpp>
#include <fstream>
#include <iterator>

#include "daemon/store/store_file.h"
#include "tests/daemon/store/fixture.h"

namespace pannier::store {
namespace {

const std::vector<float> kVector = {1.5f, -2.25f, 3e-38f, 0.0f};

Row FullRow(RecordNumber number, std::string_view id) {
  Row row;
  row.number = number;
  row.id = id;
  row.metadata = R"({"k":1})";
  row.uri = "file:///uri";
  row.document = "some document";
  row.vector = kVector;
  return row;
}

struct TableFixture {
  TableFixture() { RecordTable::Create(connection, 1).value(); }
  LoneStore store;
  Connection connection = OpenStoreWriter(store.file(), "").value();
  RecordTable table{connection, 1};
};

Status Read(RecordTable& table, RecordNumber number, Columns columns) {
  TRY(table.Fetch(number, columns, [](const Row&) -> Status { return {}; }));
  return {};
}

TEST_CASE("record table: a row comes back as it was written, in every choice of columns",
          "[daemon][store]") {
  TableFixture fixture;
  const Row written = FullRow(3, std::string_view("id\0x", 4));
  REQUIRE(fixture.table.Insert(written).value());
  REQUIRE(fixture.table.Find(written.id).value() == std::optional<RecordNumber>(3));
  REQUIRE(fixture.table.Find("id").value() == std::nullopt);
  const Columns columns = GENERATE(Columns::kAll, Columns::kAllButVector, Columns::kVectorOnly);
  int visits = 0;
  const bool found =
      fixture.table
          .Fetch(3, columns,
                 [&](const Row& row) -> Status {
                   ++visits;
                   if (columns != Columns::kVectorOnly) {
                     REQUIRE(row.id == written.id);
                     REQUIRE(row.metadata == written.metadata);
                     REQUIRE(row.uri == written.uri);
                     REQUIRE(row.document == written.document);
                   }
                   const bool vector = columns != Columns::kAllButVector;
                   REQUIRE(row.vector.size() == (vector ? kVector.size() : 0));
                   REQUIRE(std::equal(row.vector.begin(), row.vector.end(), kVector.begin()));
                   return {};
                 })
          .value();
  REQUIRE(found);
  REQUIRE(visits == 1);
  REQUIRE_FALSE(fixture.table.Fetch(4, columns, [](const Row&) -> Status { return {}; }).value());
}

TEST_CASE("record table: nothing and the empty text stay apart", "[daemon][store]") {
  TableFixture fixture;
  Row row;
  row.number = 1;
  row.id = "bare";
  REQUIRE(fixture.table.Insert(row).value());
  row.number = 2;
  row.id = "empty";
  row.document = "";
  row.uri = "";
  REQUIRE(fixture.table.Insert(row).value());
  std::vector<bool> with_document;
  REQUIRE(fixture.table
              .Scan(Columns::kAll, INT64_MAX, 0,
                    [&](const Row& seen) -> Status {
                      with_document.push_back(seen.document.has_value());
                      REQUIRE(seen.uri.has_value() == seen.document.has_value());
                      REQUIRE_FALSE(seen.metadata.has_value());
                      REQUIRE(seen.vector.empty());
                      return {};
                    })
              .ok());
  REQUIRE(with_document == std::vector<bool>{false, true});
}

TEST_CASE("record table: an id is taken once; a refused row changes nothing", "[daemon][store]") {
  TableFixture fixture;
  REQUIRE(fixture.table.Insert(FullRow(1, "a")).value());
  Row second = FullRow(2, "a");
  second.document = "other";
  REQUIRE_FALSE(fixture.table.Insert(second).value());
  REQUIRE(fixture.connection.QueryInt("SELECT count(*) FROM records_1").value() == 1);
  REQUIRE(fixture.table.Find("a").value() == std::optional<RecordNumber>(1));
}

TEST_CASE("record table: scans in ascending number with limit and offset", "[daemon][store]") {
  TableFixture fixture;
  for (const RecordNumber n : {5, 1, 3, 9}) {
    REQUIRE(fixture.table.Insert(FullRow(n, std::to_string(n))).value());
  }
  const auto scan = [&](uint64_t limit, uint64_t offset) {
    std::vector<RecordNumber> numbers;
    const Status scanned =
        fixture.table.Scan(Columns::kAllButVector, limit, offset, [&](const Row& row) -> Status {
          numbers.push_back(row.number);
          return {};
        });
    REQUIRE(scanned.ok());
    return numbers;
  };
  REQUIRE(scan(INT64_MAX, 0) == std::vector<RecordNumber>{1, 3, 5, 9});
  REQUIRE(scan(2, 1) == std::vector<RecordNumber>{3, 5});
  REQUIRE(scan(0, 0).empty());
  REQUIRE(scan(10, 4).empty());
}

TEST_CASE("record table: removing a record that is not there is corruption", "[daemon][store]") {
  TableFixture fixture;
  REQUIRE(fixture.table.Insert(FullRow(1, "a")).value());
  REQUIRE(fixture.table.Remove(1).ok());
  REQUIRE(fixture.table.Remove(1).Is(Errc::kCorruption));
}

TEST_CASE("record table: a visitor's error ends the scan and is what comes back",
          "[daemon][store]") {
  TableFixture fixture;
  REQUIRE(fixture.table.Insert(FullRow(1, "a")).value());
  REQUIRE(fixture.table.Insert(FullRow(2, "b")).value());
  int visits = 0;
  const auto stop = [&](const Row&) -> Status { return ++visits, Unavailable("enough"); };
  REQUIRE(fixture.table.Scan(Columns::kAll, 10, 0, stop).Is(Errc::kUnavailable));
  REQUIRE(visits == 1);
  REQUIRE(fixture.connection.Run("DROP TABLE records_1").ok());  // no statement is left open
}

TEST_CASE("record table: a changed value in any column is found when it is read",
          "[daemon][store][fault]") {
  struct Damage {
    const char* sql;
    bool text, vector;  // which of the two checksums sees it
  };
  const auto damage = GENERATE(values<Damage>({
      {"id = 'x'", true, false},
      {"id = CAST('a' || x'00' AS TEXT)", true, false},
      {"metadata = '{\"k\":2}'", true, false},
      {"metadata = NULL", true, false},
      {"uri = 'file:///urj'", true, false},
      {"uri = NULL", true, false},
      {"document = 'some dokument'", true, false},
      {"document = NULL", true, false},
      {"document = uri, uri = document", true, false},
      {"document = metadata, metadata = document", true, false},
      {"checksum = checksum + 1", true, false},
      {"vector_checksum = vector_checksum - 1", false, true},
      {"vector = NULL", false, true},
      {"vector = zeroblob(16)", false, true},
      {"vector = substr(vector, 1, 12)", false, true},
      {"vector = vector || x'00'", false, true},
      {"record = 2", true, true},
  }));
  CAPTURE(damage.sql);
  TableFixture fixture;
  REQUIRE(fixture.table.Insert(FullRow(1, "a")).value());
  {
    Connection other =
        Connection::Open(fixture.store.file(), Connection::Mode::kReadWrite, "").value();
    REQUIRE(other.Run(std::string("UPDATE records_1 SET ") + damage.sql).ok());
  }
  const auto scan = [&](Columns columns) {
    return fixture.table.Scan(columns, 10, 0, [](const Row&) -> Status { return {}; });
  };
  CHECK(scan(Columns::kAll).Is(Errc::kCorruption));
  CHECK(scan(Columns::kAllButVector).Is(Errc::kCorruption) == damage.text);
  CHECK(scan(Columns::kVectorOnly).Is(Errc::kCorruption) == damage.vector);
  CHECK((Read(fixture.table, 1, Columns::kAll).Is(Errc::kCorruption) ||
         fixture.table.Find("a").value() != std::optional<RecordNumber>(1) ||
         damage.sql == std::string("record = 2")));
}

TEST_CASE("record table: two rows that swapped their values are found", "[daemon][store][fault]") {
  const std::string column = GENERATE("vector", "document");
  TableFixture fixture;
  REQUIRE(fixture.table.Insert(FullRow(1, "a")).value());
  Row second = FullRow(2, "b");
  const std::vector<float> other_vector = {9, 9, 9, 9};
  second.vector = other_vector;
  second.document = "other";
  REQUIRE(fixture.table.Insert(second).value());
  const std::string checksum = column == "vector" ? "vector_checksum" : "checksum";
  REQUIRE(fixture.connection
              .Run("UPDATE records_1 SET (" + column + ", " + checksum + ") = (SELECT " + column +
                   ", " + checksum + " FROM records_1 AS r WHERE r.record = 2) WHERE record = 1")
              .ok());
  REQUIRE(Read(fixture.table, 1, Columns::kAll).Is(Errc::kCorruption));
  REQUIRE(Read(fixture.table, 2, Columns::kAll).ok());
}

std::string Slurp(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

// Every bit of the row's content as it lies in the file, one at a time: the reader says corruption
// (by checksum, or because SQLite itself notices), and never hands out something else.
TEST_CASE("record table: a flipped bit anywhere in a row's bytes is found",
          "[daemon][store][fault]") {
  LoneStore store;
  {
    Connection connection = OpenStoreWriter(store.file(), "").value();
    RecordTable::Create(connection, 1).value();
    REQUIRE(RecordTable(connection, 1).Insert(FullRow(1, "the-id")).value());
    REQUIRE(connection.Checkpoint(true).value());
  }
  const std::string good = Slurp(store.file());
  const size_t document = good.find("some document");
  const size_t id = good.rfind("the-id", document);
  const size_t begin = id - 16;  // both checksums, as SQLite stores 8-byte integers
  const size_t end =
      document + std::string("some document").size() + kVector.size() * sizeof(float);
  int found_by_us = 0;
  for (size_t bit = begin * 8; bit < end * 8; ++bit) {
    std::string bad = good;
    bad[bit / 8] = static_cast<char>(bad[bit / 8] ^ (1 << bit % 8));
    std::ofstream(store.file(), std::ios::binary | std::ios::trunc) << bad;
    Connection connection = OpenStoreReader(store.file(), "").value();
    const Status read = Read(*std::make_unique<RecordTable>(connection, 1), 1, Columns::kAll);
    CAPTURE(bit - begin * 8);
    REQUIRE(read.Is(Errc::kCorruption));
    ++found_by_us;
  }
  REQUIRE(found_by_us == static_cast<int>((end - begin) * 8));
}

}  // namespace
}  // namespace pannier::store

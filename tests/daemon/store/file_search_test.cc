// Goal: a search from the rows is exact, and ends soon when nobody waits for it any more.
#include "daemon/store/file_search.h"

#include <atomic>
#include <catch2/catch.hpp>

#include "daemon/store/store_file.h"
#include "tests/daemon/store/fixture.h"

namespace pannier::store {
namespace {

constexpr uint32_t kRows = 2'000;

struct TableFixture {
  TableFixture() {
    RecordTable::Create(connection, 1).value();
    connection.Run("BEGIN").value();
    for (uint32_t i = 0; i < kRows; ++i) {
      const std::string id = std::to_string(i);
      const std::vector<float> vector = {static_cast<float>(i)};
      Row row;
      row.number = i + 1;
      row.id = id;
      row.vector = vector;
      table.Insert(row).value();
    }
    connection.Run("COMMIT").value();
  }
  auto Search(const CallContext& call) {
    const std::vector<float> queries = {7.2f, 1998.9f};
    ReadPace pace(call);
    return SearchRows(table, {{}, 1, 100}, queries, 2, nullptr, pace);
  }
  LoneStore store;
  Connection connection = OpenStoreWriter(store.file(), "").value();
  RecordTable table{connection, 1};
};

TEST_CASE("file search: finds the nearest of all rows, query by query", "[daemon][store]") {
  TableFixture fixture;
  const auto found = fixture.Search(Patient()).value();
  REQUIRE(found.size() == 2);
  REQUIRE(found[0].size() == 2);
  REQUIRE(found[0][0].record == 8);
  REQUIRE(found[0][1].record == 9);
  REQUIRE(found[1][0].record == 2000);
  REQUIRE(found[1][1].record == 1999);
}

TEST_CASE("file search: a deadline that passed, or a stop, ends it", "[daemon][store]") {
  TableFixture fixture;
  REQUIRE(fixture.Search(TooLate()).Is(Errc::kDeadlineExceeded));
  const std::atomic<bool> stop{true};
  CallContext call = Patient();
  call.stop = &stop;
  REQUIRE(fixture.Search(call).Is(Errc::kDeadlineExceeded));
  REQUIRE(fixture.Search(Patient()).ok());  // the table it broke off from is read anew
}

}  // namespace
}  // namespace pannier::store

// Goal: readers are bounded, reused, and see one sequence while they look.
#include "daemon/store/reader_pool.h"

#include <catch2/catch.hpp>
#include <future>

#include "daemon/store/store_file.h"
#include "tests/daemon/store/fixture.h"

namespace pannier::store {
namespace {

using namespace std::chrono_literals;

struct PoolFixture {
  explicit PoolFixture(uint32_t readers_max)
      : pool({store.file(), "", readers_max, /*readers_idle_max=*/1}) {}
  LoneStore store;
  Connection writer = OpenStoreWriter(store.file(), "").value();
  ReaderPool pool;
};

TEST_CASE("reader pool: no more readers than allowed; who waits too long is told",
          "[daemon][store]") {
  PoolFixture fixture(2);
  auto first = fixture.pool.Acquire(Patient().deadline);
  auto second = fixture.pool.Acquire(Patient().deadline);
  REQUIRE(first.ok());
  REQUIRE(second.ok());
  REQUIRE(fixture.pool.Acquire(SystemClock().Steady() + 10ms).Is(Errc::kResourceExhausted));
  REQUIRE(fixture.pool.Acquire(TooLate().deadline).Is(Errc::kResourceExhausted));
}

TEST_CASE("reader pool: a reader given back goes to who waits for it", "[daemon][store]") {
  PoolFixture fixture(1);
  std::optional<ReaderPool::Lease> held(fixture.pool.Acquire(Patient().deadline).value());
  auto waiting =
      std::async(std::launch::async, [&] { return fixture.pool.Acquire(Patient().deadline).ok(); });
  held.reset();
  REQUIRE(waiting.get());
}

TEST_CASE("reader pool: a failed opening leaves its place free", "[daemon][store]") {
  test::TempDir dir;
  ConfigureSqlite();
  ReaderPool pool({dir / "absent.db", "", 1, 1});
  REQUIRE(pool.Acquire(Patient().deadline).Is(Errc::kNotFound));
  REQUIRE(pool.Acquire(Patient().deadline).Is(Errc::kNotFound));
}

TEST_CASE("reader pool: a transaction pins what is read, and readers cannot write",
          "[daemon][store]") {
  PoolFixture fixture(2);
  auto reader = fixture.pool.Acquire(Patient().deadline).value();
  {
    Transaction look = Transaction::Begin(reader->connection(), Transaction::Kind::kRead).value();
    REQUIRE(reader->collections().ReadSequence().value() == 0);
    REQUIRE(CollectionTable(fixture.writer).WriteSequence(7).ok());
    REQUIRE(reader->collections().ReadSequence().value() == 0);
  }
  REQUIRE(reader->collections().ReadSequence().value() == 7);
  REQUIRE_FALSE(reader->collections().WriteSequence(8).ok());
}

TEST_CASE("reader pool: a reader that is still in a transaction is not handed on",
          "[daemon][store]") {
  PoolFixture fixture(1);
  {
    auto reader = fixture.pool.Acquire(Patient().deadline).value();
    REQUIRE(reader->connection().Run("BEGIN").ok());
    REQUIRE(reader->collections().ReadSequence().value() == 0);
  }
  REQUIRE(CollectionTable(fixture.writer).WriteSequence(7).ok());
  auto next = fixture.pool.Acquire(Patient().deadline).value();
  REQUIRE_FALSE(next->connection().in_transaction());
  REQUIRE(next->collections().ReadSequence().value() == 7);
}

TEST_CASE("reader pool: idle readers can be closed, and come back when wanted", "[daemon][store]") {
  PoolFixture fixture(1);
  { auto reader = fixture.pool.Acquire(Patient().deadline).value(); }
  fixture.pool.CloseIdle();
  REQUIRE(fixture.pool.Acquire(Patient().deadline).ok());
}

TEST_CASE("table cache: more tables than it keeps are served all the same", "[daemon][store]") {
  LoneStore store;
  Connection connection = OpenStoreWriter(store.file(), "").value();
  for (uint32_t n = 1; n <= 40; ++n) RecordTable::Create(connection, n).value();
  TableCache cache(connection);
  for (int round = 0; round < 2; ++round) {
    for (uint32_t n = 1; n <= 40; ++n) {
      Row row;
      row.number = 1;
      row.id = "x";
      REQUIRE(cache.Of(n).Insert(row).value() == (round == 0));
    }
  }
  cache.Forget(40);
  REQUIRE(RecordTable::Drop(connection, 40).ok());
}

}  // namespace
}  // namespace pannier::store

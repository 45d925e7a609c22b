// Goal: a store is open at most once and closed only when nobody holds it; a full table makes room
// by age.
#include "daemon/store/open_stores.h"

#include <catch2/catch.hpp>
#include <thread>

#include "tests/daemon/store/fixture.h"
#include "tests/support/fake_clock.h"

namespace pannier::store {
namespace {

using namespace std::chrono_literals;

StoreName Name(int n) { return {"t", std::to_string(n)}; }

struct TableFixture {
  explicit TableFixture(uint32_t open_max) : table(open_max, 20ms, clock) {
    for (auto& store : files) store = std::make_unique<LoneStore>();
  }
  Result<std::shared_ptr<SqliteStore>> Open(int n) {
    clock.Advance(1s);
    return table.FindOrOpen(Name(n), [&, n]() -> Result<std::shared_ptr<SqliteStore>> {
      ++openings[n];
      return files[n]->Open();
    });
  }
  test::FakeClock clock;
  std::array<std::unique_ptr<LoneStore>, 4> files;
  std::array<std::atomic<int>, 4> openings{};
  OpenStores table;
};

TEST_CASE("open stores: the least recently used store makes room", "[daemon][store]") {
  TableFixture fixture(2);
  REQUIRE(fixture.Open(0).ok());
  REQUIRE(fixture.Open(1).ok());
  REQUIRE(fixture.Open(0).ok());  // found, and used later than 1
  REQUIRE(fixture.Open(2).ok());
  REQUIRE(fixture.table.Find(Name(0)) != nullptr);
  REQUIRE(fixture.table.Find(Name(1)) == nullptr);
  REQUIRE(fixture.openings[0] == 1);
  REQUIRE(fixture.table.opened_total() == 3);
  REQUIRE(fixture.table.evicted_total() == 1);
}

TEST_CASE("open stores: a held store is never closed; when all are held the caller is told",
          "[daemon][store]") {
  TableFixture fixture(2);
  auto held = fixture.Open(0).value();
  const auto also_held = fixture.Open(1).value();
  REQUIRE(fixture.Open(2).Is(Errc::kResourceExhausted));
  REQUIRE_FALSE(fixture.table.CloseIfUnused(Name(0)));
  held.reset();
  REQUIRE(fixture.Open(2).ok());
  REQUIRE(fixture.table.Find(Name(0)) == nullptr);
  REQUIRE(fixture.table.Find(Name(1)) == also_held);
}

TEST_CASE("open stores: idle ones are closed by age", "[daemon][store]") {
  TableFixture fixture(4);
  REQUIRE(fixture.Open(0).ok());
  const auto held = fixture.Open(1).value();
  fixture.clock.Advance(60s);
  REQUIRE(fixture.Open(2).ok());
  REQUIRE(fixture.table.CloseIdle(30s) == 1);
  REQUIRE(fixture.table.Find(Name(0)) == nullptr);
  REQUIRE(fixture.table.Find(Name(1)) != nullptr);
  REQUIRE(fixture.table.Find(Name(2)) != nullptr);
}

TEST_CASE("open stores: a store's own idle time counts before everybody's", "[daemon][store]") {
  TableFixture fixture(4);
  REQUIRE(fixture.Open(0).ok());
  REQUIRE(fixture.Open(1).ok());
  REQUIRE(fixture.Open(2).ok());
  fixture.table.SetIdleAfter(Name(0), 3600s);
  fixture.table.SetIdleAfter(Name(1), 10s);
  fixture.table.SetIdleAfter(Name(3), 10s);  // not open: nothing to set
  fixture.clock.Advance(20s);
  REQUIRE(fixture.table.CloseIdle(30s) == 1);
  REQUIRE(fixture.table.Find(Name(1)) == nullptr);
  fixture.clock.Advance(20s);
  REQUIRE(fixture.table.CloseIdle(30s) == 1);
  REQUIRE(fixture.table.Find(Name(2)) == nullptr);
  REQUIRE(fixture.table.Find(Name(0)) != nullptr);
}

TEST_CASE("open stores: who holds a removed store goes on with it", "[daemon][store]") {
  TableFixture fixture(4);
  const auto held = fixture.Open(0).value();
  REQUIRE(fixture.table.Remove(Name(0)) == held);
  REQUIRE(fixture.table.Remove(Name(0)) == nullptr);
  REQUIRE(fixture.table.Find(Name(0)) == nullptr);
  REQUIRE(held->CreateCollection(Collection("c"), Patient()).ok());
}

TEST_CASE("open stores: a store held back is found by nobody, and by all again afterwards",
          "[daemon][store]") {
  TableFixture fixture(2);
  const auto holder = fixture.Open(0).value();
  {
    const auto bar = fixture.table.HoldBack(Name(0)).value();
    REQUIRE(fixture.table.Find(Name(0)) == nullptr);
    REQUIRE(fixture.Open(0).Is(Errc::kUnavailable));
    REQUIRE(fixture.table.HoldBack(Name(0)).Is(Errc::kUnavailable));
    REQUIRE(fixture.Open(1).ok());
  }
  REQUIRE(fixture.table.Find(Name(0)) == holder);
}

TEST_CASE("open stores: where opening fails for lack of descriptors, unused stores are closed",
          "[daemon][store]") {
  TableFixture fixture(4);
  REQUIRE(fixture.Open(0).ok());
  REQUIRE(fixture.Open(1).ok());
  int failures = 2;
  const auto opened =
      fixture.table.FindOrOpen(Name(2), [&]() -> Result<std::shared_ptr<SqliteStore>> {
        if (failures-- > 0) return Unavailable("unable to open database file");
        return fixture.files[2]->Open();
      });
  REQUIRE(opened.ok());
  REQUIRE(fixture.table.evicted_total() == 2);
}

TEST_CASE("open stores: a failed opening leaves no trace", "[daemon][store]") {
  TableFixture fixture(1);
  const auto fail = []() -> Result<std::shared_ptr<SqliteStore>> { return Unavailable("no"); };
  REQUIRE(fixture.table.FindOrOpen(Name(0), fail).Is(Errc::kUnavailable));
  REQUIRE(fixture.Open(0).ok());
  REQUIRE(fixture.table.opened_total() == 1);
}

// Method: threads ask for more stores than may be open, and each opening looks whether its store
// is open already: then SQLite's file lock on a marker would be held.
TEST_CASE("open stores: many threads, small table, each store open at most once",
          "[daemon][store]") {
  TableFixture fixture(2);
  std::array<std::weak_ptr<SqliteStore>, 4> last;
  std::array<std::atomic<bool>, 4> opening{};
  std::atomic<int> twice{0};
  std::atomic<int> failed{0};
  {
    std::vector<std::jthread> threads;
    for (int t = 0; t < 4; ++t) {
      threads.emplace_back([&, t] {
        for (int i = 0; i < 100; ++i) {
          const int n = (t + i * 3) % 4;
          const auto open = [&, n]() -> Result<std::shared_ptr<SqliteStore>> {
            if (opening[n].exchange(true)) ++twice;
            if (last[n].lock() != nullptr) ++twice;
            auto store = fixture.files[n]->Open();
            last[n] = store;
            opening[n] = false;
            return store;
          };
          const auto got = fixture.table.FindOrOpen(Name(n), open);
          if (!got.ok() && !got.Is(Errc::kResourceExhausted)) ++failed;
        }
      });
    }
  }
  REQUIRE(twice == 0);
  REQUIRE(failed == 0);
  REQUIRE(fixture.table.List().size() <= 2);
}

}  // namespace
}  // namespace pannier::store

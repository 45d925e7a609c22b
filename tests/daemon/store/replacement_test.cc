// Goal: whole stores change hands in one moment; who is in the middle of something is waited for,
// who comes meanwhile waits a little; and what was there before can be had back.
#include "daemon/store/replacement.h"

#include <catch2/catch.hpp>
#include <filesystem>
#include <fstream>
#include <thread>

#include "daemon/store/fork.h"
#include "daemon/store/offline_store.h"
#include "tests/daemon/store/fixture.h"
#include "tests/support/fake_clock.h"

namespace pannier::store {
namespace {

namespace fs = std::filesystem;
using namespace std::chrono_literals;
using model::WriteKind;

constexpr char kTenant[] = "default_tenant";
constexpr char kDefault[] = "default_database";

SteadyTime Soon() { return SystemClock().Steady() + 30s; }

struct Swap {
  explicit Swap(StoreOptions options = {}) : scratch(std::move(options)) { Fill(kDefault, "old"); }
  Stores& stores() { return scratch.stores(); }

  void Fill(const std::string& database, const std::string& document) {
    const StoreRef store = scratch.Open(database);
    const Uuid id = store->CreateCollection(Collection("c"), Patient()).value()->id;
    REQUIRE(Write(*store, id, WriteKind::kAdd, {{"a", {1, 2}, document, {}, {}}}).ok());
  }
  std::string Stage(const Uuid& operation, const std::string& document) {
    const std::string staged = stores().MakeStaging(operation).value();
    auto store = MakeOfflineStore(staged, {}, file::RealFileSystem()).value();
    const Uuid id = store->CreateCollection(Collection("c"), Patient()).value()->id;
    REQUIRE(Write(*store, id, WriteKind::kAdd, {{"a", {1, 2}, document, {}, {}}}).ok());
    REQUIRE(FinishOfflineStore(std::move(store), staged, file::RealFileSystem()).ok());
    return staged;
  }
  Uuid Put(const std::string& document, std::optional<WallTime> expires = std::nullopt) {
    const Uuid operation = Uuid::Random();
    const std::string staged = Stage(operation, document);
    stores().Replace(operation, kTenant, kDefault, staged, "restore", expires, Soon()).value();
    return operation;
  }
  std::string Document(const std::string& database = kDefault) {
    const StoreRef store = scratch.Open(database);
    const auto records = Get(*store, store->FindCollection("c")->id).value();
    REQUIRE(records.size() == 1);
    return records.front().document.value();
  }
  uint64_t FoldersIn(const std::string& folder) {
    const auto entries = file::RealFileSystem().List(scratch.path() / folder);
    return entries.ok() ? entries->size() : 0;
  }
  Scratch scratch;
};

TEST_CASE("replace: the new store serves, the old one is in quarantine", "[daemon][store]") {
  Swap swap;
  const Uuid before = swap.stores().StoreId(kTenant, kDefault).value();
  swap.Put("new");
  REQUIRE(swap.Document() == "new");
  const auto aside = swap.stores().ListQuarantine().value();
  REQUIRE(aside.size() == 1);
  REQUIRE(aside[0].store == before);
  REQUIRE(aside[0].tenant == kTenant);
  REQUIRE(aside[0].database == kDefault);
  REQUIRE(aside[0].why == "restore");
  REQUIRE(aside[0].bytes > 0);
  REQUIRE_FALSE(aside[0].expires.has_value());
  REQUIRE(fs::exists(swap.scratch.path() / aside[0].path / "store.db"));
  REQUIRE(swap.FoldersIn("stores") == 1);
  REQUIRE(swap.FoldersIn("staging") == 0);
  REQUIRE(swap.stores().StoreId(kTenant, kDefault).value() != before);
  swap.scratch.Reopen();
  REQUIRE(swap.Document() == "new");
}

TEST_CASE("replace: an operation that the journal knows is done once", "[daemon][store]") {
  Swap swap;
  JournalEntry entry;
  entry.uid = Uuid::Random();
  REQUIRE(swap.stores().journal().Add(entry).ok());
  const std::string staged = swap.Stage(entry.uid, "new");
  const auto replace = [&] {
    return swap.stores().Replace(entry.uid, kTenant, kDefault, staged, "restore", {}, Soon());
  };
  REQUIRE(replace().ok());
  REQUIRE(swap.stores().journal().Find(entry.uid).value()->happened);
  REQUIRE(replace().ok());
  REQUIRE(swap.stores().ListQuarantine().value().size() == 1);
  REQUIRE(swap.stores().Install(entry.uid, kTenant, "other", staged).ok());
  REQUIRE(swap.stores().FindDatabase(kTenant, "other").Is(Errc::kNotFound));
}

TEST_CASE("replace: what cannot be done changes nothing", "[daemon][store]") {
  Swap swap;
  Stores& stores = swap.stores();
  const Uuid operation = Uuid::Random();
  const std::string staged = swap.Stage(operation, "new");
  REQUIRE(stores.Replace(operation, kTenant, "absent", staged, "restore", {}, Soon())
              .Is(Errc::kNotFound));
  REQUIRE(stores.Replace(operation, kTenant, kDefault, staged + "x", "restore", {}, Soon())
              .Is(Errc::kNotFound));
  const std::string outside = (swap.scratch.path() / "stores").string();
  REQUIRE(stores.Replace(operation, kTenant, kDefault, outside, "restore", {}, Soon())
              .Is(Errc::kInvalidArgument));
  {
    const StoreRef held = swap.scratch.Default();
    REQUIRE(stores
                .Replace(operation, kTenant, kDefault, staged, "restore", {},
                         SystemClock().Steady() + 20ms)
                .Is(Errc::kDeadlineExceeded));
    REQUIRE(held->CountCollections() == 1);
  }
  REQUIRE(stores.Install(operation, kTenant, kDefault, staged).Is(Errc::kConflict));
  REQUIRE(fs::exists(staged + "/store.db"));
  REQUIRE(swap.Document() == "old");
  REQUIRE(stores.ListQuarantine().value().empty());
  REQUIRE(swap.FoldersIn("stores") == 1);
  REQUIRE(stores.Replace(operation, kTenant, kDefault, staged, "restore", {}, Soon()).ok());
  REQUIRE(swap.Document() == "new");
}

TEST_CASE("replace: requests in flight end first, newcomers wait and then find the new store",
          "[daemon][store]") {
  StoreOptions options;
  options.open_patience = 20ms;
  Swap swap(options);
  const Uuid operation = Uuid::Random();
  const std::string staged = swap.Stage(operation, "new");
  StoreRef held = swap.scratch.Default();
  const Uuid id = held->FindCollection("c")->id;
  std::atomic<bool> replaced{false};
  std::jthread replacing([&] {
    swap.stores().Replace(operation, kTenant, kDefault, staged, "restore", {}, Soon()).value();
    replaced = true;
  });
  // Until the bar stands newcomers share what is held; then they are told, after their patience.
  while (swap.stores().Acquire(kTenant, kDefault).ok()) std::this_thread::yield();
  REQUIRE(swap.stores().Acquire(kTenant, kDefault).Is(Errc::kUnavailable));
  REQUIRE_FALSE(replaced);
  REQUIRE(Get(*held, id).value().front().document == "old");
  REQUIRE(Write(*held, id, WriteKind::kUpsert, {{"b", {1, 2}, {}, {}, {}}}).ok());
  held.reset();
  replacing.join();
  REQUIRE(swap.Document() == "new");
}

TEST_CASE("replace: the database is not deleted in the middle of it", "[daemon][store]") {
  StoreOptions options;
  options.open_patience = 20ms;
  Swap swap(options);
  const Uuid operation = Uuid::Random();
  const std::string staged = swap.Stage(operation, "new");
  StoreRef held = swap.scratch.Default();
  std::atomic<bool> replaced{false};
  std::jthread replacing([&] {
    swap.stores().Replace(operation, kTenant, kDefault, staged, "restore", {}, Soon()).value();
    replaced = true;
  });
  while (swap.stores().Acquire(kTenant, kDefault).ok()) std::this_thread::yield();
  REQUIRE(swap.stores().DeleteDatabase(kTenant, kDefault).Is(Errc::kUnavailable));
  REQUIRE(swap.stores().Reset().Is(Errc::kUnavailable));
  REQUIRE_FALSE(replaced);
  held.reset();
  replacing.join();
  REQUIRE(swap.Document() == "new");
  REQUIRE(swap.stores().DeleteDatabase(kTenant, kDefault).ok());
  REQUIRE(swap.FoldersIn("stores") == 0);
  REQUIRE(swap.stores().ListQuarantine().value().size() == 1);
  REQUIRE(swap.stores().Reset().ok());
  REQUIRE(swap.scratch.Default()->CountCollections() == 0);
}

// --- fences ---

TEST_CASE("fence: writes are refused, reads go on, until it ends", "[daemon][store]") {
  Swap swap;
  const auto write = [&] {
    const StoreRef store = swap.scratch.Default();
    return Write(*store, store->FindCollection("c")->id, WriteKind::kUpsert,
                 {{"a", {1, 2}, "old", {}, {}}});
  };
  {
    WriteFence fence = swap.stores().FenceWrites(kTenant, kDefault, Soon()).value();
    REQUIRE(write().Is(Errc::kUnavailable));
    const StoreRef store = swap.scratch.Default();
    const Uuid id = store->FindCollection("c")->id;
    REQUIRE(store->CreateCollection(Collection("d"), Patient()).Is(Errc::kUnavailable));
    REQUIRE(store->DeleteCollection("c", Patient()).Is(Errc::kUnavailable));
    REQUIRE(store->UpdateCollection(id, {"e", {}, {}}, Patient()).Is(Errc::kUnavailable));
    model::Selection one;
    one.ids = {"a"};
    REQUIRE(store->Delete(id, one, {}, Patient()).Is(Errc::kUnavailable));
    REQUIRE(swap.Document() == "old");
    REQUIRE(Query(*store, id, {1, 2}, 1).value().size() == 1);
    REQUIRE(store->Flush(Patient()).ok());
    REQUIRE(swap.stores().FenceWrites(kTenant, kDefault, Soon()).Is(Errc::kConflict));
    WriteFence moved = std::move(fence);
    REQUIRE(write().Is(Errc::kUnavailable));
  }
  REQUIRE(write().ok());
  REQUIRE(swap.stores().FenceWrites(kTenant, "absent", Soon()).Is(Errc::kNotFound));
}

TEST_CASE("fence: it stands while the store is closed, opened and replaced", "[daemon][store]") {
  Swap swap;
  const auto refused = [&] {
    const StoreRef store = swap.scratch.Default();
    return Write(*store, store->FindCollection("c")->id, WriteKind::kUpsert,
                 {{"a", {1, 2}, "x", {}, {}}})
        .Is(Errc::kUnavailable);
  };
  std::optional<WriteFence> fence = swap.stores().FenceWrites(kTenant, kDefault, Soon()).value();
  REQUIRE(refused());
  REQUIRE(swap.stores().Close(kTenant, kDefault).value());
  REQUIRE(refused());
  swap.Put("new");
  REQUIRE(refused());
  *fence = WriteFence();
  REQUIRE_FALSE(refused());
  fence = swap.stores().FenceWrites(kTenant, kDefault, Soon()).value();
  fence.reset();
  REQUIRE_FALSE(refused());
}

TEST_CASE("fence: once it stands no write is in flight", "[daemon][store]") {
  Swap swap;
  const StoreRef store = swap.scratch.Default();
  const Uuid id = store->FindCollection("c")->id;
  std::atomic<int> strange{0};
  std::vector<std::jthread> writers;
  for (int t = 0; t < 4; ++t) {
    writers.emplace_back([&, t](const std::stop_token& stop) {
      for (int i = 0; !stop.stop_requested(); ++i) {
        const Status written =
            Write(*store, id, WriteKind::kUpsert,
                  {{std::to_string(t), {1.0f * static_cast<float>(i), 2}, {}, {}, {}}});
        if (!written.ok() && !written.Is(Errc::kUnavailable)) ++strange;
      }
    });
  }
  for (int i = 0; i < 50; ++i) {
    const WriteFence fence = swap.stores().FenceWrites(kTenant, kDefault, Soon()).value();
    const index::Sequence at = store->sequence();
    for (int look = 0; look < 20; ++look) {
      std::this_thread::yield();
      REQUIRE(store->sequence() == at);
    }
  }
  writers.clear();
  REQUIRE(strange == 0);
}

// --- quarantine ---

TEST_CASE("quarantine: a store comes back under its old name, or another", "[daemon][store]") {
  Swap swap;
  Stores& stores = swap.stores();
  const Uuid old_store = stores.StoreId(kTenant, kDefault).value();
  swap.Put("new");
  REQUIRE(stores.Release(Uuid::Random(), kTenant, "x").Is(Errc::kNotFound));
  REQUIRE(stores.Release(old_store, kTenant, kDefault).Is(Errc::kConflict));
  REQUIRE(stores.Release(old_store, "new tenant", "x").ok());
  REQUIRE(stores.ListQuarantine().value().empty());
  const StoreRef released = stores.Acquire("new tenant", "x").value();
  REQUIRE(Get(*released, released->FindCollection("c")->id).value().front().document == "old");
  swap.Put("newer");
  REQUIRE(stores.DeleteDatabase(kTenant, kDefault).ok());
  const Uuid second = stores.ListQuarantine().value().at(0).store;
  REQUIRE(stores.Release(second, kTenant, kDefault).ok());
  REQUIRE(stores.FindDatabase(kTenant, kDefault).value().id.IsNil());
  swap.scratch.Reopen();
  REQUIRE(swap.Document() == "new");
  REQUIRE(swap.FoldersIn("quarantine") == 0);
}

TEST_CASE("quarantine: what is removed or has expired is gone for ever", "[daemon][store]") {
  Swap swap;
  Stores& stores = swap.stores();
  const WallTime now = SystemClock().Now();
  swap.Put("1", now + 1h);
  swap.Put("2");
  swap.Put("3", now + 2h);
  REQUIRE(stores.ListQuarantine().value().size() == 3);
  REQUIRE(stores.RemoveExpiredQuarantine(now).value() == 0);
  REQUIRE(stores.RemoveExpiredQuarantine(now + 90min).value() == 1);
  const auto left = stores.ListQuarantine().value();
  REQUIRE(left.size() == 2);
  REQUIRE(swap.FoldersIn("quarantine") == 2);
  REQUIRE(stores.RemoveQuarantined(left[0].store).ok());
  REQUIRE(stores.RemoveQuarantined(left[0].store).Is(Errc::kNotFound));
  REQUIRE(stores.RemoveExpiredQuarantine(now + 24h * 365).value() == 1);
  REQUIRE(swap.FoldersIn("quarantine") == 0);
  REQUIRE(swap.Document() == "3");
}

TEST_CASE("quarantine: why a store is there never becomes a path", "[daemon][store]") {
  Swap swap;
  const Uuid operation = Uuid::Random();
  const std::string staged = swap.Stage(operation, "new");
  const std::string why = "../../a b\n" + std::string(300, 'x');
  REQUIRE(swap.stores().Replace(operation, kTenant, kDefault, staged, why, {}, Soon()).ok());
  const auto aside = swap.stores().ListQuarantine().value().at(0);
  REQUIRE(aside.why == why);
  REQUIRE(fs::path(aside.path).parent_path() == "quarantine");
  REQUIRE(fs::exists(swap.scratch.path() / aside.path / "store.db"));
}

// --- staging ---

TEST_CASE("staging: made empty each time, gone after a start", "[daemon][store]") {
  Swap swap;
  const Uuid operation = Uuid::Random();
  const std::string staged = swap.Stage(operation, "new");
  REQUIRE(swap.stores().MakeStaging(operation).value() == staged);
  REQUIRE(fs::is_empty(staged));
  REQUIRE(swap.stores().RemoveStaging(operation).ok());
  REQUIRE(swap.stores().RemoveStaging(operation).ok());
  REQUIRE_FALSE(fs::exists(staged));
  swap.Stage(operation, "new");
  const auto foreign = swap.scratch.path() / "staging" / "somebody's";
  fs::create_directory(foreign);
  swap.scratch.Reopen();
  REQUIRE_FALSE(fs::exists(staged));
  REQUIRE(fs::exists(foreign));
}

// --- damage ---

class Watcher final : public StoreObserver {
 public:
  void OnCommit(uint64_t, std::chrono::nanoseconds, std::chrono::nanoseconds) override {}
  void OnSearch(bool, std::chrono::nanoseconds) override {}
  void OnDamage(const std::string& tenant, const std::string& database,
                const std::string& what) override {
    seen.push_back(tenant + "/" + database + ": " + what);
  }
  std::vector<std::string> seen;
};

struct Damaged {
  Damaged() { Open(); }
  void Open() {
    stores.reset();
    stores =
        Stores::Open((dir / "data").string(), {}, file::RealFileSystem(), SystemClock(), &watcher)
            .value();
  }
  StoreInfo Info() { return stores->Describe(kTenant, kDefault).value(); }
  std::string File() {
    return (dir / "data").string() + "/stores/" +
           stores->StoreId(kTenant, kDefault).value().ToString() + "/store.db";
  }
  test::TempDir dir;
  Watcher watcher;
  std::unique_ptr<Stores> stores;
};

TEST_CASE("damage: marked, remembered over a restart, and cleared", "[daemon][store]") {
  Damaged damaged;
  Stores& stores = *damaged.stores;
  REQUIRE_FALSE(damaged.Info().damaged);
  REQUIRE(stores.MarkDamaged(kTenant, kDefault, "page 3 is bad").ok());
  REQUIRE(stores.MarkDamaged(kTenant, kDefault, "page 3 is bad").ok());
  REQUIRE(stores.MarkDamaged(kTenant, kDefault, "page 4 is bad").ok());
  REQUIRE(stores.MarkDamaged(kTenant, "absent", "x").Is(Errc::kNotFound));
  REQUIRE(damaged.watcher.seen ==
          std::vector<std::string>{"default_tenant/default_database: page 3 is bad",
                                   "default_tenant/default_database: page 4 is bad"});
  REQUIRE(stores.stats().stores_damaged == 1);
  damaged.Open();
  REQUIRE(damaged.Info().damaged);
  REQUIRE(damaged.Info().damage == "page 3 is bad");
  REQUIRE(damaged.stores->ClearDamaged(kTenant, kDefault).ok());
  REQUIRE_FALSE(damaged.Info().damaged);
  damaged.Open();
  REQUIRE_FALSE(damaged.Info().damaged);
  REQUIRE(damaged.stores->stats().stores_damaged == 0);
}

TEST_CASE("damage: a store that does not open marks itself; the others serve; a new one is sound",
          "[daemon][store]") {
  Damaged damaged;
  Stores& stores = *damaged.stores;
  REQUIRE(stores.CreateDatabase(kTenant, "other").ok());
  std::ofstream(damaged.File(), std::ios::trunc) << std::string(20'000, 'x');
  REQUIRE(stores.Acquire(kTenant, kDefault).Is(Errc::kCorruption));
  REQUIRE(stores.Acquire(kTenant, kDefault).Is(Errc::kCorruption));
  REQUIRE(damaged.watcher.seen.size() == 1);
  REQUIRE(damaged.Info().damaged);
  REQUIRE(stores.Acquire(kTenant, "other").ok());
  const Uuid operation = Uuid::Random();
  const std::string staged = stores.MakeStaging(operation).value();
  REQUIRE(FinishOfflineStore(MakeOfflineStore(staged, {}, file::RealFileSystem()).value(), staged,
                             file::RealFileSystem())
              .ok());
  REQUIRE(stores.Replace(operation, kTenant, kDefault, staged, "salvage", {}, Soon()).ok());
  REQUIRE_FALSE(damaged.Info().damaged);
  REQUIRE(stores.Acquire(kTenant, kDefault).ok());
}

}  // namespace
}  // namespace pannier::store

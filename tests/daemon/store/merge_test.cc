// Goal: collections and records of two stores come together by the rule that was asked for, and
// what cannot come together is said.
#include "daemon/store/merge.h"

#include <catch2/catch.hpp>

#include "daemon/store/fork.h"
#include "daemon/store/offline_store.h"
#include "tests/daemon/store/fixture.h"

namespace pannier::store {
namespace {

using model::WriteKind;

constexpr char kTenant[] = "default_tenant";

Record Of(const std::string& id, const std::string& document) {
  return {id, {1, 2}, document, model::Metadata{{"from", document}}, "uri:" + document};
}

struct Offline {
  Offline() { Open(); }
  void Open() { store = MakeOfflineStore(dir.path().string(), {}, file::RealFileSystem()).value(); }
  Uuid Make(const std::string& name, const std::vector<Record>& records,
            model::Space space = model::Space::kL2) {
    const Uuid id = store->CreateCollection(Collection(name, space), Patient()).value()->id;
    if (!records.empty()) REQUIRE(Write(*store, id, WriteKind::kAdd, records).ok());
    return id;
  }
  std::vector<Record> All(const std::string& name) {
    return Get(*store, store->FindCollection(name)->id).value();
  }
  test::TempDir dir;
  std::shared_ptr<Store> store;
};

TEST_CASE("merge: a collection that is new comes with its id, its schema and all its records",
          "[daemon][store]") {
  Offline from, into;
  std::vector<Record> records;
  for (int i = 0; i < 1'000; ++i) records.push_back(Of(std::to_string(i), "d"));
  records.push_back({"without anything", {}, {}, {}, {}});
  const Uuid id = from.Make("c", records);
  from.Make("empty", {});
  const MergeReport report =
      MergeStores(*from.store, *into.store, OnConflict::kKeep, Patient(), {}).value();
  REQUIRE(report.collections == 2);
  REQUIRE(report.added == 1'001);
  REQUIRE(report.kept == 0);
  REQUIRE(into.store->FindCollection("c")->id == id);
  REQUIRE(into.store->FindCollection("c")->schema == from.store->FindCollection("c")->schema);
  REQUIRE(into.All("c") == from.All("c"));
  REQUIRE(into.store->CountCollections() == 2);
}

TEST_CASE("merge: records that meet follow the rule", "[daemon][store]") {
  Offline from, into;
  from.Make("c", {Of("a", "new"), Of("b", "new")});
  into.Make("c", {Of("b", "old"), Of("x", "old")});
  MergeReport report;
  SECTION("keep") {
    report = MergeStores(*from.store, *into.store, OnConflict::kKeep, Patient(), {}).value();
    REQUIRE(into.All("c") == std::vector<Record>{Of("b", "old"), Of("x", "old"), Of("a", "new")});
    REQUIRE(report.kept == 1);
  }
  SECTION("replace takes the whole record") {
    from.Make("d", {{"b", {1, 2}, {}, {}, {}}});
    into.Make("d", {Of("b", "old")});
    report = MergeStores(*from.store, *into.store, OnConflict::kReplace, Patient(), {}).value();
    REQUIRE(into.All("c") == std::vector<Record>{Of("x", "old"), Of("a", "new"), Of("b", "new")});
    REQUIRE(into.All("d") == std::vector<Record>{{"b", {1, 2}, {}, {}, {}}});
    REQUIRE(report.replaced == 2);
  }
  SECTION("newest is the store with more commits") {
    report = MergeStores(*from.store, *into.store, OnConflict::kNewest, Patient(), {}).value();
    REQUIRE(report.kept == 1);
    REQUIRE(Write(*from.store, from.store->FindCollection("c")->id, WriteKind::kUpdate,
                  {Of("b", "newer")})
                .ok());
    while (from.store->sequence() <= into.store->sequence()) {
      REQUIRE(Write(*from.store, from.store->FindCollection("c")->id, WriteKind::kUpdate,
                    {Of("b", "newer")})
                  .ok());
    }
    report = MergeStores(*from.store, *into.store, OnConflict::kNewest, Patient(), {}).value();
    REQUIRE(report.replaced == 2);
    REQUIRE(report.added == 0);
    REQUIRE(into.All("c") == std::vector<Record>{Of("x", "old"), Of("a", "new"), Of("b", "newer")});
    return;
  }
  REQUIRE(report.added == 1);
}

TEST_CASE("merge: collections that cannot meet are skipped and named", "[daemon][store]") {
  Offline from, into;
  from.Make("space", {Of("a", "new")}, model::Space::kCosine);
  into.Make("space", {Of("b", "old")});
  from.Make("dimension", {{"a", {1, 2, 3}, {}, {}, {}}});
  into.Make("dimension", {Of("b", "old")});
  from.Make("fine", {Of("a", "new")});
  const MergeReport report =
      MergeStores(*from.store, *into.store, OnConflict::kReplace, Patient(), {}).value();
  REQUIRE(report.collections == 1);
  REQUIRE(report.messages.size() == 2);
  REQUIRE_THAT(report.messages[0] + report.messages[1], Catch::Contains("dimension 3"));
  REQUIRE_THAT(report.messages[0] + report.messages[1], Catch::Contains("another space"));
  REQUIRE(into.All("space") == std::vector<Record>{Of("b", "old")});
}

TEST_CASE("merge: where no collection can meet it is refused", "[daemon][store]") {
  Offline from, into;
  from.Make("space", {Of("a", "new")}, model::Space::kCosine);
  into.Make("space", {Of("b", "old")});
  const auto merged = MergeStores(*from.store, *into.store, OnConflict::kReplace, Patient(), {});
  REQUIRE(merged.Is(Errc::kConflict));
  REQUIRE_THAT(merged.error().what, Catch::Contains("another space"));
  Offline nothing;
  REQUIRE(MergeStores(*nothing.store, *into.store, OnConflict::kReplace, Patient(), {}).ok());
}

TEST_CASE("merge: an id that is taken there by another collection is made anew",
          "[daemon][store]") {
  Offline from, into;
  const Uuid id = from.Make("c", {Of("a", "new")});
  NewCollection same_id = Collection("renamed");
  same_id.id = id;
  REQUIRE(into.store->CreateCollection(same_id, Patient()).value()->id == id);
  same_id.name = "again";
  REQUIRE(into.store->CreateCollection(same_id, Patient()).Is(Errc::kConflict));
  REQUIRE(MergeStores(*from.store, *into.store, OnConflict::kKeep, Patient(), {}).ok());
  REQUIRE(into.store->FindCollection("c")->id != id);
  REQUIRE(into.All("c") == from.All("c"));
}

TEST_CASE("merge: progress counts records, and may stop it", "[daemon][store]") {
  Offline from, into;
  std::vector<Record> records;
  for (int i = 0; i < 1'000; ++i) records.push_back(Of(std::to_string(i), "d"));
  from.Make("c", records);
  uint64_t last = 0;
  const auto watch = [&](uint64_t done, uint64_t total) {
    REQUIRE(done > last);
    REQUIRE(total == 1'000);
    last = done;
    return done < 500;
  };
  REQUIRE(MergeStores(*from.store, *into.store, OnConflict::kKeep, Patient(), watch)
              .Is(Errc::kDeadlineExceeded));
  REQUIRE(last == 512);
}

TEST_CASE("merge: databases that are in use; the one from before is in quarantine",
          "[daemon][store]") {
  Scratch scratch;
  Stores& stores = scratch.stores();
  REQUIRE(stores.CreateDatabase(kTenant, "other").ok());
  Uuid id;
  {
    const StoreRef into = scratch.Default(), from = scratch.Open("other");
    id = into->CreateCollection(Collection("c"), Patient()).value()->id;
    REQUIRE(Write(*into, id, WriteKind::kAdd, {Of("x", "old")}).ok());
    const Uuid other = from->CreateCollection(Collection("c"), Patient()).value()->id;
    REQUIRE(Write(*from, other, WriteKind::kAdd, {Of("a", "new")}).ok());
  }
  MergeRequest request{Uuid::Random(),
                       {kTenant, "other"},
                       {kTenant, "default_database"},
                       OnConflict::kKeep,
                       std::nullopt};
  REQUIRE(
      MergeDatabases(stores, request, {}, file::RealFileSystem(), Patient(), {}).value().added ==
      1);
  REQUIRE(Get(*scratch.Default(), id).value() ==
          std::vector<Record>{Of("x", "old"), Of("a", "new")});
  REQUIRE(stores.ListQuarantine().value().at(0).why == "merge");
  REQUIRE(Write(*scratch.Default(), id, WriteKind::kAdd, {Of("y", "later")}).ok());
  request.from = request.into;
  REQUIRE(MergeDatabases(stores, request, {}, file::RealFileSystem(), Patient(), {})
              .Is(Errc::kInvalidArgument));
  request.from.database = "absent";
  REQUIRE(MergeDatabases(stores, request, {}, file::RealFileSystem(), Patient(), {})
              .Is(Errc::kNotFound));
}

TEST_CASE("fork: holds what its source held, and neither hears of the other again",
          "[daemon][store]") {
  Scratch scratch;
  Stores& stores = scratch.stores();
  const StoreRef source = scratch.Default();
  const Uuid id = source->CreateCollection(Collection("c"), Patient()).value()->id;
  REQUIRE(Write(*source, id, WriteKind::kAdd, {Of("a", "1")}).ok());
  const StoreName from{kTenant, "default_database"}, to{"new tenant", "fork"};
  const auto fork = [&] {
    return ForkStore(stores, Uuid::Random(), from, to, file::RealFileSystem(), Patient(), {});
  };
  const StoreCopy copy = fork().value();
  REQUIRE(copy.sequence == source->sequence());
  REQUIRE(Write(*source, id, WriteKind::kAdd, {Of("b", "2")}).ok());
  const StoreRef forked = stores.Acquire(to.tenant, to.database).value();
  REQUIRE(Get(*forked, id).value() == std::vector<Record>{Of("a", "1")});
  REQUIRE(Write(*forked, id, WriteKind::kAdd, {Of("c", "3")}).ok());
  REQUIRE(source->Count(id, Patient()).value() == 2);
  REQUIRE(fork().Is(Errc::kConflict));
  REQUIRE(ForkStore(stores, Uuid::Random(), {kTenant, "absent"}, {kTenant, "x"},
                    file::RealFileSystem(), Patient(), {})
              .Is(Errc::kNotFound));
  REQUIRE(std::filesystem::is_empty(scratch.path() / "staging"));
}

TEST_CASE("offline store: finished, its folder holds one whole file", "[daemon][store]") {
  Offline offline;
  const Uuid id = offline.Make("c", {Of("a", "1")});
  REQUIRE(Query(*offline.store, id, {1, 2}, 1, {{}, Where("from", model::FilterOp::kEq, "1")})
              .value()
              .size() == 1);
  const std::string folder = offline.dir.path().string();
  auto held = offline.store;
  REQUIRE(FinishOfflineStore(offline.store, folder, file::RealFileSystem()).Is(Errc::kInternal));
  held.reset();
  REQUIRE(FinishOfflineStore(std::move(offline.store), folder, file::RealFileSystem()).ok());
  REQUIRE_FALSE(std::filesystem::exists(folder + "/store.db-wal"));
  REQUIRE(MakeOfflineStore(folder, {}, file::RealFileSystem()).Is(Errc::kConflict));
  const auto again = OpenOfflineStore(folder, {}, file::RealFileSystem()).value();
  REQUIRE(again->Count(id, Patient()).value() == 1);
  test::TempDir empty;
  REQUIRE(
      OpenOfflineStore(empty.path().string(), {}, file::RealFileSystem()).Is(Errc::kCorruption));
}

}  // namespace
}  // namespace pannier::store

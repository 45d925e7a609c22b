// Goal: making, filling and reading a store syncs no more often than keeping the promise takes:
// where many small stores come and go, syncs are what they cost.
// Method: stores on a FaultyFileSystem, SQLite included, which counts them. That they are enough is
// for power_loss_test.cc to say.
#include <catch2/catch.hpp>

#include "daemon/store/store_file.h"
#include "tests/daemon/store/fixture.h"
#include "tests/support/faulty_file_system.h"
#include "tests/support/faulty_vfs.h"

namespace pannier::store {
namespace {

constexpr char kTenant[] = "default_tenant";

class Counted {
 public:
  Counted() {
    StoreOptions options;
    options.sqlite_vfs = vfs_.name();
    stores_ =
        Stores::Open((files_.root() / "data").string(), options, files_, SystemClock(), nullptr)
            .value();
  }
  Stores& stores() { return *stores_; }
  StoreRef Open(const char* database) { return stores_->Acquire(kTenant, database).value(); }
  template <typename Work>
  int SyncsOf(const Work& work) {
    const int before = files_.syncs();
    work();
    return files_.syncs() - before;
  }

 private:
  test::FaultyFileSystem files_;
  test::FaultyVfs vfs_{files_};
  std::unique_ptr<Stores> stores_;
};

TEST_CASE("store syncs: a new store's file is synced once", "[daemon][store]") {
  test::FaultyFileSystem files;
  const test::FaultyVfs vfs(files);
  REQUIRE(CreateStoreFile((files.root() / "store.db").string(), vfs.name()).ok());
  REQUIRE(files.syncs() == 1);
}

TEST_CASE("store syncs: making a database and filling it", "[daemon][store]") {
  Counted counted;
  counted.stores().CreateDatabase(kTenant, "first").value();
  // The file, its folder, the folder of all stores, the catalog, and now and then its intents.
  const auto make = [&] { counted.stores().CreateDatabase(kTenant, "db").value(); };
  REQUIRE(counted.SyncsOf(make) <= 4);
  StoreRef store = counted.Open("db");
  Uuid id;
  // The names in the folder, by us and by SQLite, and the log.
  const auto add_collection = [&] {
    id = store->CreateCollection(Collection("c"), Patient()).value()->id;
  };
  REQUIRE(counted.SyncsOf(add_collection) <= 3);
  const auto add_record = [&] {
    Write(*store, id, model::WriteKind::kAdd, {{"a", {1, 2}, {}, {}, {}}}).value();
  };
  REQUIRE(counted.SyncsOf(add_record) == 1);
}

TEST_CASE("store syncs: a store that is only read is left as it was", "[daemon][store]") {
  Counted counted;
  const auto database = "default_database";
  StoreRef store = counted.Open(database);
  const Uuid id = store->CreateCollection(Collection("c"), Patient()).value()->id;
  Write(*store, id, model::WriteKind::kAdd, {{"a", {1, 2}, {}, {}, {}}}).value();
  store.reset();
  REQUIRE(CloseSoon(counted.stores(), database));
  const auto read = [&] {
    REQUIRE(Query(*counted.Open(database), id, {1, 2}, 1).value().size() == 1);
    REQUIRE(CloseSoon(counted.stores(), database));
  };
  REQUIRE(counted.SyncsOf(read) == 0);
}

}  // namespace
}  // namespace pannier::store

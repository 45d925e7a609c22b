// Goal: readers and writers beside fences, pins, replacements and evictions see whole stores and
// only the errors that are documented.
// Method: each store that is put in place holds one number in all its records; readers must never
// see two numbers, and writers are told in which store their write went. Run it with
// ThreadSanitizer too.
#include <catch2/catch.hpp>
#include <set>
#include <thread>

#include "daemon/store/fork.h"
#include "daemon/store/offline_store.h"
#include "tests/daemon/store/fixture.h"

namespace pannier::store {
namespace {

using namespace std::chrono_literals;
using model::WriteKind;

constexpr char kTenant[] = "default_tenant";
constexpr char kDefault[] = "default_database";
constexpr int kRecords = 8;

SteadyTime Soon() { return SystemClock().Steady() + 60s; }

std::vector<Record> All(const std::string& document) {
  std::vector<Record> records;
  for (int i = 0; i < kRecords; ++i) {
    records.push_back({"fixed " + std::to_string(i), {1, 2}, document, {}, {}});
  }
  return records;
}

class Whirl {
 public:
  Whirl() : scratch_(Options()) { Put("0"); }

  void Read(const std::stop_token& stop) {
    while (!stop.stop_requested()) {
      const auto store = scratch_.stores().Acquire(kTenant, kDefault);
      if (!store.ok()) {
        Expect(store.Is(Errc::kUnavailable), "acquire", store.error());
        continue;
      }
      const CollectionPtr collection = (*store)->FindCollection("c");
      if (collection == nullptr) {
        ++strange;
        continue;
      }
      const auto records = Get(**store, collection->id);
      if (!records.ok()) {
        Expect(false, "get", records.error());
        continue;
      }
      std::set<std::string> seen;
      for (const Record& record : *records) {
        if (record.id.rfind("fixed", 0) == 0) seen.insert(record.document.value());
      }
      if (seen.size() != 1) ++strange;
      ++reads;
    }
  }

  void Write(const std::stop_token& stop, int writer) {
    for (int i = 0; !stop.stop_requested(); ++i) {
      const auto store = scratch_.stores().Acquire(kTenant, kDefault);
      if (!store.ok()) {
        Expect(store.Is(Errc::kUnavailable), "acquire", store.error());
        continue;
      }
      const CollectionPtr collection = (*store)->FindCollection("c");
      const std::string id = std::to_string(writer) + "." + std::to_string(i % 50);
      const Status written = store::Write(**store, collection->id, WriteKind::kUpsert,
                                          {{id, {1, 2}, std::string(2'000, 'd'), {}, {}}});
      if (!written.ok()) {
        Expect(written.Is(Errc::kUnavailable), "write", written.error());
        continue;
      }
      if (GetIds(**store, collection->id, {id}).value().size() != 1) ++strange;
      ++writes;
    }
  }

  void Replace(int version) {
    const Uuid operation = Uuid::Random();
    Stores& stores = scratch_.stores();
    const auto fence = stores.FenceWrites(kTenant, kDefault, Soon()).value();
    const std::string staged = stores.MakeStaging(operation).value();
    auto made = MakeOfflineStore(staged, {}, file::RealFileSystem()).value();
    const Uuid id = made->CreateCollection(Collection("c"), Patient()).value()->id;
    REQUIRE(store::Write(*made, id, WriteKind::kAdd, All(std::to_string(version))).ok());
    REQUIRE(FinishOfflineStore(std::move(made), staged, file::RealFileSystem()).ok());
    const Status replaced =
        stores.Replace(operation, kTenant, kDefault, staged, "restore", {}, Soon());
    if (!replaced.ok()) FAIL(replaced.error().what);
    const auto aside = stores.ListQuarantine().value();
    for (const QuarantinedStore& old : aside) {
      const Status removed = stores.RemoveQuarantined(old.store);
      if (!removed.ok()) FAIL(removed.error().what);
    }
  }

  void Fork(int n) {
    const std::string name = "fork " + std::to_string(n);
    const auto forked = ForkStore(scratch_.stores(), Uuid::Random(), {kTenant, kDefault},
                                  {kTenant, name}, file::RealFileSystem(), Patient(), {});
    if (!forked.ok()) FAIL(forked.error().what);
    const StoreRef store = scratch_.Open(name);
    REQUIRE(store->sequence() == forked->sequence);
    REQUIRE(store->Count(store->FindCollection("c")->id, Patient()).value() >= kRecords);
  }

  void Upkeep(const std::stop_token& stop) {
    while (!stop.stop_requested()) {
      const auto closed = scratch_.stores().Close(kTenant, kDefault);
      if (!closed.ok()) Expect(false, "close", closed.error());
      [[maybe_unused]] const StoreStats stats = scratch_.stores().stats();
      const auto described = scratch_.stores().Describe(kTenant, kDefault);
      if (!described.ok()) Expect(false, "describe", described.error());
      std::this_thread::yield();
    }
  }

  std::string first_error() {
    MutexLock lock(mutex_);
    return first_error_;
  }
  std::atomic<uint64_t> reads{0}, writes{0}, strange{0};

 private:
  static StoreOptions Options() {
    StoreOptions options;
    options.wal_bytes_checkpoint = 64 << 10;
    options.open_patience = 2s;
    return options;
  }
  void Put(const std::string& document) {
    const StoreRef store = scratch_.Default();
    const Uuid id = store->CreateCollection(Collection("c"), Patient()).value()->id;
    REQUIRE(store::Write(*store, id, WriteKind::kAdd, All(document)).ok());
  }
  void Expect(bool condition, const std::string& where, const Error& error) {
    if (condition) return;
    MutexLock lock(mutex_);
    if (first_error_.empty()) first_error_ = where + ": " + error.what;
  }

  Scratch scratch_;
  Mutex mutex_;
  std::string first_error_ GUARDED_BY(mutex_);
};

TEST_CASE("whole stores: readers and writers beside replacements, fences, forks and evictions",
          "[daemon][store][slow]") {
  Whirl whirl;
  {
    std::vector<std::jthread> crowd;
    for (int t = 0; t < 3; ++t) {
      crowd.emplace_back([&](const std::stop_token& stop) { whirl.Read(stop); });
      crowd.emplace_back([&, t](const std::stop_token& stop) { whirl.Write(stop, t); });
    }
    crowd.emplace_back([&](const std::stop_token& stop) { whirl.Upkeep(stop); });
    for (int i = 1; i <= 8; ++i) {
      whirl.Fork(i);
      whirl.Replace(i);
    }
  }
  REQUIRE(whirl.first_error().empty());
  REQUIRE(whirl.strange == 0);
  REQUIRE(whirl.reads > 0);
  REQUIRE(whirl.writes > 0);
}

}  // namespace
}  // namespace pannier::store

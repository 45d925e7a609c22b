// Goal: a sweep finds what nobody owns and nothing else, acts only on what two sweeps saw
// unchanged, and deletes nothing that might be somebody's data from where it was found.
#include "daemon/store/sweep.h"

#include <algorithm>
#include <catch2/catch.hpp>
#include <filesystem>
#include <fstream>

#include "daemon/store/offline_store.h"
#include "tests/daemon/store/fixture.h"
#include "tests/support/fake_clock.h"

namespace pannier::store {
namespace {

namespace fs = std::filesystem;
using namespace std::chrono_literals;

constexpr char kTenant[] = "default_tenant";
constexpr char kDefault[] = "default_database";

struct SweepFixture {
  SweepFixture() { Open(); }
  void Open() {
    stores.reset();
    stores = Stores::Open(data.string(), {}, file::RealFileSystem(), clock, nullptr).value();
  }
  SweepResult Run(SweepMode mode, std::set<Uuid> running = {}) {
    SweepOptions options;
    options.mode = mode;
    options.grace = 1h;
    options.running = std::move(running);
    return stores->Sweep(options).value();
  }
  // Two sweeps, far enough apart.
  SweepResult Twice(SweepMode mode) {
    Run(mode);
    clock.Advance(1h);
    return Run(mode);
  }
  void Put(const fs::path& path, const std::string& text = "x") {
    fs::create_directories((data / path).parent_path());
    std::ofstream(data / path) << text;
  }
  bool Has(const fs::path& path) { return fs::exists(fs::symlink_status(data / path)); }
  // "path: why" of all that was found, sorted.
  static std::vector<std::string> Lines(const SweepResult& result) {
    std::vector<std::string> lines;
    for (const Leftover& each : result.found) lines.push_back(each.path + ": " + each.why);
    std::sort(lines.begin(), lines.end());
    return lines;
  }
  test::TempDir dir;
  fs::path data = dir / "data";
  test::FakeClock clock;
  std::unique_ptr<Stores> stores;
};

const std::string kUnknown = "stores/11111111-2222-4333-8444-555555555555";
const Uuid kUnknownId = *Uuid::Parse("11111111-2222-4333-8444-555555555555");

TEST_CASE("sweep: a directory in use has no leftovers", "[daemon][store]") {
  SweepFixture fixture;
  REQUIRE(fixture.stores->CreateDatabase(kTenant, "other").ok());
  const StoreRef open = fixture.stores->Acquire(kTenant, kDefault).value();
  REQUIRE(open->CreateCollection(Collection("c"), Patient()).ok());
  const Uuid operation = Uuid::Random();
  REQUIRE(fixture.stores->MakeStaging(operation).ok());
  const SweepResult result = fixture.Run(SweepMode::kDelete, {operation});
  REQUIRE(SweepFixture::Lines(result).empty());
  REQUIRE(result.found_total == 0);
  REQUIRE(result.errors.empty());
}

TEST_CASE("sweep: what nobody owns is found and said", "[daemon][store]") {
  SweepFixture fixture;
  const Uuid operation = Uuid::Random();
  REQUIRE(fixture.stores->MakeStaging(operation).ok());
  fixture.Put(kUnknown + "/store.db", "12345");
  fixture.Put("stores/notes.txt");
  fixture.Put("identity.json.new");
  fixture.Put("core.123");
  fixture.Put(".hidden");
  fixture.Put("staging/somebody's/file");
  fixture.Put("quarantine/unknown/store.db");
  const std::string own = "stores/" + fixture.stores->StoreId(kTenant, kDefault).value().ToString();
  fixture.Put(own + "/copy.new");
  fs::create_symlink("/etc", fixture.data / "stores" / "link");
  const SweepResult result = fixture.Run(SweepMode::kReport);
  const std::vector<std::string> expected = {
      "core.123: not a name that belongs here",
      "identity.json.new: unfinished copy",
      "quarantine/unknown: not a name that belongs here",
      "staging/" + operation.ToString() + ": staging of no operation",
      "staging/somebody's: not a name that belongs here",
      kUnknown + ": store that the catalog does not know",
      own + "/copy.new: unfinished copy",
      "stores/link: neither file nor folder",
      "stores/notes.txt: not a name that belongs here",
  };
  std::vector<std::string> sorted = expected;
  std::sort(sorted.begin(), sorted.end());
  REQUIRE(SweepFixture::Lines(result) == sorted);
  REQUIRE(result.found_total == 9);
  REQUIRE(result.files == 7);
  REQUIRE(result.bytes == 11);
  REQUIRE(result.removed == 0);
}

TEST_CASE("sweep: a report changes nothing, however often", "[daemon][store]") {
  SweepFixture fixture;
  fixture.Put(kUnknown + "/store.db");
  for (int i = 0; i < 3; ++i) {
    REQUIRE(fixture.Run(SweepMode::kReport).removed == 0);
    fixture.clock.Advance(2h);
  }
  REQUIRE(fixture.Has(kUnknown + "/store.db"));
}

TEST_CASE("sweep: acts at the second sight, when the grace is over and nothing has changed",
          "[daemon][store]") {
  SweepFixture fixture;
  fixture.Put("identity.json.new");
  const WallTime first = fixture.clock.Now();
  REQUIRE(fixture.Run(SweepMode::kDelete).removed == 0);
  fixture.clock.Advance(59min);
  const SweepResult early = fixture.Run(SweepMode::kDelete);
  REQUIRE(early.removed == 0);
  REQUIRE(early.found.at(0).since == first);
  fixture.Put("identity.json.new", "longer");  // somebody is at work
  fixture.clock.Advance(59min);
  REQUIRE(fixture.Run(SweepMode::kDelete).removed == 0);
  fixture.Open();  // what was seen outlives a restart
  fixture.clock.Advance(59min);
  REQUIRE(fixture.Run(SweepMode::kDelete).removed == 0);
  fixture.clock.Advance(1min);
  const SweepResult last = fixture.Run(SweepMode::kDelete);
  REQUIRE(last.removed == 1);
  REQUIRE(last.found.at(0).removed);
  REQUIRE_FALSE(fixture.Has("identity.json.new"));
  REQUIRE(fixture.Run(SweepMode::kDelete).found_total == 0);
}

TEST_CASE("sweep: an unknown store goes to quarantine, can be had back, and is deleted later",
          "[daemon][store]") {
  SweepFixture fixture;
  const std::string folder = (fixture.data / kUnknown).string();
  fs::create_directories(folder);
  auto store = MakeOfflineStore(folder, {}, file::RealFileSystem()).value();
  REQUIRE(store->CreateCollection(Collection("c"), Patient()).ok());
  REQUIRE(FinishOfflineStore(std::move(store), folder, file::RealFileSystem()).ok());
  REQUIRE(fixture.Twice(SweepMode::kDelete).removed == 1);
  REQUIRE_FALSE(fixture.Has(kUnknown));
  const auto aside = fixture.stores->ListQuarantine().value();
  REQUIRE(aside.size() == 1);
  REQUIRE(aside[0].store == kUnknownId);
  REQUIRE(aside[0].why == "sweep");
  SECTION("back") {
    REQUIRE(fixture.stores->Release(kUnknownId, kTenant, "found").ok());
    REQUIRE(fixture.stores->Acquire(kTenant, "found").value()->CountCollections() == 1);
    REQUIRE(fixture.Twice(SweepMode::kDelete).found_total == 0);
  }
  SECTION("deleted") {
    REQUIRE(fixture.Run(SweepMode::kQuarantine).removed == 0);
    REQUIRE(fixture.Run(SweepMode::kDelete).removed == 0);
    fixture.clock.Advance(1h);
    REQUIRE(fixture.Run(SweepMode::kQuarantine).removed == 0);
    REQUIRE(fixture.Run(SweepMode::kDelete).removed == 1);
    REQUIRE(fixture.stores->ListQuarantine().value().empty());
    REQUIRE(fs::is_empty(fixture.data / "quarantine"));
  }
}

TEST_CASE("sweep: quarantine mode moves all kinds aside and deletes nothing", "[daemon][store]") {
  SweepFixture fixture;
  const Uuid operation = Uuid::Random();
  REQUIRE(fixture.stores->MakeStaging(operation).ok());
  fixture.Put("staging/" + operation.ToString() + "/store.db");
  fixture.Put("identity.json.new");
  fixture.Put("stores/notes.txt");
  fixture.Put(kUnknown + "/notes.txt");
  REQUIRE(fixture.Twice(SweepMode::kQuarantine).removed == 4);
  const auto aside = fixture.stores->ListQuarantine().value();
  REQUIRE(aside.size() == 4);
  for (const QuarantinedStore& each : aside) REQUIRE(fixture.Has(each.path));
  // Without a store in it, it cannot become a database.
  REQUIRE(fixture.stores->Release(kUnknownId, kTenant, "x").Is(Errc::kInvalidArgument));
  fixture.Open();
  REQUIRE(fixture.stores->ListQuarantine().value().size() == 4);
}

TEST_CASE("sweep: links are not followed, and stay", "[daemon][store]") {
  SweepFixture fixture;
  fixture.Put("../outside/precious");
  fs::create_directory_symlink(fixture.dir / "outside", fixture.data / "stores" / "link");
  fixture.Put(kUnknown + "/store.db");
  fs::create_directory_symlink(fixture.dir / "outside", fixture.data / kUnknown / "link");
  const SweepResult result = fixture.Twice(SweepMode::kDelete);
  REQUIRE(result.removed == 1);
  REQUIRE(result.files == 1);
  fixture.clock.Advance(1h);
  REQUIRE(fixture.Run(SweepMode::kDelete).removed == 1);
  REQUIRE(fixture.Has("stores/link"));
  REQUIRE(fs::exists(fixture.dir / "outside" / "precious"));
}

TEST_CASE("sweep: a database whose folder is missing is said and left alone", "[daemon][store]") {
  SweepFixture fixture;
  const std::string folder =
      "stores/" + fixture.stores->StoreId(kTenant, kDefault).value().ToString();
  fs::remove_all(fixture.data / folder);
  const SweepResult result = fixture.Twice(SweepMode::kDelete);
  REQUIRE(
      SweepFixture::Lines(result) ==
      std::vector<std::string>{folder + ": folder of default_tenant/default_database is missing"});
  REQUIRE(result.removed == 0);
  REQUIRE(fixture.stores->FindDatabase(kTenant, kDefault).ok());
}

TEST_CASE("sweep: what was removed from quarantine by hand is said", "[daemon][store]") {
  SweepFixture fixture;
  fixture.Put(kUnknown + "/store.db");
  REQUIRE(fixture.Twice(SweepMode::kQuarantine).removed == 1);
  const auto aside = fixture.stores->ListQuarantine().value();
  fs::remove_all(fixture.data / aside.at(0).path);
  const SweepResult result = fixture.Twice(SweepMode::kDelete);
  REQUIRE(SweepFixture::Lines(result) ==
          std::vector<std::string>{aside[0].path + ": missing from quarantine"});
  REQUIRE(result.removed == 0);
  REQUIRE(fixture.stores->Release(aside[0].store, kTenant, "x").Is(Errc::kInvalidArgument));
  REQUIRE(fixture.stores->RemoveQuarantined(aside[0].store).ok());
  REQUIRE(fixture.Run(SweepMode::kDelete).found_total == 0);
}

TEST_CASE("sweep: expired quarantine goes in delete mode", "[daemon][store]") {
  SweepFixture fixture;
  const Uuid operation = Uuid::Random();
  const std::string staged = fixture.stores->MakeStaging(operation).value();
  REQUIRE(FinishOfflineStore(MakeOfflineStore(staged, {}, file::RealFileSystem()).value(), staged,
                             file::RealFileSystem())
              .ok());
  fixture.stores
      ->Replace(operation, kTenant, kDefault, staged, "restore", fixture.clock.Now() + 30min,
                SystemClock().Steady() + 30s)
      .value();
  REQUIRE(fixture.Run(SweepMode::kDelete).found_total == 0);
  fixture.clock.Advance(30min);
  const SweepResult result = fixture.Run(SweepMode::kReport);
  // The upkeep thread may have been first.
  if (result.found_total > 0) REQUIRE(result.found.at(0).why == "expired in quarantine");
  fixture.clock.Advance(1h);
  fixture.Run(SweepMode::kDelete);
  REQUIRE(fixture.stores->ListQuarantine().value().empty());
}

TEST_CASE("sweep: not more than its limit in one run", "[daemon][store]") {
  SweepFixture fixture;
  for (int i = 0; i < 5; ++i) fixture.Put("stores/" + std::to_string(i) + ".new");
  SweepOptions options;
  options.mode = SweepMode::kDelete;
  options.grace = 0s;
  options.removed_max = 2;
  REQUIRE(fixture.stores->Sweep(options).value().removed == 0);
  REQUIRE(fixture.stores->Sweep(options).value().removed == 2);
  REQUIRE(fixture.stores->Sweep(options).value().removed == 2);
  REQUIRE(fixture.stores->Sweep(options).value().removed == 1);
  REQUIRE(fixture.stores->Sweep(options).value().found_total == 0);
}

}  // namespace
}  // namespace pannier::store

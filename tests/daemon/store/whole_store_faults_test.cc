// Goal: whatever interrupts what whole stores go through, the old store is there or the new one,
// never a mixture and never neither; what was told to be done is done; a second run finishes; and
// two sweeps later nothing lies about that nobody owns.
// Method: fail the n-th call that reaches the disk, SQLite's included, for n = 1, 2, …, and then
// (a) go on, (b) cut the power, so that all that was not synced is gone, (c) cut it so that some of
// it is there. PANNIER_TORTURE_ROUNDS takes every n where the default skips some.
#include <catch2/catch.hpp>
#include <functional>
#include <set>

#include "daemon/store/fork.h"
#include "daemon/store/merge.h"
#include "daemon/store/offline_store.h"
#include "tests/daemon/store/fixture.h"
#include "tests/support/faulty_file_system.h"
#include "tests/support/faulty_vfs.h"
#include "tests/support/torture.h"

namespace pannier::store {
namespace {

using namespace std::chrono_literals;
using model::WriteKind;

constexpr char kTenant[] = "default_tenant";
constexpr char kDefault[] = "default_database";

class World {
 public:
  World() {
    options.sqlite_vfs = vfs.name();
    Open();
    Fill(kDefault, "old");
  }
  ~World() { files.Heal(); }

  void Open() {
    stores.reset();
    auto opened = Stores::Open(Data(), options, files, SystemClock(), nullptr);
    if (!opened.ok()) FAIL(opened.error().what);
    stores = std::move(opened).value();
  }
  void CutPower(std::optional<uint64_t> partly) {
    files.FailFrom(1);  // the process dies with the power: it tidies nothing up
    stores.reset();
    partly ? files.CrashPartly(*partly) : files.Crash();
    files.Heal();
  }
  std::string Data() const { return (files.root() / "data").string(); }

  // One collection of one record that says what it is.
  static Status Put(Store& store, const std::string& document) {
    const CollectionPtr made = TRY(store.CreateCollection(Collection(document), Patient()));
    return Write(store, made->id, WriteKind::kAdd, {{"a", {1, 2}, document, {}, {}}});
  }
  void Fill(const std::string& database, const std::string& document) {
    REQUIRE(Put(*stores->Acquire(kTenant, database).value(), document).ok());
  }
  // What it says it is, over all collections; "none" without the database.
  std::string What(const std::string& database) {
    if (stores->FindDatabase(kTenant, database).Is(Errc::kNotFound)) return "none";
    const auto store = stores->Acquire(kTenant, database);
    if (!store.ok()) FAIL(store.error().what);
    std::set<std::string> names;
    for (const CollectionPtr& each : (*store)->ListCollections(std::nullopt, 0)) {
      const auto records = Get(**store, each->id);
      if (!records.ok()) FAIL(records.error().what);
      REQUIRE(records->size() == 1);
      REQUIRE(records->front().document == each->name);
      names.insert(each->name);
    }
    std::string what;
    for (const std::string& name : names) what += (what.empty() ? "" : "+") + name;
    return what;
  }

  Status Stage(const std::string& document) {
    const std::string staged = TRY(stores->MakeStaging(operation));
    std::shared_ptr<Store> store = TRY(MakeOfflineStore(staged, options, files));
    TRY(Put(*store, document));
    return FinishOfflineStore(std::move(store), staged, files);
  }
  std::string Staged() const { return Data() + "/staging/" + operation.ToString(); }
  Status StageUnlessThere(const std::string& document) {
    if (TRY(file::Exists(files, Staged() + "/store.db"))) return {};
    return Stage(document);
  }
  bool Happened() {
    const auto entry = stores->journal().Find(operation).value();
    return entry && entry->happened;
  }
  void Journal() {
    JournalEntry entry;
    entry.uid = operation;
    REQUIRE(stores->journal().Add(entry).ok());
  }
  static SteadyTime Soon() { return SystemClock().Steady() + 60s; }

  std::set<std::string> NamesIn(const std::string& folder) {
    std::set<std::string> names;
    const auto entries = files.List(Data() + "/" + folder);
    if (!entries.ok()) return names;
    for (const file::Entry& entry : *entries) names.insert(entry.name);
    return names;
  }
  void RequireNoOrphans() {
    SweepOptions sweep;
    sweep.mode = SweepMode::kDelete;
    sweep.grace = 0s;
    for (int i = 0; i < 3; ++i) {
      const SweepResult swept = stores->Sweep(sweep).value();
      if (!swept.errors.empty()) FAIL(swept.errors.front());
    }
    std::set<std::string> known, aside;
    const auto databases = stores->List().value();
    for (const StoreInfo& info : databases) {
      known.insert(stores->StoreId(kTenant, info.database.name).value().ToString());
    }
    const auto aside_now = stores->ListQuarantine().value();
    for (const QuarantinedStore& each : aside_now) {
      REQUIRE(each.bytes > 0);
      aside.insert(file::Path(each.path).filename().string());
    }
    REQUIRE(NamesIn("stores") == known);
    REQUIRE(NamesIn("quarantine") == aside);
    REQUIRE(NamesIn("staging").empty());
  }

  test::FaultyFileSystem files;
  test::FaultyVfs vfs{files};
  StoreOptions options;
  std::unique_ptr<Stores> stores;
  Uuid operation = Uuid::Random();
  Uuid old_store;
};

struct Scenario {
  std::function<void(World&)> prepare;
  std::function<Status(World&)> run;  // also again, after it was interrupted
  // True when it is done; REQUIREs that it is done or not, and nothing between.
  std::function<bool(World&)> done;
};

enum class After { kGoOn, kPowerLoss, kPartlyLost };

// False when it ended before the fault.
bool RunWithFault(const Scenario& scenario, After after, int n) {
  CAPTURE(static_cast<int>(after), n);
  World world;
  scenario.prepare(world);
  REQUIRE_FALSE(scenario.done(world));
  // A process that goes on meets one failure; one that dies meets no more successes.
  if (after == After::kGoOn) world.files.FailCall(n);
  if (after != After::kGoOn) world.files.FailFrom(n);
  const Status first = scenario.run(world);
  const bool faulted = world.files.Faulted();
  if (!first.ok()) UNSCOPED_INFO(first.error().what);
  if (!faulted) REQUIRE(first.ok());
  if (after == After::kGoOn) {
    world.files.Heal();
  } else {
    world.CutPower(after == After::kPartlyLost ? std::optional(test::Seed() + n) : std::nullopt);
    world.Open();
  }
  const bool done = scenario.done(world);
  if (first.ok()) REQUIRE(done);
  if (!done) {
    const Status second = scenario.run(world);
    if (!second.ok()) FAIL(second.error().what);
    REQUIRE(scenario.done(world));
  }
  world.RequireNoOrphans();
  REQUIRE(scenario.done(world));
  world.Open();
  REQUIRE(scenario.done(world));
  world.RequireNoOrphans();
  return faulted;
}

// `step`: how many calls to skip by default.
void RunWithFaults(const Scenario& scenario, int step) {
  const auto after = GENERATE(After::kGoOn, After::kPowerLoss, After::kPartlyLost);
  test::Random random(test::Seed() ^ static_cast<uint64_t>(after));
  const bool all = test::Rounds(0) > 0;
  for (int n = 1; RunWithFault(scenario, after, n);) {
    REQUIRE(n < 20'000);
    n += all || step == 1 ? 1 : 1 + static_cast<int>(random.Below(2 * static_cast<uint64_t>(step)));
  }
}

TEST_CASE("whole stores: replacing one may fail at any call", "[daemon][store][fault]") {
  Scenario replace;
  replace.prepare = [](World& world) {
    world.Journal();
    REQUIRE(world.Stage("new").ok());
  };
  replace.run = [](World& world) -> Status {
    if (!world.Happened()) TRY(world.StageUnlessThere("new"));
    return world.stores->Replace(world.operation, kTenant, kDefault, world.Staged(), "restore", {},
                                 World::Soon());
  };
  replace.done = [](World& world) {
    const std::string what = world.What(kDefault);
    const bool done = what == "new";
    REQUIRE((done || what == "old"));
    REQUIRE(world.Happened() == done);
    REQUIRE(world.stores->ListQuarantine().value().size() == (done ? 1 : 0));
    return done;
  };
  RunWithFaults(replace, 1);
}

TEST_CASE("whole stores: installing one may fail at any call", "[daemon][store][fault]") {
  Scenario install;
  install.prepare = [](World& world) {
    world.Journal();
    REQUIRE(world.Stage("new").ok());
  };
  install.run = [](World& world) -> Status {
    if (!world.Happened()) TRY(world.StageUnlessThere("new"));
    return world.stores->Install(world.operation, kTenant, "second", world.Staged());
  };
  install.done = [](World& world) {
    const std::string what = world.What("second");
    const bool done = what == "new";
    REQUIRE((done || what == "none"));
    REQUIRE(world.Happened() == done);
    REQUIRE(world.What(kDefault) == "old");
    return done;
  };
  RunWithFaults(install, 1);
}

TEST_CASE("whole stores: a fork may fail at any call", "[daemon][store][fault][slow]") {
  Scenario fork;
  fork.prepare = [](World& world) { world.Journal(); };
  fork.run = [](World& world) -> Status {
    TRY(ForkStore(*world.stores, world.operation, {kTenant, kDefault}, {kTenant, "second"},
                  world.files, Patient(), {}));
    return {};
  };
  fork.done = [](World& world) {
    const std::string what = world.What("second");
    const bool done = what == "old";
    REQUIRE((done || what == "none"));
    REQUIRE(world.Happened() == done);
    REQUIRE(world.What(kDefault) == "old");
    return done;
  };
  RunWithFaults(fork, 4);
}

TEST_CASE("whole stores: a merge may fail at any call", "[daemon][store][fault][slow]") {
  Scenario merge;
  merge.prepare = [](World& world) {
    REQUIRE(world.stores->CreateDatabase(kTenant, "second").ok());
    world.Fill("second", "more");
    world.Journal();
  };
  merge.run = [](World& world) -> Status {
    const MergeRequest request{
        world.operation, {kTenant, "second"}, {kTenant, kDefault}, OnConflict::kKeep, std::nullopt};
    TRY(MergeDatabases(*world.stores, request, world.options, world.files, Patient(), {}));
    return {};
  };
  merge.done = [](World& world) {
    const std::string what = world.What(kDefault);
    const bool done = what == "more+old";
    REQUIRE((done || what == "old"));
    REQUIRE(world.Happened() == done);
    REQUIRE(world.What("second") == "more");
    return done;
  };
  RunWithFaults(merge, 10);
}

// The store "old" lies in quarantine, "new" is in its place.
void MoveAside(World& world) {
  world.old_store = world.stores->StoreId(kTenant, kDefault).value();
  REQUIRE(world.Stage("new").ok());
  REQUIRE(world.stores
              ->Replace(world.operation, kTenant, kDefault, world.Staged(), "restore", {},
                        World::Soon())
              .ok());
  world.operation = Uuid::Random();
}

bool IsListed(World& world, const Uuid& store) {
  const auto aside_now = world.stores->ListQuarantine().value();
  for (const QuarantinedStore& each : aside_now) {
    if (each.store == store) return true;
  }
  return false;
}

TEST_CASE("whole stores: a release may fail at any call", "[daemon][store][fault]") {
  Scenario release;
  release.prepare = MoveAside;
  release.run = [](World& world) {
    return world.stores->Release(world.old_store, kTenant, "back");
  };
  release.done = [](World& world) {
    const std::string what = world.What("back");
    const bool done = what == "old";
    REQUIRE((done || what == "none"));
    REQUIRE(IsListed(world, world.old_store) == !done);
    REQUIRE(world.What(kDefault) == "new");
    return done;
  };
  RunWithFaults(release, 1);
}

TEST_CASE("whole stores: removing what is in quarantine may fail at any call",
          "[daemon][store][fault]") {
  Scenario remove;
  remove.prepare = MoveAside;
  remove.run = [](World& world) {
    const Status removed = world.stores->RemoveQuarantined(world.old_store);
    // Half removed it is listed no more, and goes with a start, a sweep or upkeep.
    return removed.Is(Errc::kNotFound) ? Status() : removed;
  };
  remove.done = [](World& world) {
    REQUIRE(world.What(kDefault) == "new");
    if (!IsListed(world, world.old_store)) return true;
    // Whole as long as it is listed.
    REQUIRE(world.NamesIn("quarantine").size() == 1);
    const std::string folder = world.Data() + "/quarantine/" + *world.NamesIn("quarantine").begin();
    const auto store = OpenOfflineStore(folder, world.options, world.files);
    REQUIRE(store.ok());
    REQUIRE((*store)->FindCollection("old") != nullptr);
    return false;
  };
  RunWithFaults(remove, 1);
}

TEST_CASE("whole stores: a sweep may fail at any call", "[daemon][store][fault]") {
  const Uuid unknown = Uuid::Random();
  const auto sweep = [](World& world, SweepMode mode = SweepMode::kDelete) {
    SweepOptions options;
    options.mode = mode;
    options.grace = 0s;
    return world.stores->Sweep(options);
  };
  Scenario scenario;
  scenario.prepare = [&](World& world) {
    const file::Path folder = world.Data() + "/stores/" + unknown.ToString();
    REQUIRE(file::MakeDirectories(world.files, folder).ok());
    REQUIRE(file::ReplaceFile(world.files, folder / "store.db", "precious").ok());
    REQUIRE(world.stores->MakeStaging(world.operation).ok());
    REQUIRE(sweep(world).value().removed == 0);
  };
  scenario.run = [&](World& world) -> Status {
    const SweepResult swept = TRY(sweep(world));
    if (!swept.errors.empty()) return Unavailable(swept.errors.front());
    return {};
  };
  scenario.done = [&](World& world) {
    REQUIRE(world.What(kDefault) == "old");
    // Until it is moved it may be listed already.
    std::string path = "stores/" + unknown.ToString();
    const bool waits = file::Exists(world.files, world.Data() + "/" + path).value();
    const auto aside_now = world.stores->ListQuarantine().value();
    for (const QuarantinedStore& each : aside_now) {
      if (each.store == unknown && !waits) path = each.path;
    }
    const auto bytes = file::ReadFile(world.files, world.Data() + "/" + path + "/store.db", 100);
    if (!bytes.ok()) FAIL(bytes.error().what);
    REQUIRE(*bytes == "precious");
    return path.rfind("quarantine/", 0) == 0;
  };
  const auto after = GENERATE(After::kGoOn, After::kPowerLoss, After::kPartlyLost);
  for (int n = 1;; ++n) {
    REQUIRE(n < 1'000);
    CAPTURE(n, static_cast<int>(after));
    World world;
    scenario.prepare(world);
    if (after == After::kGoOn) world.files.FailCall(n);
    if (after != After::kGoOn) world.files.FailFrom(n);
    const Status first = scenario.run(world);
    if (!first.ok()) UNSCOPED_INFO(first.error().what);
    const bool faulted = world.files.Faulted();
    if (after == After::kGoOn) {
      world.files.Heal();
    } else {
      world.CutPower(after == After::kPartlyLost ? std::optional(test::Seed() + n) : std::nullopt);
      world.Open();
    }
    const bool done = scenario.done(world);
    if (first.ok()) REQUIRE(done);
    // What changed in part is seen anew, and acted on after that.
    for (int again = 0; again < 2; ++again) {
      REQUIRE(sweep(world, SweepMode::kQuarantine).value().errors.empty());
    }
    REQUIRE(scenario.done(world));
    REQUIRE(world.NamesIn("staging").empty());
    if (!faulted) break;
  }
}

}  // namespace
}  // namespace pannier::store

// Goal: a disk that takes no writes is noticed by the first write that meets it, refused in plain
// words, and noticed again when it is back; nothing that was acknowledged is lost, and reads go on.
// Method: a disk that fails on demand, first below the gate alone, then below real stores.
#include "daemon/store/write_gate.h"

#include <catch2/catch.hpp>
#include <filesystem>

#include "tests/daemon/store/fixture.h"
#include "tests/support/fake_clock.h"
#include "tests/support/faulty_file_system.h"
#include "tests/support/faulty_vfs.h"

namespace pannier::store {
namespace {

using std::chrono::milliseconds;

struct Gate {
  explicit Gate(uint64_t missing = 0)
      : gate({.probe = files.root() / "probe",
              .look_every = milliseconds(100),
              .missing_reserve = [missing] { return missing; },
              .told = [this](const GateState& now) { told.push_back(now.cause); }},
             files, clock) {}
  void Later() { clock.Advance(milliseconds(101)); }

  test::FaultyFileSystem files;
  test::FakeClock clock;
  std::vector<GateCause> told;
  WriteGate gate;
};

TEST_CASE("write gate: a disk that takes other writes is not closed for one that failed",
          "[daemon][store][fault]") {
  Gate world;
  const Error passed = world.gate.OnFailure(Unavailable("disk I/O error"));
  REQUIRE(passed.code == Errc::kUnavailable);
  REQUIRE(passed.hint.find("takes other writes") != std::string::npos);
  REQUIRE(world.gate.is_open());
  REQUIRE(world.told.empty());
  REQUIRE(std::filesystem::is_empty(world.files.root()));
}

TEST_CASE("write gate: what cannot be the disk's doing costs no look", "[daemon][store]") {
  Gate world;
  const int calls = world.files.calls();
  REQUIRE(world.gate.OnFailure(NotFound("no such collection")).hint.empty());
  REQUIRE(world.gate.OnFailure(InvalidArgument("wrong dimension")).hint.empty());
  REQUIRE(world.files.calls() == calls);
}

TEST_CASE("write gate: on a full disk it closes but for what frees space, and opens with room",
          "[daemon][store][fault]") {
  Gate world;
  world.files.FillFrom(1);
  const Error passed = world.gate.OnFailure(StorageFull("commit"));
  REQUIRE(passed.code == Errc::kStorageFull);
  REQUIRE(passed.what == "commit");
  REQUIRE(passed.hint.find("make room") != std::string::npos);
  REQUIRE(world.gate.state().cause == GateCause::kDiskFull);
  const Status refused = world.gate.Check(/*frees_space=*/false);
  REQUIRE(refused.Is(Errc::kStorageFull));
  REQUIRE(refused.error().what.find("nothing was written") != std::string::npos);
  REQUIRE(world.gate.Check(/*frees_space=*/true).ok());
  world.files.Heal();
  REQUIRE_FALSE(world.gate.Check(false).ok());  // too soon for another look
  world.Later();
  REQUIRE(world.gate.Check(false).ok());
  REQUIRE(world.told == std::vector{GateCause::kDiskFull, GateCause::kNone});
}

TEST_CASE("write gate: room that is to be kept aside is no room", "[daemon][store][fault]") {
  Gate world(/*missing=*/1ull << 60);
  world.files.FillFrom(1);
  REQUIRE_FALSE(world.gate.OnFailure(StorageFull("commit")).what.empty());
  world.files.Heal();
  world.Later();
  world.gate.LookAgain();
  REQUIRE_FALSE(world.gate.is_open());
  REQUIRE(world.told.size() == 1);  // the same trouble is told once
}

TEST_CASE("write gate: a failing disk closes it for everything, and looks are counted out",
          "[daemon][store][fault]") {
  Gate world;
  world.files.FailFrom(1);
  REQUIRE(world.gate.OnFailure(Unavailable("x")).code == Errc::kUnavailable);
  REQUIRE(world.gate.state().cause == GateCause::kIoFailed);
  REQUIRE(world.gate.Check(/*frees_space=*/true).Is(Errc::kUnavailable));
  const int calls = world.files.calls();
  for (int i = 0; i < 100; ++i) REQUIRE_FALSE(world.gate.Check(false).ok());
  REQUIRE(world.files.calls() == calls);
  world.files.Heal();
  world.Later();
  world.gate.LookAgain();
  REQUIRE(world.gate.is_open());
}

TEST_CASE("write gate: out of descriptors is no matter of the disk", "[daemon][store][fault]") {
  Gate world;
  world.files.FailFrom(1, Errc::kResourceExhausted);
  REQUIRE_FALSE(world.gate.OnFailure(Unavailable("x")).what.empty());
  REQUIRE(world.gate.is_open());
}

TEST_CASE("write gate: a wish closes it until it ends, and trouble is told before it",
          "[daemon][store]") {
  Gate world;
  world.gate.Wish("moving house");
  REQUIRE(world.gate.state().reason.find("moving house") != std::string::npos);
  REQUIRE(world.gate.Check(/*frees_space=*/true).Is(Errc::kUnavailable));
  world.Later();
  world.gate.LookAgain();
  REQUIRE_FALSE(world.gate.is_open());
  world.files.FillFrom(1);
  REQUIRE_FALSE(world.gate.OnFailure(StorageFull("x")).what.empty());
  REQUIRE(world.gate.state().cause == GateCause::kDiskFull);
  REQUIRE_FALSE(world.gate.Check(/*frees_space=*/true).ok());  // the wish still stands
  world.files.Heal();
  world.Later();
  world.gate.LookAgain();
  REQUIRE(world.gate.state().cause == GateCause::kWish);
  world.gate.Wish(std::nullopt);
  REQUIRE(world.gate.Check(false).ok());
}

// --- under real stores ---

class Observer final : public StoreObserver {
 public:
  void OnCommit(uint64_t, std::chrono::nanoseconds, std::chrono::nanoseconds) override {}
  void OnSearch(bool, std::chrono::nanoseconds) override {}
  void OnWriteGate(const GateState& now) override { told.push_back(now.cause); }
  std::vector<GateCause> told;
};

struct FailingWorld {
  FailingWorld() {
    options.sqlite_vfs = vfs.name();
    options.look_at_disk_every = milliseconds(0);
    stores = Stores::Open((files.root() / "data").string(), options, files, SystemClock(), &told)
                 .value();
    REQUIRE(stores->CreateDatabase("default_tenant", "other").ok());
    for (const char* name : {"default_database", "other"}) {
      const auto made = Open(name)->CreateCollection(Collection("c"), Patient());
      ids.push_back(made.value()->id);
      REQUIRE(Add(name, ids.back(), "kept").ok());
    }
  }
  StoreRef Open(const std::string& name) { return stores->Acquire("default_tenant", name).value(); }
  Status Add(const std::string& name, const Uuid& id, const std::string& record) {
    return Write(*Open(name), id, model::WriteKind::kAdd, {{record, {1, 2}, "x", {}, {}}});
  }

  test::FaultyFileSystem files;
  test::FaultyVfs vfs{files};
  StoreOptions options;
  Observer told;
  std::unique_ptr<Stores> stores;
  std::vector<Uuid> ids;
};

TEST_CASE("modes: while the disk takes no writes all stores refuse, reads go on, and it ends alone",
          "[daemon][store][fault]") {
  const bool full = GENERATE(true, false);
  FailingWorld world;
  if (full) {
    world.files.FillFrom(1);
  } else {
    world.files.FailFrom(1);
  }
  const Errc code = full ? Errc::kStorageFull : Errc::kUnavailable;
  const Status met = world.Add("default_database", world.ids[0], "lost");
  REQUIRE(met.Is(code));
  REQUIRE_FALSE(met.error().hint.empty());
  REQUIRE(world.stores->write_state().is_closed());
  REQUIRE(world.Add("other", world.ids[1], "lost").Is(code));
  REQUIRE(world.stores->CreateTenant("new").Is(code));
  REQUIRE(world.stores->CreateDatabase("default_tenant", "new").Is(code));
  // A disk on which nothing works at all has no pages to read either.
  if (full) REQUIRE(Get(*world.Open("other"), world.ids[1])->size() == 1);

  world.files.Heal();
  REQUIRE(world.Add("default_database", world.ids[0], "new").ok());
  REQUIRE_FALSE(world.stores->write_state().is_closed());
  REQUIRE(world.told.told.back() == GateCause::kNone);
  REQUIRE(IdsOf(Get(*world.Open("default_database"), world.ids[0]).value()) ==
          std::vector<std::string>{"kept", "new"});
  REQUIRE(IdsOf(Get(*world.Open("other"), world.ids[1]).value()) ==
          std::vector<std::string>{"kept"});
}

TEST_CASE("modes: switched off, nothing of clients changes and everything is read",
          "[daemon][store]") {
  FailingWorld world;
  world.stores->RefuseWrites("maintenance");
  REQUIRE(world.Add("other", world.ids[1], "lost").Is(Errc::kUnavailable));
  REQUIRE(world.Open("other")->DeleteCollection("c", Patient()).Is(Errc::kUnavailable));
  REQUIRE(world.Open("other")
              ->Delete(world.ids[1], {std::vector<std::string>{"kept"}, {}}, {}, Patient())
              .Is(Errc::kUnavailable));
  REQUIRE(world.stores->DeleteDatabase("default_tenant", "other").Is(Errc::kUnavailable));
  REQUIRE(world.stores->Reset().Is(Errc::kUnavailable));
  REQUIRE(world.Open("other")->Count(world.ids[1], Patient()).value() == 1);
  world.stores->RefuseWrites(std::nullopt);
  REQUIRE(world.Add("other", world.ids[1], "new").ok());
}

TEST_CASE("modes: a damaged store is refused alone, and the others are written to",
          "[daemon][store]") {
  Scratch scratch;
  REQUIRE(scratch.stores().CreateDatabase("default_tenant", "other").ok());
  const Uuid id = scratch.Default()->CreateCollection(Collection("c"), Patient()).value()->id;
  const StoreInfo broken = scratch.stores().Describe("default_tenant", "other").value();
  std::filesystem::remove(scratch.path() / broken.folder / "store.db");
  REQUIRE(scratch.stores().Acquire("default_tenant", "other").Is(Errc::kCorruption));
  REQUIRE(Write(*scratch.Default(), id, model::WriteKind::kAdd, {{"a", {}, "x", {}, {}}}).ok());
  REQUIRE_FALSE(scratch.stores().write_state().is_closed());
}

}  // namespace
}  // namespace pannier::store

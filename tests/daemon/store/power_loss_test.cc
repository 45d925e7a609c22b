// Goal: (a) a disk that fails, once or for good, or is full, loses nothing acknowledged, is
// reported as what it is, and the store goes on when it works again; (b) a power cut at any moment
// leaves every acknowledged write, readable and findable, and no write in part.
// Method: random histories on a FaultyFileSystem, SQLite included. What a failed call may have left
// is all of it or nothing, so the test keeps the list of states the disk may be in (worlds.h);
// every look at the disk must be one of them, and picks it. PANNIER_SEED replays a run,
// PANNIER_TORTURE_ROUNDS makes it longer.
#include <catch2/catch.hpp>
#include <thread>

#include "daemon/store/store_file.h"
#include "tests/daemon/store/fixture.h"
#include "tests/daemon/store/worlds.h"
#include "tests/support/torture.h"

namespace pannier::store {
namespace {

// --- (a) failing calls ---

enum class Fault { kOnce, kForGood, kFull };

void Break(Disk& disk, Fault fault, int n) {
  if (fault == Fault::kOnce) disk.files().FailCall(n);
  if (fault == Fault::kForGood) disk.files().FailFrom(n);
  if (fault == Fault::kFull) disk.files().FillFrom(n);
}

// One history with a fault at its n-th call; false when it ended before that.
bool RunWithFault(Fault fault, int n, uint64_t seed) {
  CAPTURE(n, seed);
  Disk disk(seed);
  disk.Start();
  for (int i = 0; i < 6; ++i) disk.Step();
  Break(disk, fault, n);
  int after = 0;  // each failed call doubles the states that must be told apart
  for (int i = 0; i < 12 && after < 5; ++i) {
    disk.Step();
    if (disk.files().Faulted()) ++after;
  }
  const bool faulted = disk.files().Faulted();
  disk.files().Heal();
  disk.CheckWithoutReopening();
  for (int i = 0; i < 3; ++i) disk.Step();  // it goes on
  disk.CheckWithoutReopening();
  disk.Reopen();
  disk.Check();
  return faulted;
}

void RunWithFaults(Fault fault, uint64_t salt) {
  constexpr int kCallsOfHistory = 700;
  const int rounds = test::Rounds(40);
  test::Random random(test::Seed() ^ salt);
  for (int round = 0; round < rounds; ++round) {
    const int n = 1 + static_cast<int>(random.Below(kCallsOfHistory));
    RunWithFault(fault, n, test::Seed() + static_cast<uint64_t>(round));
  }
}

TEST_CASE("power loss: a call that fails once loses nothing acknowledged",
          "[daemon][store][fault]") {
  RunWithFaults(Fault::kOnce, 1);
}

TEST_CASE("power loss: a disk that is gone for a while loses nothing acknowledged",
          "[daemon][store][fault]") {
  RunWithFaults(Fault::kForGood, 2);
}

TEST_CASE("power loss: a full disk loses nothing acknowledged", "[daemon][store][fault]") {
  RunWithFaults(Fault::kFull, 3);
}

// The first calls of a history, one after the other without gaps: opening and the first commits.
TEST_CASE("power loss: each of the first calls may fail", "[daemon][store][fault][slow]") {
  const int rounds = std::min(test::Rounds(60), 1'000);
  for (int n = 1; n <= rounds; ++n) {
    if (!RunWithFault(Fault::kOnce, n, 7)) break;
  }
}

TEST_CASE("power loss: starting may fail at any call, and succeeds when the disk is back",
          "[daemon][store][fault]") {
  const auto crash = GENERATE(false, true);
  bool met_fault = true;
  for (int n = 1; met_fault; ++n) {
    CAPTURE(n, crash);
    REQUIRE(n < 2'000);
    Disk disk(1);
    disk.files().FailCall(n);
    const Status started = disk.TryStart();
    met_fault = disk.files().Faulted();
    if (!started.ok()) REQUIRE(started.Is(Errc::kUnavailable));
    if (!met_fault) REQUIRE(started.ok());
    if (crash) disk.CutPower(std::nullopt);
    disk.files().Heal();
    if (crash || !started.ok()) disk.Start();
    disk.Check();
    for (int i = 0; i < 4; ++i) disk.Step();
    disk.Reopen();
    disk.Check();
  }
}

// Also a failure that nobody hears of (SQLite ignores that of syncing a folder) must cost nothing.
TEST_CASE("power loss: after one failed call a cut still keeps what was acknowledged",
          "[daemon][store][fault]") {
  bool met_fault = true;
  for (int n = 1; met_fault; ++n) {
    CAPTURE(n);
    REQUIRE(n < 1'000);
    Disk disk(5);
    disk.Start();
    for (int i = 0; i < 6; ++i) disk.Step();
    disk.Reopen();
    disk.files().FailCall(n);
    for (int i = 0; i < 4; ++i) disk.Step();
    met_fault = disk.files().Faulted();
    disk.CutPower(std::nullopt);
    disk.Start();
    disk.Check();
  }
}

// SQLite rolls a whole transaction back when one read in it fails: the group's other writes must
// not be taken for done, nor go on without a transaction.
TEST_CASE("power loss: a read that fails in a group commit fails the group",
          "[daemon][store][fault]") {
  test::FaultyFileSystem files;
  test::FaultyVfs vfs(files);
  const std::string path = (files.root() / "store.db").string();
  CreateStoreFile(path, vfs.name()).value();
  PublishedCollections published;
  const auto open = [&] {
    return Writer::Open(OpenStoreWriter(path, vfs.name()).value(), published, InMemory).value();
  };
  Uuid id;
  {
    const auto writer = open();
    writer->Begin().value();
    id = writer->CreateCollection(Collection("c")).value()->id;
    writer->Commit().value();
    writer->Begin().value();
    std::vector<Record> records;
    for (int i = 0; i < 500; ++i) {
      records.push_back({"id " + std::to_string(i), {1, 2}, std::string(500, 'd'), {}, {}});
    }
    writer->Write(id, model::WriteKind::kAdd, Batch(records)).value();
    writer->Commit().value();
  }
  const auto writer = open();
  REQUIRE(writer->Begin().ok());
  REQUIRE(writer->Write(id, model::WriteKind::kAdd, Batch({{"new", {1, 2}, {}, {}, {}}})).ok());
  REQUIRE_FALSE(writer->broken());
  files.FailFrom(1);
  const uint32_t number = published.Get()->Find(id)->info->number;
  const auto scan = writer->records(number).Scan(Columns::kAll, INT64_MAX, 0,
                                                 [](const Row&) -> Status { return {}; });
  REQUIRE(scan.Is(Errc::kUnavailable));
  REQUIRE(writer->broken());
  files.Heal();
  writer->Abort();
  REQUIRE(writer->CountersOf(number).value().records == 500);
  REQUIRE(published.Get()->Find(id)->indexes->records == 500);
}

// --- (b) power cuts ---

TEST_CASE("power loss: cuts between and within calls leave what was acknowledged",
          "[daemon][store][fault]") {
  const int rounds = test::Rounds(25);
  for (int round = 0; round < rounds; ++round) {
    const uint64_t seed = test::Seed() + static_cast<uint64_t>(round);
    CAPTURE(seed);
    Disk disk(seed);
    test::Random random(seed ^ 0xabcdef);
    disk.Start();
    for (int cut = 0; cut < 4; ++cut) {
      CAPTURE(cut);
      for (uint64_t steps = random.Below(12); steps > 0; --steps) disk.Step();
      if (random.OneIn(2)) {
        // The power fails while a call runs: from some point of it on nothing reaches the disk.
        disk.files().FailFrom(1 + static_cast<int>(random.Below(60)));
        for (int i = 0; i < 4 && !disk.files().Faulted(); ++i) disk.Step();
      } else {
        // One call fails, perhaps unnoticed, and the power later.
        disk.files().FailCall(1 + static_cast<int>(random.Below(100)));
        for (int i = 0; i < 4; ++i) disk.Step();
      }
      disk.CutPower(random.OneIn(3) ? std::nullopt : std::optional<uint64_t>(random.Next()));
      disk.Start();
      disk.Check();
    }
  }
}

// Writers on several threads share commits; the cut comes at some call of theirs.
TEST_CASE("power loss: a cut under many writers keeps every acknowledged batch whole",
          "[daemon][store][fault]") {
  constexpr int kWriters = 4;
  constexpr int kBatch = 5;
  const int rounds = test::Rounds(10);
  for (int round = 0; round < rounds; ++round) {
    const uint64_t seed = test::Seed() + static_cast<uint64_t>(round);
    CAPTURE(seed);
    test::Random random(seed);
    Disk disk(seed);
    disk.Start();
    const StoreRef store = disk.Default();
    const Uuid id = store->CreateCollection(Collection("crowd"), Patient()).value()->id;
    disk.files().FailFrom(10 + static_cast<int>(random.Below(400)));
    std::array<int, kWriters> acknowledged{};
    {
      std::vector<std::jthread> writers;
      for (int w = 0; w < kWriters; ++w) {
        writers.emplace_back([&, w] {
          for (int batch = 0; batch < 1'000; ++batch) {
            std::vector<Record> records;
            for (int i = 0; i < kBatch; ++i) {
              records.push_back(
                  {std::to_string(w) + "/" + std::to_string(batch) + "/" + std::to_string(i),
                   {1.0f * w, 1.0f * batch, 1.0f * i},
                   {},
                   {},
                   {}});
            }
            if (!Write(*store, id, model::WriteKind::kAdd, records).ok()) return;
            acknowledged[w] = batch + 1;
          }
        });
      }
    }
    const_cast<StoreRef&>(store).reset();
    disk.CutPower(random.Next());
    disk.Start();
    const StoreRef after = disk.Default();
    std::map<std::string, int> per_batch;
    const auto records = Get(*after, id).value();
    for (const Record& record : records) ++per_batch[record.id.substr(0, record.id.rfind('/'))];
    for (const auto& [batch, count] : per_batch) REQUIRE(count == kBatch);
    for (int w = 0; w < kWriters; ++w) {
      for (int batch = 0; batch < acknowledged[w]; ++batch) {
        REQUIRE(per_batch.contains(std::to_string(w) + "/" + std::to_string(batch)));
      }
      if (acknowledged[w] == 0) continue;
      const int last = acknowledged[w] - 1;
      const auto found = Query(*after, id, {1.0f * w, 1.0f * last, 2.0f}, 1).value();
      REQUIRE(found.front().id == std::to_string(w) + "/" + std::to_string(last) + "/2");
      REQUIRE(found.front().distance == 0);
    }
  }
}

}  // namespace
}  // namespace pannier::store

// Goal: while a pin lives the file's bytes stand still and are the store at one sequence, whatever
// is done to the store meanwhile; and nobody who does it notices.
// Method: random histories with pins in between; the bytes are read again and again, and a copy of
// them is opened and compared with the reference store as it was. PANNIER_SEED replays a run.
#include "daemon/store/store_pin.h"

#include <algorithm>
#include <catch2/catch.hpp>
#include <filesystem>
#include <thread>

#include "daemon/store/fork.h"
#include "daemon/store/offline_store.h"
#include "daemon/store/store_file.h"
#include "tests/daemon/store/fixture.h"
#include "tests/daemon/store/random_history.h"
#include "tests/daemon/store/reference_store.h"
#include "tests/support/torture.h"

namespace pannier::store {
namespace {

namespace fs = std::filesystem;
using namespace std::chrono_literals;
using model::WriteKind;

constexpr uint32_t kDimension = 8;
constexpr const char* kNames[] = {"a", "b", "c"};

template <typename T>
T Must(Result<T> result) {
  if (!result.ok()) FAIL(result.error().what);
  return std::move(result).value();
}

std::string BytesOf(const StorePin& pin) {
  std::string bytes(pin.bytes(), '\0');
  const Status read = pin.Read(0, bytes);
  if (!read.ok()) FAIL(read.error().what);
  return bytes;
}

void CompareWith(Store& store, const ReferenceStore& expected) {
  REQUIRE(store.CountCollections() == expected.size());
  for (const auto& [name, collection] : expected) {
    CAPTURE(name);
    const CollectionPtr info = store.FindCollection(name);
    REQUIRE(info != nullptr);
    REQUIRE(info->id == collection.id);
    model::GetRequest all;
    all.include = {true, true, true, true, false};
    REQUIRE(Get(store, info->id).value() == collection.Get(all));
  }
}

Record Big(int i) {
  return {
      std::to_string(i), std::vector<float>(kDimension, 1.0f), std::string(20'000, 'd'), {}, {}};
}

class Pins {
 public:
  explicit Pins(uint64_t seed) : history_(seed), random_(history_.random()), lone_(Options()) {
    store_ = lone_.Open();
  }

  void Run() {
    for (int pins = 0; pins < 3; ++pins) {
      for (uint64_t steps = random_.Below(20); steps > 0; --steps) Step();
      PinAndGoOn();
    }
  }

 private:
  StoreOptions Options() {
    StoreOptions options;
    options.wal_bytes_checkpoint = random_.OneIn(2) ? 64 << 10 : 16 << 20;
    return options;
  }

  void PinAndGoOn() {
    const auto pin = Must(store_->Pin(Patient()));
    REQUIRE(pin->sequence() == store_->sequence());
    const ReferenceStore expected = reference_;
    const std::string bytes = BytesOf(*pin);
    CheckCopy(bytes, *pin, expected);
    const index::Sequence at = pin->sequence();
    for (uint64_t steps = 5 + random_.Below(20); steps > 0; --steps) {
      Step();
      REQUIRE(BytesOf(*pin) == bytes);
    }
    if (store_->sequence() > at) REQUIRE(pin->log_bytes() > 0);
    CompareWith(*store_, reference_);
    REQUIRE(pin->sequence() == at);
  }

  static void CheckCopy(const std::string& bytes, const StorePin& pin,
                        const ReferenceStore& expected) {
    test::TempDir dir;
    {
      const auto file =
          file::RealFileSystem().Open(dir / "store.db", file::OpenMode::kCreateNew).value();
      file->WriteAt(0, bytes).value();
    }
    const auto copy = Must(OpenOfflineStore(dir.path().string(), {}, file::RealFileSystem()));
    REQUIRE(copy->sequence() == pin.sequence());
    CompareWith(*copy, expected);
    REQUIRE(pin.collections().size() == expected.size());
    for (const PinnedCollection& each : pin.collections()) {
      REQUIRE(expected.at(each.info.name).records.size() == each.records);
    }
  }

  void Step() {
    switch (random_.Below(10)) {
      case 0:
        REQUIRE(store_->Flush(Patient()).ok());
        break;
      case 1:
        store_->Upkeep();
        break;
      case 2:
        Compact();
        break;
      case 3:
        CreateOrDelete();
        break;
      default:
        Write();
    }
  }

  // Short of time: a pin would be waited for.
  void Compact() {
    const auto compacted = store_->Compact({SystemClock().Steady() + 2ms});
    REQUIRE((compacted.ok() || compacted.Is(Errc::kDeadlineExceeded)));
  }

  void CreateOrDelete() {
    const std::string name = random_.Of(kNames);
    if (reference_.contains(name)) {
      REQUIRE(store_->DeleteCollection(name, Patient()).ok());
      reference_.erase(name);
    } else {
      reference_[name].id = Must(store_->CreateCollection(Collection(name), Patient()))->id;
    }
  }

  void Write() {
    if (reference_.empty()) return CreateOrDelete();
    ReferenceCollection& collection =
        std::next(reference_.begin(), random_.Below(reference_.size()))->second;
    constexpr WriteKind kKinds[] = {WriteKind::kAdd, WriteKind::kUpsert, WriteKind::kUpdate};
    const WriteKind kind = random_.Of(kKinds);
    std::vector<Record> records = history_.SomeRecords(kind, kDimension);
    if (kind == WriteKind::kUpsert) records.push_back(Big(static_cast<int>(random_.Below(40))));
    const Status written = store::Write(*store_, collection.id, kind, records);
    const Status expected = collection.Write(kind, records);
    REQUIRE(written.ok() == expected.ok());
  }

  RandomHistory history_;
  test::Random& random_;
  LoneStore lone_;
  std::shared_ptr<SqliteStore> store_;
  ReferenceStore reference_;
};

TEST_CASE("pin: the file stands still at one sequence while the store goes on", "[daemon][store]") {
  const int rounds = test::Rounds(50);
  for (int round = 0; round < rounds; ++round) {
    const uint64_t seed = test::Seed() + static_cast<uint64_t>(round);
    CAPTURE(seed);
    Pins(seed).Run();
  }
}

struct Busy {
  Busy() {
    store = lone.Open();
    id = store->CreateCollection(Collection("c"), Patient()).value()->id;
    Add(0, 20);
  }
  void Add(int from, int count) {
    std::vector<Record> records;
    for (int i = from; i < from + count; ++i) records.push_back(Big(i));
    REQUIRE(Write(*store, id, WriteKind::kAdd, records).ok());
  }
  LoneStore lone;
  std::shared_ptr<SqliteStore> store;
  Uuid id;
};

TEST_CASE("pin: several share a sequence; one of a newer sequence waits for the older's end",
          "[daemon][store]") {
  Busy busy;
  auto first = busy.store->Pin(Patient()).value();
  auto second = busy.store->Pin(Patient()).value();
  REQUIRE(first->sequence() == second->sequence());
  busy.Add(20, 1);
  REQUIRE(busy.store->Pin({SystemClock().Steady() + 20ms}).Is(Errc::kDeadlineExceeded));
  second.reset();
  REQUIRE(busy.store->Pin({SystemClock().Steady() + 20ms}).Is(Errc::kDeadlineExceeded));
  first.reset();
  REQUIRE(busy.store->Pin(Patient()).value()->sequence() == busy.store->sequence());
}

TEST_CASE("pin: a reader of the log is waited for, and no longer than the deadline",
          "[daemon][store]") {
  Busy busy;
  Connection reader = OpenStoreReader(busy.lone.file(), "").value();
  {
    busy.Add(20, 1);
    const Transaction look = Transaction::Begin(reader, Transaction::Kind::kRead).value();
    REQUIRE(reader.QueryInt("SELECT count(*) FROM collections").value() == 1);
    busy.Add(21, 1);  // later than what the reader sees, so that it cannot be moved
    REQUIRE(busy.store->Pin({SystemClock().Steady() + 20ms}).Is(Errc::kDeadlineExceeded));
    busy.Add(22, 1);
  }
  REQUIRE(busy.store->Pin(Patient()).value()->sequence() == busy.store->sequence());
  REQUIRE(busy.store->Pin(TooLate()).Is(Errc::kDeadlineExceeded));
}

TEST_CASE("pin: what is dropped or compacted meanwhile gives its disk back afterwards",
          "[daemon][store]") {
  Busy busy;
  busy.Add(20, 200);
  REQUIRE(busy.store->Flush(Patient()).ok());
  const uint64_t before = fs::file_size(busy.lone.file());
  auto pin = busy.store->Pin(Patient()).value();
  REQUIRE(busy.store->DeleteCollection("c", Patient()).ok());
  REQUIRE(busy.store->Compact({SystemClock().Steady() + 1s}).value() == 0);
  REQUIRE(fs::file_size(busy.lone.file()) == before);
  busy.store->Upkeep();
  const uint64_t wanted = busy.lone.host.upkeeps_wanted;
  pin.reset();
  REQUIRE(busy.lone.host.upkeeps_wanted == wanted + 1);
  busy.store->Upkeep();
  REQUIRE(fs::file_size(busy.lone.file()) < before / 2);
}

TEST_CASE("pin: commits beside a pin ask for no upkeep", "[daemon][store]") {
  StoreOptions options;
  options.wal_bytes_checkpoint = 64 << 10;
  LoneStore lone(options);
  const auto store = lone.Open();
  const Uuid id = store->CreateCollection(Collection("c"), Patient()).value()->id;
  const auto pin = store->Pin(Patient()).value();
  const uint64_t wanted = lone.host.upkeeps_wanted;
  for (int i = 0; i < 50; ++i) REQUIRE(Write(*store, id, WriteKind::kAdd, {Big(i)}).ok());
  REQUIRE(lone.host.upkeeps_wanted == wanted);
  REQUIRE(pin->log_bytes() >= 50 * 20'000);
}

// A reader keeps the log from being moved: asking for upkeep at each commit would be a spin.
TEST_CASE("log: when a reader keeps it, upkeep is asked for once in a while", "[daemon][store]") {
  StoreOptions options;
  options.wal_bytes_checkpoint = 1 << 20;
  LoneStore lone(options);
  const auto store = lone.Open();
  const Uuid id = store->CreateCollection(Collection("c"), Patient()).value()->id;
  Connection reader = OpenStoreReader(lone.file(), "").value();
  const Transaction look = Transaction::Begin(reader, Transaction::Kind::kRead).value();
  REQUIRE(reader.QueryInt("SELECT count(*) FROM collections").value() == 1);
  uint64_t asked = 0;
  for (int i = 0; i < 200; ++i) {
    REQUIRE(Write(*store, id, WriteKind::kAdd, {Big(i)}).ok());
    if (lone.host.upkeeps_wanted > asked) store->Upkeep();
    asked = lone.host.upkeeps_wanted;
  }
  REQUIRE(asked > 0);
  REQUIRE(asked < 30);
}

TEST_CASE("pin: with a long log and a writer that never rests a pin is made", "[daemon][store]") {
  Busy busy;
  std::atomic<bool> failed{false};
  std::jthread writer([&](const std::stop_token& stop) {
    for (int i = 1'000; !stop.stop_requested(); ++i) {
      if (!Write(*busy.store, busy.id, WriteKind::kUpsert, {Big(i % 200)}).ok()) failed = true;
    }
  });
  for (int i = 0; i < 10; ++i) {
    busy.Add(300 + i * 100, 100);  // 2 MiB of log at once
    test::TempDir dir;
    const StoreCopy copy =
        CopyStore(*busy.store, dir.path().string(), file::RealFileSystem(), Patient(), {}).value();
    const auto opened = Must(OpenOfflineStore(dir.path().string(), {}, file::RealFileSystem()));
    REQUIRE(opened->sequence() == copy.sequence);
    REQUIRE(opened->Count(busy.id, Patient()).value() >= 120);
  }
  writer.request_stop();
  writer.join();
  REQUIRE_FALSE(failed);
}

TEST_CASE("compact: free pages go, and writes go on", "[daemon][store]") {
  Busy busy;
  busy.Add(20, 300);
  model::Selection all;
  all.ids.emplace();
  for (int i = 0; i < 310; ++i) all.ids->push_back(std::to_string(i));
  REQUIRE(busy.store->Delete(busy.id, all, {}, Patient()).value() == 310);
  REQUIRE(busy.store->Flush(Patient()).ok());
  const uint64_t before = fs::file_size(busy.lone.file());
  const uint64_t freed = busy.store->Compact(Patient()).value();
  REQUIRE(freed > 5'000'000);
  REQUIRE(fs::file_size(busy.lone.file()) == before - freed);
  REQUIRE(busy.store->Compact(Patient()).value() == 0);
  REQUIRE(busy.store->Count(busy.id, Patient()).value() == 10);
}

TEST_CASE("rebuild: caches come anew from the rows, with their graphs", "[daemon][store]") {
  StoreOptions options;
  options.graph_threshold = 50;
  Scratch scratch(options);
  const StoreRef store = scratch.Default();
  const Uuid id = store->CreateCollection(Collection("c"), Patient()).value()->id;
  std::vector<Record> records;
  for (int i = 0; i < 200; ++i) {
    records.push_back({std::to_string(i), {1.0f * static_cast<float>(i), 1}, {}, {}, {}});
  }
  REQUIRE(Write(*store, id, WriteKind::kAdd, records).ok());
  REQUIRE(store->RebuildIndexes(Patient()).ok());
  const CollectionStatus status = store->Describe(id, Patient()).value();
  REQUIRE(status.indexed == 200);
  REQUIRE(Query(*store, id, {17, 1}, 1).value().front().id == "17");
  REQUIRE(store->RebuildIndexes(TooLate()).Is(Errc::kDeadlineExceeded));
}

}  // namespace
}  // namespace pannier::store

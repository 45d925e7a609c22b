// Goal: readers beside writers see one whole commit, never an older one than was acknowledged
// before they began, and never go back.
// Method: each writer raises the version of all its records in one batch; readers note what was
// acknowledged before a read and compare every way to read. Caches are dropped and the log is moved
// meanwhile.
#include <array>
#include <catch2/catch.hpp>
#include <cmath>
#include <map>
#include <thread>

#include "tests/daemon/store/fixture.h"

namespace pannier::store {
namespace {

constexpr int kWriters = 3;
constexpr int kRecords = 4;  // of each writer
constexpr int64_t kVersions = 60;

std::string Name(int writer, int i) { return std::to_string(writer) + "/" + std::to_string(i); }

std::vector<Record> BatchOf(int writer, int64_t version) {
  std::vector<Record> records;
  for (int i = 0; i < kRecords; ++i) {
    records.push_back({Name(writer, i),
                       {1.0f * static_cast<float>(writer), static_cast<float>(version), 1.0f * i},
                       std::to_string(version),
                       model::Metadata{{"writer", int64_t{writer}}, {"version", version}},
                       {}});
  }
  return records;
}

// Catch2's assertions are for one thread: faults are counted, and the first is kept.
class Faults {
 public:
  void Note(const std::string& what) {
    MutexLock lock(mutex_);
    if (count_++ == 0) first_ = what;
  }
  void Expect(bool fine, const char* what) {
    if (!fine) Note(what);
  }
  std::string Report() const {
    MutexLock lock(mutex_);
    return count_ == 0 ? "" : std::to_string(count_) + " faults, first: " + first_;
  }

 private:
  mutable Mutex mutex_;
  int count_ GUARDED_BY(mutex_) = 0;
  std::string first_ GUARDED_BY(mutex_);
};

class Crowd {
 public:
  Crowd(Store& store, const Uuid& id) : store_(store), id_(id) {}

  void Write(int writer) {
    for (int64_t version = 1; version <= kVersions; ++version) {
      const Status written =
          store::Write(store_, id_, model::WriteKind::kUpsert, BatchOf(writer, version));
      if (!written.ok()) faults.Note(written.error().what);
      acknowledged_[writer] = version;
    }
  }

  void ReadUntil(const std::stop_token& stop, int start) {
    std::array<int64_t, kWriters> last{};
    for (int turn = start; !stop.stop_requested(); ++turn) {
      const int writer = turn % kWriters;
      const int64_t before = acknowledged_[writer];
      const int64_t seen = Read(turn, writer);
      faults.Expect(seen >= before, "a read missed an acknowledged write");
      faults.Expect(seen >= last[writer], "a read went back");
      last[writer] = std::max(last[writer], seen);
      ++reads;
    }
  }

  Faults faults;
  std::atomic<uint64_t> reads{0};

 private:
  // The writer's version as one of the ways to read shows it; 0: not there yet.
  int64_t Read(int turn, int writer) {
    if (turn % 4 == 3) return turn % 8 == 3 ? ReadByQuery(writer) : ReadDocuments(writer);
    model::GetRequest request;
    if (turn % 4 == 1) {
      request.selection.filter = Where("writer", model::FilterOp::kEq, int64_t{writer});
    } else if (turn % 4 == 2) {
      request.selection.ids.emplace();
      for (int i = 0; i < kRecords; ++i) request.selection.ids->push_back(Name(writer, i));
    }
    const auto got = Get(store_, id_, request);
    if (!got.ok()) return faults.Note(got.error().what), INT64_MAX;
    int64_t version = 0;
    int mine = 0;
    for (const Record& record : *got) {
      if (record.id[0] != '0' + writer) continue;
      const int64_t its = std::get<int64_t>(record.metadata->back().second);
      faults.Expect(mine == 0 || its == version, "a batch was seen in part");
      faults.Expect(record.document == std::to_string(its), "a record of two versions");
      faults.Expect(record.vector[1] == static_cast<float>(its), "a vector of another version");
      version = its;
      ++mine;
    }
    faults.Expect(mine == 0 || mine == kRecords, "a batch was seen in part");
    return version;
  }

  // Far above all: the distance tells the version.
  int64_t ReadByQuery(int writer) {
    constexpr float kFar = 1'000;
    const model::Selection mine{{}, Where("writer", model::FilterOp::kEq, int64_t{writer})};
    const auto found =
        Query(store_, id_, {1.0f * static_cast<float>(writer), kFar, 0}, kRecords, mine);
    if (!found.ok()) return faults.Note(found.error().what), INT64_MAX;
    if (found->empty()) return 0;
    faults.Expect(found->size() == kRecords, "a query saw a batch in part");
    faults.Expect(found->front().id == Name(writer, 0), "a query found another record");
    return std::llround(kFar - std::sqrt(found->front().distance));
  }

  // All records, with what memory may keep of them: the distance must be of the document's version.
  int64_t ReadDocuments(int writer) {
    constexpr float kFar = 1'000;
    model::QueryRequest request;
    request.vectors = {0, kFar, 0};
    request.dimension = 3;
    request.count = 1;
    request.n_results = kWriters * kRecords;
    request.include.documents = true;
    std::map<std::string, int64_t> versions;
    const auto visit = [&](uint32_t, const model::RecordView& view, float distance) -> Status {
      const int64_t version = std::stoll(std::string(view.document.value_or("0")));
      const auto its_writer = static_cast<float>(view.id[0] - '0');
      const auto its_place = static_cast<float>(view.id[2] - '0');
      const float behind = kFar - static_cast<float>(version);
      const float expected = its_writer * its_writer + behind * behind + its_place * its_place;
      faults.Expect(std::abs(distance - expected) < 8, "a document of another version");
      versions[std::string(view.id)] = version;
      return {};
    };
    const Status queried = store_.Query(id_, request, visit, Patient());
    if (!queried.ok()) return faults.Note(queried.error().what), INT64_MAX;
    const int64_t version = versions[Name(writer, 0)];
    for (int i = 0; i < kRecords; ++i) {
      faults.Expect(versions[Name(writer, i)] == version, "documents of a batch were seen in part");
    }
    return version;
  }

  Store& store_;
  const Uuid id_;
  std::array<std::atomic<int64_t>, kWriters> acknowledged_{};
};

TEST_CASE("store: readers beside writers see whole commits in order", "[daemon][store]") {
  StoreOptions options;
  options.graph_threshold = GENERATE(5'000u, 8u);
  options.memory_budget_bytes = GENERATE(512ull << 20, 0ull);
  options.wal_bytes_checkpoint = 64 << 10;
  options.readers_per_store_max = 3;
  CAPTURE(options.graph_threshold, options.memory_budget_bytes);
  LoneStore lone(options);
  lone.host.room = options.memory_budget_bytes > 0;
  const auto store = lone.Open();
  const Uuid id = store->CreateCollection(Collection("c"), Patient()).value()->id;
  Crowd crowd(*store, id);
  {
    std::vector<std::jthread> readers;
    for (int t = 0; t < 4; ++t) {
      readers.emplace_back([&, t](const std::stop_token& stop) { crowd.ReadUntil(stop, t); });
    }
    readers.emplace_back([&](const std::stop_token& stop) {
      while (!stop.stop_requested()) {
        store->DropCaches();
        store->Upkeep();
        std::this_thread::yield();
      }
    });
    std::vector<std::jthread> writers;
    for (int w = 0; w < kWriters; ++w) writers.emplace_back([&, w] { crowd.Write(w); });
  }
  REQUIRE(crowd.faults.Report().empty());
  REQUIRE(crowd.reads > 0);
  REQUIRE(store->Count(id, Patient()).value() == kWriters * kRecords);
}

TEST_CASE("store: the log stays bounded although readers always overlap", "[daemon][store]") {
  StoreOptions options;
  options.wal_bytes_checkpoint = 64 << 10;
  LoneStore lone(options);
  const auto store = lone.Open();
  const Uuid id = store->CreateCollection(Collection("c"), Patient()).value()->id;
  const std::string page(16'000, 'x');
  std::vector<Record> many;
  for (int i = 0; i < 60; ++i) many.push_back({std::to_string(i), {}, page, {}, {}});
  REQUIRE(Write(*store, id, model::WriteKind::kUpsert, many).ok());
  std::atomic<uint64_t> reads{0};
  {
    std::vector<std::jthread> readers;
    for (int t = 0; t < 3; ++t) {
      readers.emplace_back([&](const std::stop_token& stop) {
        while (!stop.stop_requested()) reads += Get(*store, id).ok() ? 1 : 0;
      });
    }
    for (int i = 0; i < 1'000; ++i) {
      const std::vector<Record> one = {{std::to_string(i % 60), {}, page, {}, {}}};
      REQUIRE(Write(*store, id, model::WriteKind::kUpsert, one).ok());
    }
  }
  REQUIRE(reads > 0);
  // 16 checkpoints' size, one more until the next attempt, and some attempts that a read outlasted.
  REQUIRE(std::filesystem::file_size(lone.file() + "-wal") < 40 * options.wal_bytes_checkpoint);
}

// Goal: damage that one write meets is that write's alone.
// Method: a crowd updates its own records while one of it updates a damaged one; they share commits
// as they happen to meet.
TEST_CASE("store: a write that meets damage fails alone", "[daemon][store][fault]") {
  LoneStore lone;
  auto store = lone.Open();
  const Uuid id = store->CreateCollection(Collection("c"), Patient()).value()->id;
  std::vector<Record> records;
  for (int i = 0; i < 4; ++i) records.push_back({std::to_string(i), {}, "doc", {}, {}});
  REQUIRE(Write(*store, id, model::WriteKind::kAdd, records).ok());
  const uint32_t number = store->FindCollection(id)->number;
  store.reset();
  Connection::Open(lone.file(), Connection::Mode::kReadWrite, "")
      .value()
      .Run("UPDATE records_" + std::to_string(number) + " SET document = 'd0c' WHERE id = '0'")
      .value();
  store = lone.Open();
  std::atomic<int> refused{0}, wrong{0};
  {
    std::vector<std::jthread> writers;
    for (int t = 0; t < 4; ++t) {
      writers.emplace_back([&, t] {
        for (int i = 0; i < 100; ++i) {
          const std::vector<Record> mine = {{std::to_string(t), {}, std::to_string(i), {}, {}}};
          const Status written = Write(*store, id, model::WriteKind::kUpdate, mine);
          if (t == 0) {
            refused += written.Is(Errc::kCorruption) ? 1 : 0;
          } else {
            wrong += written.ok() ? 0 : 1;
          }
        }
      });
    }
  }
  REQUIRE(refused == 100);
  REQUIRE(wrong == 0);
  for (const char* whole : {"1", "2", "3"}) {
    REQUIRE(GetIds(*store, id, {whole}).value()[0].document == "99");
  }
}

}  // namespace
}  // namespace pannier::store

// What the store's tests share: batches in a line, records as values, a data directory that can be
// closed and opened again.
#pragma once

#include <atomic>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "daemon/store/sqlite_store.h"
#include "daemon/store/store.h"
#include "daemon/store/stores.h"
#include "tests/support/temp_dir.h"

namespace pannier::store {

// A record as a test writes it, and as it reads it back. No vector: it carries none.
struct Record {
  std::string id;
  std::vector<float> vector;
  std::optional<std::string> document;
  std::optional<model::Metadata> metadata;
  std::optional<std::string> uri;
  bool operator==(const Record&) const = default;
};

struct Found {
  uint32_t query = 0;
  std::string id;
  float distance = 0;
  bool operator==(const Found&) const = default;
};

// Time enough for a test machine that is busy with other things.
CallContext Patient();
CallContext TooLate();

// An index as a writer's own tests want it: without a scratch file.
inline index::VectorIndex::Options InMemory(const CollectionEntry& entry) {
  return {entry.info->hnsw, *entry.info->dimension};
}

model::RecordBatch Batch(const std::vector<Record>& records);
NewCollection Collection(const std::string& name, model::Space space = model::Space::kL2);
model::Filter Where(const std::string& key, model::FilterOp op, model::Scalar operand);

// Everything of the selected records; the whole collection by default.
Result<std::vector<Record>> Get(Store& store, const Uuid& id, model::GetRequest request = {});
Result<std::vector<Record>> GetIds(Store& store, const Uuid& id, std::vector<std::string> ids);
std::vector<std::string> IdsOf(const std::vector<Record>& records);
Result<std::vector<Found>> Query(Store& store, const Uuid& id, const std::vector<float>& vector,
                                 uint32_t k, model::Selection selection = {});
Status Write(Store& store, const Uuid& id, model::WriteKind kind,
             const std::vector<Record>& records);

// Closes a database of the default tenant, which upkeep may hold for a moment. False: somebody held
// it all the time.
bool CloseSoon(Stores& stores, const std::string& database);

// A data directory of the test's own with its Stores, on the real disk and clock.
class Scratch {
 public:
  explicit Scratch(StoreOptions options = {});
  Stores& stores() { return *stores_; }
  StoreRef Default();  // the default database's store
  StoreRef Open(const std::string& database);
  void Close() { stores_.reset(); }
  void Reopen();
  std::filesystem::path path() const { return dir_ / "data"; }
  // The folder of the only store.
  std::filesystem::path OnlyStoreFolder() const;

  StoreOptions options;

 private:
  test::TempDir dir_;
  std::unique_ptr<Stores> stores_;
};

// A host that grants everything and counts.
class CountingHost final : public StoreHost {
 public:
  bool MakeRoom(uint64_t) override { return room; }
  bool WantGraph(std::weak_ptr<index::VectorIndex>) override {
    ++graphs_wanted;
    return false;
  }
  bool IsFenced(const StoreName&) const override { return fenced; }
  bool ReleaseReserve() override {
    ++reserve_asked;
    return false;
  }
  void WantUpkeep() override { ++upkeeps_wanted; }
  void OnCommit(uint64_t writes, std::chrono::nanoseconds, std::chrono::nanoseconds) override {
    ++commits;
    writes_committed += writes;
  }
  void OnSearch(bool, std::chrono::nanoseconds) override { ++searches; }
  void OnChecksumFailure(const StoreName&, const std::string&) override { ++checksum_failures; }

  std::atomic<bool> room{true}, fenced{false};
  std::atomic<uint64_t> graphs_wanted{0}, upkeeps_wanted{0}, commits{0}, writes_committed{0},
      searches{0}, checksum_failures{0}, reserve_asked{0};
};

// One store file in a folder of its own, without Stores around it.
class LoneStore {
 public:
  explicit LoneStore(StoreOptions options = {});
  std::shared_ptr<SqliteStore> Open();
  std::string file() const { return (dir_ / "store.db").string(); }
  CountingHost host;

 private:
  const StoreOptions options_;
  test::TempDir dir_;
};

}  // namespace pannier::store

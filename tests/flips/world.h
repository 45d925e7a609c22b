// A small store with everything in it that a flipped bit may meet, and what it should answer.
// Threads: one.
#pragma once

#include <filesystem>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "daemon/salvage/salvage.h"
#include "daemon/store/sqlite_store.h"
#include "tests/daemon/store/fixture.h"
#include "tests/support/temp_dir.h"
#include "tests/support/torture.h"

namespace pannier::flips {

using store::Record;

struct ModelCollection {
  Uuid id;
  std::optional<std::string> metadata;
  std::vector<Record> records;                          // in insertion order
  std::map<std::string, std::vector<Record>> versions;  // all that ever were, by id

  const Record* Find(const std::string& id) const;
};
using Model = std::map<std::string, ModelCollection>;

// A store's folder as a process left it, its model, and a snapshot from before.
class World {
 public:
  enum class End {
    kClosed,  // everything is in the file
    kKilled,  // the newest commits are in the log
  };
  World(uint32_t records, End end, uint64_t seed);

  const Model& model() const { return model_; }
  const Model& snapshot_model() const { return snapshot_model_; }
  uint64_t sequence() const { return sequence_; }
  std::string snapshot() const { return (dir_ / "snapshot").string(); }
  // Copies the store into a folder, which is made empty first.
  void CopyTo(const std::filesystem::path& folder) const;

 private:
  Record Some(const std::string& id);
  void Fill(store::SqliteStore& store, uint32_t records);
  void Change(store::SqliteStore& store);
  void Write(store::SqliteStore& store, const std::string& name, model::WriteKind kind,
             std::vector<Record> records);

  test::TempDir dir_;
  test::Random random_;
  Model model_, snapshot_model_;
  uint64_t sequence_ = 0;
};

std::shared_ptr<store::SqliteStore> OpenIn(const std::filesystem::path& folder,
                                           store::CountingHost& host, Status* failed);

// Asks for everything, in several ways. Each answer must be the model's, or kCorruption; returns
// how many were that.
int CompareAnswers(store::SqliteStore& store, const Model& model, test::Random& random);

// What a salvage may have lost.
enum class MayLose {
  kNothing,
  kRecords,  // each listed by its id, but for ids too long for a page with others
  kIdsToo,   // of records whose page and whose entry in the id index are both gone
};

// Holds a salvaged store against the model: what is there is right, and what is not is listed.
void CompareSalvaged(const std::filesystem::path& fresh, const salvage::Report& report,
                     const World& world, bool with_snapshot, MayLose may_lose);

}  // namespace pannier::flips

// The saved indexes of one store, below its folder's index/: when they are written, and which go.
//
// An index is saved once its store has been quiet for some seconds, and again only after a time in
// proportion to its size, so that a store that is written to all day costs the disk little. A
// sequence is part of its key: after the next commit it serves nobody until it is saved again.
// What fails here costs speed, never an answer.
//
// Threads: any. Load() by the leader of the write queue; of several that save one waits for the
// other.
#pragma once

#include <map>
#include <memory>
#include <string>

#include "daemon/index/vector_source.h"
#include "daemon/store/collection_map.h"
#include "daemon/store/index_file.h"
#include "daemon/store/record_table.h"
#include "daemon/store/store_pin.h"
#include "lib/core/clock.h"
#include "lib/core/mutex.h"

namespace pannier::store {

class IndexKeeper {
 public:
  // `store_folder` is the store's; `files` outlives this.
  IndexKeeper(file::FileSystem& files, const std::string& store_folder)
      : files_(files), folder_(store_folder + "/" + kFolder) {}

  // The collection's index as it was saved at exactly `at`, if what it codes are the table's rows.
  // Null: there is none; what is of no use any more has been removed.
  std::shared_ptr<index::VectorIndex> Load(const CollectionEntry& entry,
                                           const index::VectorIndex::Options& options,
                                           index::Sequence at, RecordTable& table);
  // Whether the store has had no commit for some seconds, as far as calls of this have seen; `at`
  // is its last one.
  bool IsQuiet(index::Sequence at, SteadyTime now);
  // Of a quiet store: saves what is worth it and due.
  void SaveDue(const CollectionMap& collections, index::Sequence at, SteadyTime now);
  // Saves what is worth it, due or not, and begins nothing after `until`: the store closes.
  void SaveLast(const CollectionMap& collections, index::Sequence at, SteadyTime until);
  // Saves now. For tests, and before a store is known to sleep.
  Status Save(const CollectionEntry& entry, index::Sequence at);
  // The file in which the collection's index was saved at `at`.
  //   kNotFound, kCorruption  there is none of this sequence; others: what the file system says
  Result<PinnedIndex> OpenSaved(const PinnedCollection& collection, index::Sequence at) const;
  // Where the collection's index may put floats aside.
  index::Scratch ScratchOf(const Uuid& id) const;
  void Remove(const Uuid& id);
  // Removes what belongs to none of these, and unfinished files.
  void Sweep(const CollectionMap& collections);

 private:
  struct Saved {
    index::Sequence at = 0;
    uint64_t tail = 0;  // rows that its graph did not cover
    SteadyTime again;   // not before
  };
  static constexpr const char* kFolder = "index";
  std::string PathOf(const Uuid& id) const { return folder_ + "/" + id.ToString(); }
  // Saves the entry's index if it is worth it, was not saved as of `at` or has a better graph
  // since, and is due at `now`. True when that was tried.
  bool SaveIfStale(const CollectionEntry& entry, const index::VectorIndex& vectors,
                   index::Sequence at, SteadyTime now);

  file::FileSystem& files_;
  const std::string folder_;
  Mutex saving_;  // one file at a time; never taken under mutex_
  Mutex mutex_;
  std::map<Uuid, Saved> saved_ GUARDED_BY(mutex_);
  index::Sequence seen_ GUARDED_BY(mutex_) = 0;
  SteadyTime seen_since_ GUARDED_BY(mutex_);
};

// Vectors straight from the rows, at the sequence of the table's transaction.
class TableVectors final : public index::VectorSource {
 public:
  explicit TableVectors(RecordTable& table) : table_(table) {}
  bool Fetch(RecordNumber record, std::span<float> into) override;
  Status status() const { return failed_; }  // the first failure

 private:
  RecordTable& table_;
  Status failed_;
};

}  // namespace pannier::store

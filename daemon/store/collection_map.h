// Which collections a store has, as readers see it: an immutable map, replaced whole by the writer
// after a commit.
#pragma once

#include <atomic>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <unordered_map>

#include "daemon/index/attribute_index.h"
#include "daemon/index/vector_index.h"
#include "daemon/model/collection.h"
#include "daemon/store/record_cache.h"
#include "daemon/store/store.h"
#include "lib/core/mutex.h"
#include "lib/core/result.h"
#include "lib/core/uuid.h"

namespace pannier::store {

// kNotFound in Chroma's words.
Error NoCollection(const Uuid& id);

// The caches of one collection: each is there or not, and may be dropped at any time; who uses one
// holds it. Threads: any. Only the write queue's leader publishes, so that no commit is missed by
// what is being loaded.
class CollectionIndexes {
 public:
  std::shared_ptr<index::VectorIndex> vectors() const;
  std::shared_ptr<index::AttributeIndex> attributes() const;
  void PublishVectors(std::shared_ptr<index::VectorIndex> vectors);
  void PublishAttributes(std::shared_ptr<index::AttributeIndex> attributes);
  RecordCache& rows() { return rows_; }
  void Drop();
  // These alone, if they are still the ones.
  void DropVectors(const std::shared_ptr<index::VectorIndex>& which);
  uint64_t memory_bytes() const;
  // Records that live, for metrics; what a request answers comes from the rows.
  std::atomic<uint64_t> records{0};
  // A scratch file of vectors could not be read back: from then on they stay in memory.
  std::atomic<bool> scratch_failed{false};

 private:
  RecordCache rows_;
  mutable Mutex mutex_;
  std::shared_ptr<index::VectorIndex> vectors_ GUARDED_BY(mutex_);
  std::shared_ptr<index::AttributeIndex> attributes_ GUARDED_BY(mutex_);
};

// One collection: what it is (replaced on change) and its caches (which survive the change).
struct CollectionEntry {
  CollectionPtr info;
  std::shared_ptr<CollectionIndexes> indexes;
};

class CollectionMap {
 public:
  const CollectionEntry* Find(const Uuid& id) const;
  const CollectionEntry* Find(const std::string& name) const;
  // By the text of their ids, ascending, which for UUIDs is the order of their bytes.
  const std::map<Uuid, CollectionEntry>& entries() const { return by_id_; }

  // Adds, or replaces the one of that id (whose name may have changed).
  void Put(CollectionEntry entry);
  void Remove(const Uuid& id);

 private:
  std::map<Uuid, CollectionEntry> by_id_;
  std::unordered_map<std::string, Uuid> by_name_;
};

// The published map. Threads: any; the critical section is a pointer copy.
class PublishedCollections {
 public:
  std::shared_ptr<const CollectionMap> Get() const;
  void Set(std::shared_ptr<const CollectionMap> map);

 private:
  mutable Mutex mutex_;
  std::shared_ptr<const CollectionMap> map_ GUARDED_BY(mutex_) = std::make_shared<CollectionMap>();
};

}  // namespace pannier::store

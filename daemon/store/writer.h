// The one connection that changes a store, and what a transaction on it does.
//
// A commit: Begin(); any number of changes; Commit() or Abort(). Changes go to the rows and, at the
// coming sequence, to the caches that are loaded; nobody reads them before SQLite has committed. A
// change either fails before it touched anything (kInvalidArgument, kNotFound, kConflict: the
// transaction goes on without it) or breaks the whole transaction. Threads: the leader of the write
// queue, one at a time. Lifetime: `published` outlives it.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>

#include "daemon/store/collection_map.h"
#include "daemon/store/collection_table.h"
#include "daemon/store/reader_pool.h"
#include "daemon/store/record_table.h"
#include "daemon/store/sqlite.h"
#include "daemon/store/store.h"
#include "lib/core/result.h"

namespace pannier::store {

class Writer {
 public:
  // How the index of a collection is to be; it has its dimension by then.
  using IndexOptions = std::function<index::VectorIndex::Options(const CollectionEntry& entry)>;
  // Reads what the store holds and publishes it. Without `index_options` no cache grows along with
  // what is written.
  static Result<std::unique_ptr<Writer>> Open(Connection connection,
                                              PublishedCollections& published,
                                              IndexOptions index_options);

  // --- one transaction ---
  Status Begin();
  // Makes it durable and visible. A transaction without a change costs no sequence and no fsync.
  Status Commit();
  void Abort();
  // Whether the transaction has changed anything.
  bool dirty() const { return dirty_; }
  // A change failed half-way, or SQLite has rolled back (after an I/O error even a read makes it do
  // so): only Abort() is left.
  bool broken() const {
    return broken_ || (transaction_.has_value() && !connection_.in_transaction());
  }

  // --- changes, between Begin and Commit ---
  Result<CollectionPtr> CreateCollection(const NewCollection& wanted);
  Status UpdateCollection(const Uuid& id, const CollectionChange& change);
  Status DeleteCollection(const std::string& name);
  Status Write(const Uuid& id, model::WriteKind kind, const model::RecordBatch& batch);
  // Removes these records, all of which exist, and returns how many.
  Result<uint64_t> Remove(const Uuid& id, const std::vector<RecordNumber>& records);

  // --- any time ---
  // Whether the collection exists, with what the open transaction has done.
  bool Knows(const Uuid& id) const { return visible().Find(id) != nullptr; }
  index::Sequence sequence() const { return sequence_; }  // of the last commit
  Connection& connection() { return connection_; }
  RecordTable& records(uint32_t collection) { return tables_.Of(collection); }
  Result<Counters> CountersOf(uint32_t collection) { return collections_.ReadCounters(collection); }
  // A collection was dropped since the last call: its pages wait to be given back.
  bool TakeDropped() { return std::exchange(dropped_, false); }

 private:
  // One collection in the open transaction.
  struct Change {
    CollectionEntry entry;
    Counters counters;
    bool counters_changed = false;
    bool deleted = false;  // stays listed, so that Abort() reaches its caches
  };
  Writer(Connection connection, PublishedCollections& published, IndexOptions index_options);
  Status Load();
  const CollectionMap& visible() const;  // with this transaction's changes
  CollectionMap& changing();             // the transaction's own map, copied at the first change
  Result<Change*> Open(const Uuid& id);
  Status CheckDimension(const Change& change, const model::RecordBatch& batch) const;
  Status FixDimension(Change& change, uint32_t dimension);
  Status Apply(Change& change, model::WriteKind kind, const model::RecordBatch& batch);
  // Marks the transaction as broken when `status` is an error, and passes it on.
  Status Breaking(Status status);
  // Notes what the schema does not know yet; GrowSchema() adds it, once per batch.
  void NoteKeys(const Change& change, const model::Metadata* metadata,
                std::set<model::KeyType>* fresh);
  Status GrowSchema(Change& change, const std::set<model::KeyType>& fresh);
  void ReplaceInfo(Change& change, model::Collection info);
  // False when the record was skipped: an id that exists (add) or that does not (update).
  Result<bool> WriteOne(Change& change, model::WriteKind kind, const model::RecordBatch& batch,
                        size_t i, std::span<const float> vector);
  Result<bool> InsertOne(Change& change, const model::RecordBatch& batch, size_t i,
                         std::span<const float> vector);
  Status UpdateOne(Change& change, RecordNumber number, const model::RecordBatch& batch, size_t i,
                   std::span<const float> vector);
  Status WriteChanges();

  Connection connection_;
  CollectionTable collections_;
  TableCache tables_;
  PublishedCollections& published_;
  index::Sequence sequence_ = 0;
  const IndexOptions index_options_;
  bool dropped_ = false;
  std::map<uint32_t, std::set<std::string>>
      known_keys_;  // "type key" pairs a schema has, by collection

  // The open transaction.
  std::optional<Transaction> transaction_;
  bool dirty_ = false;
  bool broken_ = false;
  std::shared_ptr<CollectionMap> map_;  // null until the first change of a collection
  std::map<Uuid, Change> changes_;
};

}  // namespace pannier::store

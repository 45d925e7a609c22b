// One store: a Chroma database, its collections and their records, in one SQLite file that only
// this process opens.
//
// Writes: each call is one atomic write. Calls that arrive together share a transaction and its
// fsync (group commit): the first caller that finds the store free leads, commits for all that
// queued up behind it, and wakes them. When a write returns ok it is in the file and synced
// (synchronous=FULL) and every later read sees it. Reads: take a pooled read-only connection, pin
// one sequence, and see exactly that, in rows and in indexes. They hold no lock that a writer
// holds.
//
// Error texts of kNotFound, kConflict and kInvalidArgument are Chroma's own, ready for an answer.
// Every call may also fail with
//   kResourceExhausted  the write queue is full, or no read connection came free in time; nothing
//                       was done
//   kStorageFull        the disk is full; nothing was written
//   kDeadlineExceeded   `call.deadline` passed before the work began; nothing was done
//   kUnavailable        I/O failed; nothing of a write is visible, but a commit whose sync failed
//                       may be there, whole, when the store is opened anew
//   kCorruption         bytes on disk fail their check; nothing of them was answered
//   kNotFound           also: the database was deleted while its store was held
// Threads: any. Lifetime: held by StoreRef (stores.h), which keeps it open.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "daemon/index/record_set.h"
#include "daemon/index/vector_index.h"
#include "daemon/model/collection.h"
#include "daemon/model/configuration.h"
#include "daemon/model/records.h"
#include "daemon/store/store_pin.h"
#include "lib/core/clock.h"
#include "lib/core/result.h"
#include "lib/core/uuid.h"

namespace pannier::store {

using CollectionPtr = std::shared_ptr<const model::Collection>;

struct CallContext {
  SteadyTime deadline;  // work that has not begun by then is dropped; long reads end
  const std::atomic<bool>* stop = nullptr;  // once true, as if the deadline had passed

  // Reads ask every thousand rows or so.
  bool IsOver() const {
    return (stop != nullptr && stop->load(std::memory_order_relaxed)) ||
           SystemClock().Steady() >= deadline;
  }
};

struct NewCollection {
  std::string name;
  std::optional<std::string> metadata;  // canonical JSON object, not empty
  model::IndexDescription index;
  bool get_or_create = false;
  std::optional<Uuid> id;  // for imports and merges, which keep ids; nothing: a fresh one
};

struct CollectionChange {
  std::optional<std::string> name;
  std::optional<std::string> metadata;  // replaces the whole; canonical JSON object, not empty
  std::optional<std::string>
      configuration;  // JSON text of `new_configuration`, shape already checked
};

struct CollectionStatus {
  CollectionPtr collection;
  uint64_t records = 0;
  uint64_t indexed =
      0;  // records that a graph covers; small collections need none and count as indexed
  uint64_t tail = 0;  // records searched exactly until a graph covers them
};

// How a query would be answered.
struct Explanation {
  index::Sequence sequence = 0;
  bool in_memory = false;            // vectors are; else they are searched in the file
  std::optional<uint64_t> selected;  // records that ids and filter leave; nothing: no condition
  uint64_t undecided = 0;            // of them, whose documents were yet to be looked at
  std::vector<index::SearchReport> searches;  // one per query, of the last that was made for it
};

// Who asks for a store. One that no worker asks for is unused, also when it is opened for upkeep.
enum class Use { kWorker, kUpkeep };

class Store {
 public:
  virtual ~Store() = default;

  // --- collections ---
  // The new collection, or with get_or_create the one of that name, unchanged.
  //   kConflict  "Collection [x] already exists"
  virtual Result<CollectionPtr> CreateCollection(const NewCollection& wanted,
                                                 const CallContext& call) = 0;
  // By id in text order. `limit` nothing: all.
  virtual std::vector<CollectionPtr> ListCollections(std::optional<uint32_t> limit,
                                                     uint32_t offset) const = 0;
  virtual uint64_t CountCollections() const = 0;
  // Null when there is none.
  virtual CollectionPtr FindCollection(const std::string& name) const = 0;
  virtual CollectionPtr FindCollection(const Uuid& id) const = 0;
  //   kNotFound  "Collection [id] does not exist."
  //   kConflict  the new name is taken
  virtual Status UpdateCollection(const Uuid& id, const CollectionChange& change,
                                  const CallContext& call) = 0;
  // Removes the collection and all it held; its disk space returns to the file system, its memory
  // at once.
  //   kNotFound  "Collection [x] does not exist"
  virtual Status DeleteCollection(const std::string& name, const CallContext& call) = 0;

  // --- records --- (kNotFound: "Collection [id] does not exist.")
  // Applies a validated batch. Returns the sequence at which it is in the store (also when it
  // changed nothing).
  //   kInvalidArgument  "Collection expecting embedding with dimension of 2, got 3"
  virtual Result<index::Sequence> Write(const Uuid& id, model::WriteKind kind,
                                        const model::RecordBatch& batch,
                                        const CallContext& call) = 0;
  // Deletes the selected records, at most `limit` in insertion order, and returns how many really
  // went. A selection without ids and without filter selects nothing.
  virtual Result<uint64_t> Delete(const Uuid& id, const model::Selection& selection,
                                  std::optional<uint32_t> limit, const CallContext& call) = 0;
  virtual Result<uint64_t> Count(const Uuid& id, const CallContext& call) = 0;
  // Visits the selected records in insertion order. All visits happen before the call returns; when
  // it returns an error the caller throws away what it was shown.
  virtual Status Get(const Uuid& id, const model::GetRequest& request,
                     const model::RecordVisitor& visit, const CallContext& call) = 0;
  // Visits the nearest records, query by query, ascending by distance, ties in insertion order.
  // Nothing is visited for a query without matches.
  //   kInvalidArgument  wrong dimension
  //   kNotFound         also "… Error finding id …": ids without a filter name an unknown record
  virtual Status Query(const Uuid& id, const model::QueryRequest& request,
                       const model::RecordVisitor& visit, const CallContext& call) = 0;
  // Answers the query without fetching records, and tells how. Errors as Query().
  virtual Result<Explanation> Explain(const Uuid& id, const model::QueryRequest& request,
                                      const CallContext& call) = 0;
  virtual Result<CollectionStatus> Describe(const Uuid& id, const CallContext& call) = 0;

  // --- upkeep ---
  // Moves the write-ahead log into the file.
  virtual Status Flush(const CallContext& call) = 0;
  // Moves the whole log into the file and holds the file still (store_pin.h). Writers wait for it
  // about as long as for one commit. A second pin shares the sequence of the first when nothing was
  // written since; else it waits until the first has ended.
  //   kDeadlineExceeded  readers of the log, or another pin, did not end in time
  virtual Result<std::unique_ptr<StorePin>> Pin(const CallContext& call) = 0;
  // Gives free pages back to the file system, in steps between which writes go on. Returns the
  // bytes that the file shrank by; what a pin or a long read kept from going by the deadline goes
  // when that has ended.
  virtual Result<uint64_t> Compact(const CallContext& call) = 0;
  // Throws all caches away and builds them anew from the rows; those that the memory budget has no
  // room for are left out.
  //   kDeadlineExceeded  some graphs are not built yet; they will be
  virtual Status RebuildIndexes(const CallContext& call) = 0;
  // Loads what queries will need.
  virtual Status Warm(const CallContext& call) = 0;
  // Loads what queries will need, waits for the graphs, and saves the indexes as of the sequence of
  // then (docs/formats/index.md). What is not worth it, as a collection without a graph, is not.
  //   kDeadlineExceeded  some graphs are not built yet
  virtual Status SaveIndexes(const CallContext& call) = 0;
  // The newest committed sequence.
  virtual index::Sequence sequence() const = 0;
};

}  // namespace pannier::store

// The Store (store.h) over one SQLite file: wiring of the write queue, the writer, the readers and
// the caches. The calls live in five files: sqlite_store.cc (opening, commits), store_upkeep.cc,
// store_pin.cc, store_writes.cc and store_reads.cc.
#pragma once

#include <atomic>
#include <memory>
#include <optional>
#include <string>

#include "daemon/store/collection_map.h"
#include "daemon/store/index_keeper.h"
#include "daemon/store/read_pace.h"
#include "daemon/store/reader_pool.h"
#include "daemon/store/selection.h"
#include "daemon/store/store.h"
#include "daemon/store/store_host.h"
#include "daemon/store/stores.h"
#include "daemon/store/write_queue.h"
#include "daemon/store/writer.h"
#include "lib/core/mutex.h"

namespace pannier::store {

class SqliteStore final : public Store {
 public:
  // `folder` holds store.db. `host` and `files` outlive the store. `name` is what the host knows it
  // by.
  //   kCorruption, kInvalidArgument, …  see store_file.h
  static Result<std::shared_ptr<SqliteStore>> Open(const std::string& folder,
                                                   const StoreOptions& options, StoreHost& host,
                                                   file::FileSystem& files,
                                                   const StoreName& name = {});

  Result<CollectionPtr> CreateCollection(const NewCollection& wanted,
                                         const CallContext& call) override;
  std::vector<CollectionPtr> ListCollections(std::optional<uint32_t> limit,
                                             uint32_t offset) const override;
  uint64_t CountCollections() const override;
  CollectionPtr FindCollection(const std::string& name) const override;
  CollectionPtr FindCollection(const Uuid& id) const override;
  Status UpdateCollection(const Uuid& id, const CollectionChange& change,
                          const CallContext& call) override;
  Status DeleteCollection(const std::string& name, const CallContext& call) override;

  Result<index::Sequence> Write(const Uuid& id, model::WriteKind kind,
                                const model::RecordBatch& batch, const CallContext& call) override;
  Result<uint64_t> Delete(const Uuid& id, const model::Selection& selection,
                          std::optional<uint32_t> limit, const CallContext& call) override;
  Result<uint64_t> Count(const Uuid& id, const CallContext& call) override;
  Status Get(const Uuid& id, const model::GetRequest& request, const model::RecordVisitor& visit,
             const CallContext& call) override;
  Status Query(const Uuid& id, const model::QueryRequest& request,
               const model::RecordVisitor& visit, const CallContext& call) override;
  Result<Explanation> Explain(const Uuid& id, const model::QueryRequest& request,
                              const CallContext& call) override;
  Result<CollectionStatus> Describe(const Uuid& id, const CallContext& call) override;

  Status Flush(const CallContext& call) override;
  Result<std::unique_ptr<StorePin>> Pin(const CallContext& call) override;
  Result<uint64_t> Compact(const CallContext& call) override;
  Status RebuildIndexes(const CallContext& call) override;
  Status Warm(const CallContext& call) override;
  Status SaveIndexes(const CallContext& call) override;
  index::Sequence sequence() const override { return sequence_.load(std::memory_order_acquire); }

  // --- for Stores ---
  // Moves a grown log into the file, compacts caches, asks for graphs. Called now and then by the
  // upkeep thread.
  void Upkeep();
  // Saves what makes the next opening quick; begins nothing after `until`. Nobody writes any more.
  void BeforeClose(SteadyTime until);
  void DropCaches();
  // The database is deleted and its file about to go: reads that would open it anew find nothing.
  void MarkDeleted() { deleted_.store(true, std::memory_order_relaxed); }
  uint64_t memory_bytes() const;
  uint64_t bytes_on_disk() const;  // of the file and its log
  uint64_t writes_waiting() const { return queue_.waiting(); }
  // Returns when every write that was in the queue has ended.
  Status AwaitWrites(const CallContext& call);
  struct Totals {
    uint64_t collections = 0, records = 0, tail = 0;
  };
  Totals totals() const;  // of loaded caches and counters; cheap

 private:
  struct Look;    // one pinned read (store_reads.cc)
  class Fetcher;  // store_reads.cc
  class FilePin;  // store_pin.cc
  class PinTurn;

  // The write-ahead log in pages. Written by the leader of the queue, but for `tried`.
  struct Log {
    std::atomic<uint64_t> pages{0};  // as of the last commit
    // `pages` when somebody last tried to move them into the file. Not more than these have been
    // moved; when it was less, a reader was in the way, and trying again at once is no use.
    std::atomic<uint64_t> tried{0};
    std::atomic<uint64_t> restarts{0};  // how often it was begun anew
    std::atomic<uint64_t> released{0};  // `pages` when the last pin ended
    uint64_t fresh() const;             // pages that nobody has tried to move
    uint64_t fresh_since_pin() const;   // of these, those that no pin was in the way of
  };

  SqliteStore(const std::string& folder, const StoreOptions& options, StoreHost& host,
              file::FileSystem& files, StoreName name);
  Status Start();

  // Runs `apply` as (part of) a commit and returns its result.
  Status Run(std::function<Status()> apply, uint64_t bytes, WriteQueue::Company company,
             const CallContext& call);
  // The same for what changes the store: refused while that is fenced.
  Status RunChange(std::function<Status()> apply, uint64_t bytes, WriteQueue::Company company,
                   const CallContext& call);
  // The same, refused while the disk takes no writes; on a full one room is made for it where there
  // is some.
  enum class Frees { kNothing, kSpace };
  Status RunWithRoom(const std::function<Status()>& apply, uint64_t bytes,
                     WriteQueue::Company company, Frees frees, const CallContext& call);
  // Tells the host of a write that failed, and passes on what it says.
  Status Told(Status status);
  void CommitAll(const std::vector<WriteQueue::Write*>& writes);
  // One transaction with all of `writes`. When it fails because one of them broke it, `broke` is
  // that one.
  Status CommitTogether(const std::vector<WriteQueue::Write*>& writes, WriteQueue::Write** broke);
  void AfterCommit();
  void MoveLogAlone();
  Status MakeLogDurable();
  void OnLog(uint64_t pages);
  void DropIndexes();

  // --- upkeep (store_upkeep.cc) ---
  Result<bool> MoveLog(bool truncate);  // by the leader of the queue
  Status Shrink(SteadyTime until);      // by the leader of the queue
  Result<int64_t> VacuumStep();
  Result<uint64_t> FileBytes() const;
  Status VacuumInSteps(const CallContext& call);
  void FillFloats(const Uuid& id);
  Status AwaitGraph(const CollectionEntry& entry, const CallContext& call);

  // --- pins (store_pin.cc) ---
  bool pinned() const { return pins_.load(std::memory_order_acquire) > 0; }
  Status ShortenLog(const CallContext& call);
  Result<bool> HoldLog(Connection& reader, std::optional<Transaction>* hold,
                       const CallContext& call);
  Status OpenRaw();

  Result<ReaderPool::Lease> AcquireReader(const CallContext& call);

  Result<CollectionEntry> EntryOf(const Uuid& id) const;
  Status LoadVectors(const CollectionEntry& entry, const CallContext& call);
  Status FillVectors(const CollectionEntry& entry, const CallContext& call);
  // Of a collection that has a dimension.
  index::VectorIndex::Options IndexOptionsOf(const CollectionEntry& entry) const;
  void DropIfBroken(const CollectionEntry& entry);
  Status Rest(const CollectionMap& collections);
  Status LoadAttributes(const CollectionEntry& entry, const CallContext& call);
  Status GetPinned(const Uuid& id, const model::GetRequest& request,
                   const model::RecordVisitor& visit, const CallContext& call);
  // When a read begins to read the file: a query that finds all in memory need not.
  enum class Rows { kAtOnce, kWhenNeeded };
  // `explain` (may be null) is told how; then no record is fetched. False, with nothing visited:
  // the store has moved on before its rows were needed, so that they must be pinned at once.
  Result<bool> QueryAt(const Uuid& id, const model::QueryRequest& request,
                       const model::RecordVisitor& visit, Explanation* explain, Rows rows,
                       const CallContext& call);
  Result<bool> VisitAll(Look& look, const model::QueryRequest& request,
                        std::span<const index::Neighbor> neighbors, uint32_t query,
                        const model::RecordVisitor& visit, ReadPace& pace, const CallContext& call);
  Result<std::vector<std::vector<index::Neighbor>>> Search(Look& look,
                                                           const model::QueryRequest& request,
                                                           uint32_t first, uint32_t count,
                                                           Selected* selected, Explanation* explain,
                                                           ReadPace& pace);
  Status BuildFilterCaches(Look& look, const model::Selection& selection, ReadPace& pace);
  Result<bool> LoadFor(const CollectionEntry& entry, bool vectors, bool attributes,
                       const CallContext& call);
  Result<Look> LookAt(const Uuid& id, bool vectors, bool attributes, Rows rows,
                      const CallContext& call);
  Result<index::Sequence> PinRows(Look* look, const CallContext& call);
  // Counts what a read found damaged, and passes the status on.
  Status Watched(Status status);

  const StoreOptions options_;
  const std::string folder_;
  const std::string path_;
  const StoreName name_;
  StoreHost& host_;
  file::FileSystem& files_;
  PublishedCollections published_;
  IndexKeeper kept_;
  std::atomic<index::Sequence> sequence_{0};  // of the last commit that every cache knows
  Log log_;
  std::atomic<bool> shrink_wanted_{false};  // pages of a dropped collection are in the file still
  std::atomic<bool> deleted_{false};
  bool log_durable_ = false;  // used by the leader of queue_ alone, as is writer_
  Mutex pin_mutex_;
  CondVar pin_turn_;
  bool pinning_ GUARDED_BY(pin_mutex_) = false;  // somebody is making a pin
  std::atomic<uint32_t> pins_{0};                // that live
  // The file, to be read by pins. It is closed after SQLite's connections, never before: closing
  // any descriptor of a file ends all locks that this process has on it.
  std::unique_ptr<file::File> raw_;
  std::unique_ptr<Writer> writer_;
  ReaderPool readers_;
  WriteQueue queue_;
};

}  // namespace pannier::store

#include "daemon/store/sqlite_store.h"

#include <utility>

#include "daemon/store/store_file.h"

namespace pannier::store {
namespace {

constexpr CallContext WithoutDeadline() { return {SteadyTime::max()}; }
// A log this many times its checkpoint size is moved by the committing thread itself: writers then
// feel what they cost.
constexpr uint64_t kWalPatience = 8;

}  // namespace

SqliteStore::SqliteStore(const std::string& folder, const StoreOptions& options, StoreHost& host,
                         file::FileSystem& files)
    : options_(options),
      folder_(folder),
      path_(folder + "/store.db"),
      host_(host),
      files_(files),
      readers_({path_, options.sqlite_vfs, options.readers_per_store_max}),
      queue_({options.writes_queued_max, options.commit_bytes_max},
             [this](const std::vector<WriteQueue::Write*>& writes) { CommitAll(writes); }) {}

Result<std::shared_ptr<SqliteStore>> SqliteStore::Open(const std::string& folder,
                                                       const StoreOptions& options, StoreHost& host,
                                                       file::FileSystem& files) {
  std::shared_ptr<SqliteStore> store(new SqliteStore(folder, options, host, files));
  TRY(store->Start());
  return store;
}

Status SqliteStore::Start() {
  Connection connection = TRY(OpenStoreWriter(path_, options_.sqlite_vfs));
  writer_ = TRY(Writer::Open(std::move(connection), options_.graph_threshold, published_));
  writer_->connection().OnWalCommit([this](int pages) {
    wal_bytes_.store(static_cast<uint64_t>(pages) * kStorePageBytes, std::memory_order_relaxed);
  });
  sequence_.store(writer_->sequence(), std::memory_order_release);
  return {};
}

// --- commits ---

Status SqliteStore::Run(std::function<Status()> apply, uint64_t bytes, WriteQueue::Company company,
                        const CallContext& call) {
  WriteQueue::Write write;
  write.apply = std::move(apply);
  write.bytes = bytes;
  write.company = company;
  return queue_.Run(write, call.deadline);
}

void SqliteStore::CommitAll(const std::vector<WriteQueue::Write*>& writes) {
  if (writes.front()->company == WriteQueue::Company::kBare) {
    writes.front()->result = writes.front()->apply();
    return;
  }
  const auto begin = std::chrono::steady_clock::now();
  std::chrono::nanoseconds commit_took{0};
  const Status failed = CommitTransaction(writes, &commit_took);
  if (failed.ok()) {
    if (commit_took.count() == 0) return;  // nothing had changed
    host_.OnCommit(writes.size(), std::chrono::steady_clock::now() - begin, commit_took);
    return;
  }
  // The transaction is gone with all its writes; those that had failed by themselves keep their own
  // reason.
  for (WriteQueue::Write* write : writes) {
    if (write->result.ok()) write->result = failed;
  }
}

Status SqliteStore::CommitTransaction(const std::vector<WriteQueue::Write*>& writes,
                                      std::chrono::nanoseconds* commit_took) {
  TRY(MakeLogDurable());
  TRY(writer_->Begin());
  for (WriteQueue::Write* write : writes) {
    write->result = write->apply();
    if (writer_->broken()) {
      writer_->Abort();
      return write->result;
    }
  }
  const auto begin = std::chrono::steady_clock::now();
  TRY(writer_->Commit().Context("commit"));
  if (writer_->sequence() == sequence()) return {};
  *commit_took = std::chrono::steady_clock::now() - begin;
  sequence_.store(writer_->sequence(), std::memory_order_release);
  AfterCommit();
  return {};
}

// The log must not lose its name with the power once a commit is in it. SQLite syncs the folder as
// well, but takes no notice when that fails.
Status SqliteStore::MakeLogDurable() {
  if (log_durable_) return {};
  TRY(files_.SyncDirectory(folder_));
  log_durable_ = true;
  return {};
}

// Gives the pages of dropped collections back to the file system. Where a failure or a reader of
// the log prevents it, the next Upkeep() tries again.
Status SqliteStore::Shrink() {
  shrink_wanted_ = true;
  TRY(writer_->connection().Run("PRAGMA incremental_vacuum"));
  if (TRY(writer_->connection().Checkpoint(/*truncate=*/true))) shrink_wanted_ = false;
  return {};
}

void SqliteStore::AfterCommit() {
  if (writer_->TakeDropped()) {
    [[maybe_unused]] const Status shrunk = Shrink();
    return;
  }
  const uint64_t wal_bytes = wal_bytes_.load(std::memory_order_relaxed);
  if (wal_bytes > options_.wal_bytes_checkpoint * kWalPatience) {
    [[maybe_unused]] const auto moved = writer_->connection().Checkpoint(/*truncate=*/false);
  } else if (wal_bytes > options_.wal_bytes_checkpoint) {
    host_.WantUpkeep();
  }
}

// --- upkeep ---

Status SqliteStore::Flush(const CallContext& call) {
  const auto checkpoint = [this]() -> Status {
    TRY(writer_->connection().Checkpoint(/*truncate=*/true));
    return {};
  };
  return Run(checkpoint, 0, WriteQueue::Company::kBare, call);
}

Result<std::unique_ptr<StorePin>> SqliteStore::Pin(const CallContext&) {
  return Unimplemented("pin");
}
Result<uint64_t> SqliteStore::Compact(const CallContext&) { return Unimplemented("compact"); }
Status SqliteStore::RebuildIndexes(const CallContext&) { return Unimplemented("rebuild"); }

void SqliteStore::Upkeep() {
  if (shrink_wanted_) {
    const Status shrunk =
        Run([this] { return Shrink(); }, 0, WriteQueue::Company::kBare, WithoutDeadline());
    if (!shrunk.ok()) return;
  }
  if (wal_bytes_.load(std::memory_order_relaxed) > options_.wal_bytes_checkpoint) {
    const Status moved = Run(
        [this]() -> Status {
          TRY(writer_->connection().Checkpoint(/*truncate=*/false));
          wal_bytes_.store(0, std::memory_order_relaxed);
          return {};
        },
        0, WriteQueue::Company::kBare, WithoutDeadline());
    if (!moved.ok()) return;  // the next commit asks again
  }
  const auto map = published_.Get();  // held while it is walked
  for (const auto& [id, entry] : map->entries()) {
    const auto vectors = entry.indexes->vectors();
    if (vectors && vectors->WantsGraph()) host_.WantGraph(vectors);
  }
  const Status compacted = Run(
      [this]() -> Status {
        const auto map = published_.Get();  // held while it is walked
        for (const auto& [id, entry] : map->entries()) {
          if (const auto vectors = entry.indexes->vectors()) vectors->Compact();
          if (const auto attributes = entry.indexes->attributes()) attributes->Compact();
        }
        return {};
      },
      0, WriteQueue::Company::kBare, WithoutDeadline());
  if (!compacted.ok()) return;
}

Result<ReaderPool::Lease> SqliteStore::AcquireReader(const CallContext& call) {
  Result<ReaderPool::Lease> reader = readers_.Acquire(call.deadline);
  if (!reader.Is(Errc::kNotFound)) return reader;
  if (deleted_.load(std::memory_order_relaxed)) return NotFound("the database was deleted");
  return Corruption("the store's file is missing");
}

void SqliteStore::DropCaches() {
  const auto map = published_.Get();  // held while it is walked
  for (const auto& [id, entry] : map->entries()) entry.indexes->Drop();
  readers_.CloseIdle();
}

uint64_t SqliteStore::memory_bytes() const {
  uint64_t bytes = 0;
  const auto map = published_.Get();  // held while it is walked
  for (const auto& [id, entry] : map->entries()) bytes += entry.indexes->memory_bytes();
  return bytes;
}

uint64_t SqliteStore::bytes_on_disk() const {
  uint64_t bytes = 0;
  for (const char* suffix : {"", "-wal"}) {
    const Result<file::Info> info = file::RealFileSystem().Stat(path_ + suffix);
    if (info.ok()) bytes += info->disk_bytes;
  }
  return bytes;
}

SqliteStore::Totals SqliteStore::totals() const {
  Totals totals;
  const auto map = published_.Get();  // held while it is walked
  for (const auto& [id, entry] : map->entries()) {
    ++totals.collections;
    totals.records += entry.indexes->records.load(std::memory_order_relaxed);
    if (const auto vectors = entry.indexes->vectors()) totals.tail += vectors->tail_size();
  }
  return totals;
}

}  // namespace pannier::store

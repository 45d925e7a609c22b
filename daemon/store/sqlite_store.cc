#include "daemon/store/sqlite_store.h"

#include <algorithm>
#include <utility>

#include "daemon/store/store_file.h"

namespace pannier::store {
namespace {

// A log this many times its checkpoint size is moved by the committing thread itself: writers then
// feel what they cost.
constexpr uint64_t kWalPatience = 8;
// Past this many, readers wait a moment as well: as long as one begins before another ends, some of
// the log is in use, and it cannot be begun anew.
constexpr uint64_t kWalMax = 16;
// What a commit that dropped a collection spends on giving its pages back; upkeep does the rest.
constexpr SteadyTime::duration kShrinkTime = std::chrono::milliseconds(30);
constexpr SteadyTime::duration kQuietWait = std::chrono::milliseconds(10);
// How many writes of one commit may meet damage before the rest of it is refused.
constexpr int kCommitAttempts = 8;

// What a write is told when its commit failed with `why`, which it has met itself or another has.
Status ForCompany(const Status& why, bool itself) {
  if (itself || !why.Is(Errc::kCorruption)) return why;
  return Unavailable("writes of the same commit met damaged records; nothing was written",
                     "try again in a second");
}

}  // namespace

SqliteStore::SqliteStore(const std::string& folder, const StoreOptions& options, StoreHost& host,
                         file::FileSystem& files, StoreName name)
    : options_(options),
      folder_(folder),
      path_(folder + "/store.db"),
      name_(std::move(name)),
      host_(host),
      files_(files),
      kept_(files, folder),
      readers_({path_, options.sqlite_vfs, options.readers_per_store_max}),
      queue_({options.writes_queued_max, options.commit_bytes_max},
             [this](const std::vector<WriteQueue::Write*>& writes) { CommitAll(writes); }) {}

Result<std::shared_ptr<SqliteStore>> SqliteStore::Open(const std::string& folder,
                                                       const StoreOptions& options, StoreHost& host,
                                                       file::FileSystem& files,
                                                       const StoreName& name) {
  std::shared_ptr<SqliteStore> store(new SqliteStore(folder, options, host, files, name));
  TRY(store->Start());
  return store;
}

Status SqliteStore::Start() {
  Connection connection = TRY(OpenStoreWriter(path_, options_.sqlite_vfs));
  if (options_.keep_log) TRY(connection.KeepLog());
  // An import would fill the memory with vectors that nobody searches.
  const bool begins_caches = options_.memory_budget_bytes > 0;
  Writer::IndexOptions index_options;
  if (begins_caches) {
    index_options = [this](const CollectionEntry& entry) { return IndexOptionsOf(entry); };
  }
  writer_ = TRY(Writer::Open(std::move(connection), published_, std::move(index_options)));
  // A crash may have come between a collection's drop and the end of its pages.
  shrink_wanted_ = TRY(writer_->connection().QueryInt("PRAGMA freelist_count")) > 0;
  writer_->connection().OnWalCommit([this](int pages) { OnLog(static_cast<uint64_t>(pages)); });
  sequence_.store(writer_->sequence(), std::memory_order_release);
  kept_.Sweep(*published_.Get());
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

Status SqliteStore::RunChange(std::function<Status()> apply, uint64_t bytes,
                              WriteQueue::Company company, const CallContext& call) {
  const auto unless_fenced = [this, apply = std::move(apply)]() -> Status {
    if (host_.IsFenced(name_)) {
      return Unavailable("writes of this store are held back while an operation works on it",
                         "try again in a few seconds");
    }
    return apply();
  };
  return Run(unless_fenced, bytes, company, call);
}

// Once more, with what room there is: the log's, when it can be moved into the file, and for what
// frees space the host's reserve.
Status SqliteStore::RunWithRoom(const std::function<Status()>& apply, uint64_t bytes,
                                WriteQueue::Company company, Frees frees, const CallContext& call) {
  TRY(host_.MayWrite(frees == Frees::kSpace));
  Status done = RunChange(apply, bytes, company, call);
  if (!done.Is(Errc::kStorageFull)) return Told(std::move(done));
  if (Flush(call).ok()) done = RunChange(apply, bytes, company, call);
  if (!done.Is(Errc::kStorageFull)) return Told(std::move(done));
  if (frees == Frees::kSpace && host_.ReleaseReserve()) {
    done = RunChange(apply, bytes, company, call);
    if (done.ok()) host_.WantUpkeep();
  }
  if (!done.Is(Errc::kStorageFull)) return Told(std::move(done));
  Error full = std::move(done).error();
  full.hint = "make room on the disk, or delete records or collections; then writes go on";
  return Told(std::move(full));
}

Status SqliteStore::Told(Status status) {
  if (status.ok() || host_.IsFenced(name_)) return status;
  return host_.OnWriteFailed(std::move(status).error());
}

Status SqliteStore::AwaitWrites(const CallContext& call) {
  return Run([]() -> Status { return {}; }, 0, WriteQueue::Company::kBare, call);
}

void SqliteStore::CommitAll(const std::vector<WriteQueue::Write*>& writes) {
  if (writes.front()->company == WriteQueue::Company::kBare) {
    writes.front()->result = writes.front()->apply();
    return;
  }
  std::vector<WriteQueue::Write*> together = writes;
  for (int attempt = 0; attempt < kCommitAttempts && !together.empty(); ++attempt) {
    WriteQueue::Write* broke = nullptr;
    const Status failed = CommitTogether(together, &broke);
    if (failed.ok()) return;
    // The transaction is gone with all its writes. Whoever met a damaged record knows why; the
    // others have done nothing wrong and go again without it.
    if (broke != nullptr && failed.Is(Errc::kCorruption) && attempt + 1 < kCommitAttempts) {
      together.erase(std::find(together.begin(), together.end(), broke));
      continue;
    }
    for (WriteQueue::Write* write : together) {
      if (write->result.ok())
        write->result = ForCompany(failed, broke == nullptr || write == broke);
    }
    return;
  }
}

Status SqliteStore::CommitTogether(const std::vector<WriteQueue::Write*>& writes,
                                   WriteQueue::Write** broke) {
  const auto begin = std::chrono::steady_clock::now();
  // Nobody would find what is written to a file without a name.
  if (writer_->connection().HasMoved() && !deleted_.load(std::memory_order_relaxed)) {
    return Corruption("the store's file is missing",
                      "put store.db back where it was, or restore the store from a snapshot");
  }
  TRY(writer_->Begin());
  for (WriteQueue::Write* write : writes) {
    write->result = write->apply();
    if (writer_->broken()) {
      writer_->Abort();
      *broke = write;
      return write->result;
    }
  }
  const auto commit_begin = std::chrono::steady_clock::now();
  if (writer_->dirty()) {
    Status durable = MakeLogDurable();
    if (!durable.ok()) {
      writer_->Abort();
      return durable;
    }
  }
  TRY(writer_->Commit().Context("commit"));
  if (writer_->sequence() == sequence()) return {};  // nothing had changed
  const auto end = std::chrono::steady_clock::now();
  sequence_.store(writer_->sequence(), std::memory_order_release);
  AfterCommit();
  host_.OnCommit(writes.size(), end - begin, end - commit_begin);
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

void SqliteStore::AfterCommit() {
  if (options_.memory_budget_bytes == 0) DropIndexes();  // a commit may have begun one
  const bool dropped = writer_->TakeDropped();
  if (dropped) shrink_wanted_ = true;
  if (pinned()) return;  // the end of the pin asks for upkeep
  if (dropped) {
    [[maybe_unused]] const Status shrunk = Shrink(SystemClock().Steady() + kShrinkTime);
    if (shrink_wanted_) host_.WantUpkeep();
    return;
  }
  // What a pin let gather is upkeep's to move, beside the writes that go on.
  const uint64_t fresh_bytes = log_.fresh_since_pin() * kStorePageBytes;
  const uint64_t log_bytes = log_.pages.load(std::memory_order_relaxed) * kStorePageBytes;
  if (log_bytes > options_.wal_bytes_checkpoint * kWalMax &&
      fresh_bytes > options_.wal_bytes_checkpoint) {
    MoveLogAlone();
  } else if (fresh_bytes > options_.wal_bytes_checkpoint * kWalPatience) {
    [[maybe_unused]] const Result<bool> moved = MoveLog(/*truncate=*/false);
  } else if (fresh_bytes > options_.wal_bytes_checkpoint) {
    host_.WantUpkeep();
  }
}

// Long reads go on; the next attempt is due when the log has grown by another checkpoint's size.
void SqliteStore::MoveLogAlone() {
  const auto quiet = readers_.BeQuiet(SystemClock().Steady() + kQuietWait);
  [[maybe_unused]] const Result<bool> moved = MoveLog(/*truncate=*/false);
}

// After each commit.
void SqliteStore::OnLog(uint64_t pages) {
  // A commit that is appended makes it longer.
  if (pages <= log_.pages.load(std::memory_order_relaxed)) {
    log_.restarts.fetch_add(1, std::memory_order_relaxed);
    log_.tried.store(0, std::memory_order_relaxed);
    log_.released.store(0, std::memory_order_relaxed);
  }
  log_.pages.store(pages, std::memory_order_release);
}

uint64_t SqliteStore::Log::fresh() const {
  const uint64_t in_log = pages.load(std::memory_order_acquire);
  const uint64_t seen = tried.load(std::memory_order_acquire);
  return in_log > seen ? in_log - seen : 0;
}

uint64_t SqliteStore::Log::fresh_since_pin() const {
  const uint64_t in_log = pages.load(std::memory_order_acquire);
  return std::min(fresh(), in_log - std::min(in_log, released.load(std::memory_order_acquire)));
}

Result<ReaderPool::Lease> SqliteStore::AcquireReader(const CallContext& call) {
  Result<ReaderPool::Lease> reader = readers_.Acquire(call.deadline);
  if (!reader.Is(Errc::kNotFound)) return reader;
  if (deleted_.load(std::memory_order_relaxed)) return NotFound("the database was deleted");
  return Corruption("the store's file is missing");
}

index::VectorIndex::Options SqliteStore::IndexOptionsOf(const CollectionEntry& entry) const {
  const bool scratch = !entry.indexes->scratch_failed.load(std::memory_order_relaxed);
  return {entry.info->hnsw, *entry.info->dimension, options_.graph_threshold,
          scratch ? kept_.ScratchOf(entry.info->id) : index::Scratch()};
}

void SqliteStore::DropIndexes() {
  const auto map = published_.Get();  // held while it is walked
  for (const auto& [id, entry] : map->entries()) entry.indexes->Drop();
}

void SqliteStore::DropCaches() {
  DropIndexes();
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
    const Result<file::Info> info = files_.Stat(path_ + suffix);
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

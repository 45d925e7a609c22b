// How a SqliteStore holds its file still.
//
// A reader that begins while the whole log is in the file uses nothing of the log, and SQLite does
// not write to the file while such a reader lives (it holds what SQLite calls WAL_READ_LOCK(0)). So
// a pin leads the write queue for a moment: it moves the rest of the log, and begins to read.
//
// Most of the log is moved before, while writes go on, by a connection of its own. SQLite before
// 3.51.3 has a defect there: a checkpoint may take a log that was begun anew for the one it has
// seen, and lose pages. It needs a log that is begun anew meanwhile, which a reader of the log
// prevents; so there is one, from a moment when the log certainly holds something to read.
#include "daemon/store/store_pin.h"

#include <algorithm>
#include <thread>
#include <utility>

#include "daemon/store/sqlite_store.h"
#include "daemon/store/store_file.h"

namespace pannier::store {
namespace {

// The log that may be left for the moment in which writers wait: a few milliseconds of disk.
constexpr uint64_t kStallPages = (1 << 20) / kStorePageBytes;
constexpr int kShortenRounds = 8;
// Readers that began before the newest commit keep the end of the log from being moved. They end
// soon, and no new ones come while nobody commits: so that is waited for, while writers wait too.
constexpr SteadyTime::duration kStallForReaders = std::chrono::milliseconds(8);
constexpr SteadyTime::duration kLookAgain = std::chrono::microseconds(500);
// Between two such attempts, writers go on for longer and longer.
constexpr SteadyTime::duration kPauseMin = std::chrono::milliseconds(5);
constexpr SteadyTime::duration kPauseMax = std::chrono::milliseconds(80);

Error Late() {
  return DeadlineExceeded("long reads, or another snapshot, used the store's log for too long",
                          "try again when fewer long requests run");
}

}  // namespace

// Pins are made one at a time. Move only.
class SqliteStore::PinTurn {
 public:
  static Result<PinTurn> Take(SqliteStore& store, SteadyTime deadline) {
    MutexLock lock(store.pin_mutex_);
    while (store.pinning_) {
      const SteadyTime now = SystemClock().Steady();
      if (now >= deadline) return Late();
      store.pin_turn_.WaitFor(store.pin_mutex_,
                              std::min<SteadyTime::duration>(deadline - now, kTurnAgain));
    }
    store.pinning_ = true;
    return PinTurn(store);
  }
  PinTurn(PinTurn&& other) noexcept : store_(std::exchange(other.store_, nullptr)) {}
  PinTurn& operator=(PinTurn&&) = delete;
  ~PinTurn() {
    if (store_ == nullptr) return;
    MutexLock lock(store_->pin_mutex_);
    store_->pinning_ = false;
    store_->pin_turn_.NotifyOne();
  }

 private:
  static constexpr SteadyTime::duration kTurnAgain = std::chrono::seconds(1);
  explicit PinTurn(SqliteStore& store) : store_(&store) {}
  SqliteStore* store_;
};

class SqliteStore::FilePin final : public StorePin {
 public:
  FilePin(SqliteStore& store, Connection reader) : store_(store), reader_(std::move(reader)) {}
  ~FilePin() override {
    if (!held_) return;
    transaction_.reset();
    store_.log_.released.store(store_.log_.pages.load(std::memory_order_acquire),
                               std::memory_order_release);
    store_.pins_.fetch_sub(1, std::memory_order_acq_rel);
    store_.host_.WantUpkeep();
  }

  // By the leader of the queue, when the whole log is in the file.
  Status Hold() {
    transaction_.emplace(TRY(Transaction::Begin(reader_, Transaction::Kind::kRead)));
    sequence_ = TRY(CollectionTable(reader_).ReadSequence());
    bytes_ = TRY(store_.raw_->Size());
    time_ = SystemClock().Now();
    pages_ = store_.log_.pages.load(std::memory_order_acquire);
    restarts_ = store_.log_.restarts.load(std::memory_order_acquire);
    store_.pins_.fetch_add(1, std::memory_order_acq_rel);
    held_ = true;
    return {};
  }

  Status ReadCollections() {
    CollectionTable table(reader_);
    for (model::Collection& info : TRY(table.Load())) {
      const Counters counters = TRY(table.ReadCounters(info.number));
      collections_.push_back({std::move(info), counters.records});
    }
    return {};
  }

  index::Sequence sequence() const override { return sequence_; }
  WallTime time() const override { return time_; }
  uint64_t bytes() const override { return bytes_; }
  const std::vector<PinnedCollection>& collections() const override { return collections_; }

  uint64_t log_bytes() const override {
    const uint64_t pages = store_.log_.pages.load(std::memory_order_acquire);
    const bool begun_anew = store_.log_.restarts.load(std::memory_order_acquire) != restarts_;
    const uint64_t grown = begun_anew ? pages : pages - std::min(pages, pages_);
    return grown * kStorePageBytes;
  }

  std::vector<PinnedIndex> SavedIndexes() const override {
    std::vector<PinnedIndex> saved;
    for (const PinnedCollection& collection : collections_) {
      Result<PinnedIndex> found = store_.kept_.OpenSaved(collection, sequence_);
      if (found.ok()) saved.push_back(std::move(*found));
    }
    return saved;
  }

  Status Read(uint64_t offset, std::span<char> into) const override {
    const size_t got = TRY(store_.raw_->ReadAt(offset, into));
    if (got != into.size()) return Corruption("the store's file is shorter than it was");
    return {};
  }

 private:
  SqliteStore& store_;
  Connection reader_;
  std::optional<Transaction> transaction_;  // ends before its connection
  bool held_ = false;
  index::Sequence sequence_ = 0;
  WallTime time_;
  uint64_t bytes_ = 0;
  uint64_t pages_ = 0, restarts_ = 0;  // of the log, when it was held
  std::vector<PinnedCollection> collections_;
};

Result<std::unique_ptr<StorePin>> SqliteStore::Pin(const CallContext& call) {
  const PinTurn turn = TRY(PinTurn::Take(*this, call.deadline));
  TRY(OpenRaw());
  Connection reader = TRY(OpenStoreReader(path_, options_.sqlite_vfs));
  auto pin = std::make_unique<FilePin>(*this, std::move(reader));
  bool held = false;
  const auto hold = [&]() -> Status {
    const SteadyTime stall_until = SystemClock().Steady() + kStallForReaders;
    while (!TRY(MoveLog(/*truncate=*/false))) {
      if (pinned() || SystemClock().Steady() >= stall_until) return {};
      std::this_thread::sleep_for(kLookAgain);
    }
    TRY(pin->Hold());
    held = true;
    return {};
  };
  for (SteadyTime::duration pause = kPauseMin;; pause = std::min(2 * pause, kPauseMax)) {
    TRY(ShortenLog(call));
    TRY(Run(hold, 0, WriteQueue::Company::kBare, call));
    if (held) break;
    if (SystemClock().Steady() + pause >= call.deadline) return Late();
    std::this_thread::sleep_for(pause);
  }
  TRY(pin->ReadCollections());
  return std::unique_ptr<StorePin>(std::move(pin));
}

Status SqliteStore::OpenRaw() {
  if (raw_ == nullptr) raw_ = TRY(files_.Open(path_, file::OpenMode::kRead));
  return {};
}

// Moves the log into the file while writes go on, until little of it is left. What readers or
// another pin keep in the log stays there.
Status SqliteStore::ShortenLog(const CallContext& call) {
  if (log_.fresh() <= kStallPages || pinned()) return {};
  Connection reader = TRY(OpenStoreReader(path_, options_.sqlite_vfs));
  Connection mover =
      TRY(Connection::Open(path_, Connection::Mode::kReadWrite, options_.sqlite_vfs));
  TRY(mover.Run("PRAGMA synchronous=FULL"));
  for (int round = 0; round < kShortenRounds && log_.fresh() > kStallPages; ++round) {
    std::optional<Transaction> hold;
    if (!TRY(HoldLog(reader, &hold, call))) return {};
    TRY(mover.Checkpoint(/*truncate=*/false));
    log_.tried.store(log_.pages.load(std::memory_order_acquire), std::memory_order_release);
  }
  return {};
}

// Keeps the log from being begun anew while `hold` lives. False when it may hold nothing to read.
Result<bool> SqliteStore::HoldLog(Connection& reader, std::optional<Transaction>* hold,
                                  const CallContext& call) {
  bool held = false;
  const auto begin = [&]() -> Status {
    // More pages than anybody has tried to move: some are in the log alone, so that this reader
    // needs the log.
    if (log_.fresh() == 0) return {};
    hold->emplace(TRY(Transaction::Begin(reader, Transaction::Kind::kRead)));
    TRY(CollectionTable(reader).ReadSequence());
    held = true;
    return {};
  };
  TRY(Run(begin, 0, WriteQueue::Company::kBare, call));
  return held;
}

}  // namespace pannier::store

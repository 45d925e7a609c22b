// The table of open stores: who is open, who makes room.
//
// A store is open in at most one place: while one thread opens or closes it, others that want it
// wait; while it is barred, they wait a while and are told to come again. Threads: any. Opening and
// closing happen outside the lock.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "daemon/store/sqlite_store.h"
#include "daemon/store/store_host.h"
#include "lib/core/clock.h"
#include "lib/core/mutex.h"
#include "lib/core/result.h"
#include "lib/core/uuid.h"

namespace pannier::store {

class OpenStores {
 public:
  struct Open {
    StoreName name;
    std::shared_ptr<SqliteStore> store;
    SteadyTime last_used;
  };
  using Opener = std::function<Result<std::shared_ptr<SqliteStore>>()>;

  // `patience`: how long a full table of held stores is waited for.
  OpenStores(uint32_t open_max, std::chrono::milliseconds patience, const Clock& clock)
      : open_max_(open_max), patience_(patience), clock_(clock) {}

  // While it lives, nobody can come to hold the store. Move only; ends before the table.
  class Bar {
   public:
    Bar(Bar&& other) noexcept : table_(other.table_), name_(std::move(other.name_)) {
      other.table_ = nullptr;
    }
    Bar& operator=(Bar&&) = delete;
    ~Bar();

   private:
    friend class OpenStores;
    Bar(OpenStores* table, StoreName name) : table_(table), name_(std::move(name)) {}
    OpenStores* table_;
    StoreName name_;
  };

  // The store if it is open and not barred, marked as used; else null.
  std::shared_ptr<SqliteStore> Find(const StoreName& name, Use use = Use::kWorker);
  // The open store, or the one that `open` makes. Closes the least recently used store that nobody
  // holds when the table is full.
  //   kResourceExhausted  full, and all were held for as long as patience goes
  //   kUnavailable        barred for as long as patience goes
  //   others              what `open` failed with. Where that may be for lack of descriptors,
  //                       unused stores are closed first, and it is tried again
  Result<std::shared_ptr<SqliteStore>> FindOrOpen(const StoreName& name, const Opener& open,
                                                  Use use = Use::kWorker);
  // Of a store, whether it is open or not, since this table was made.
  struct Past {
    std::optional<SteadyTime> worked;  // when a worker last asked for it, or it was made
    index::Sequence sequence = 0;      // when it was last closed; 0: it was not
  };
  Past PastOf(const StoreName& name) const;
  // It was made, or came back from quarantine: nobody can have asked for it yet.
  void NoteMade(const StoreName& name);

  // The store if it is open, even when it is barred; not marked as used.
  std::shared_ptr<SqliteStore> Peek(const StoreName& name) const;

  // Keeps newcomers out, waits until nobody holds the store, and closes it.
  //   kConflict          barred already
  //   kDeadlineExceeded  it was held until `deadline`; newcomers come in again
  Result<Bar> KeepOut(const StoreName& name, SteadyTime deadline);

  // Keeps newcomers out, and leaves those that hold the store alone.
  //   kUnavailable  barred for as long as patience goes
  Result<Bar> HoldBack(const StoreName& name);

  // Closes it unless somebody holds it. True when it is not open now.
  bool CloseIfUnused(const StoreName& name);
  // Closes what nobody holds and nobody used for its own time, else for `idle_after`; returns how
  // many.
  int CloseIdle(std::chrono::seconds idle_after);
  // The open store's own time, until it is closed; nothing: as all have.
  void SetIdleAfter(const StoreName& name, std::optional<std::chrono::seconds> idle_after);
  // Takes the store out of the table, for good; who holds it goes on with it. Null when it was not
  // open.
  std::shared_ptr<SqliteStore> Remove(const StoreName& name);

  // Least recently used first.
  std::vector<Open> List() const;
  uint64_t opened_total() const { return opened_total_.load(std::memory_order_relaxed); }
  uint64_t evicted_total() const { return evicted_total_.load(std::memory_order_relaxed); }

 private:
  struct Slot {
    std::shared_ptr<SqliteStore> store;  // null while it is being opened or closed
    SteadyTime last_used;
    std::optional<std::chrono::seconds> idle_after = {};
  };
  using Table = std::unordered_map<StoreName, Slot, StoreNameHash>;

  bool AwaitSettled(const StoreName& name) REQUIRES(mutex_);
  Status AwaitPlace(const StoreName& name) REQUIRES(mutex_);
  Status AwaitUnused(const StoreName& name, SteadyTime deadline) REQUIRES(mutex_);
  bool MakeRoom() REQUIRES(mutex_);
  void CloseSlot(Table::iterator slot) REQUIRES(mutex_);
  // Returns the time of it.
  SteadyTime NoteUse(const StoreName& name, Use use) REQUIRES(mutex_);

  const uint32_t open_max_;
  const std::chrono::milliseconds patience_;
  const Clock& clock_;
  std::atomic<uint64_t> opened_total_{0}, evicted_total_{0};
  mutable Mutex mutex_;
  CondVar settled_;
  Table table_ GUARDED_BY(mutex_);
  std::unordered_map<StoreName, Past, StoreNameHash> past_ GUARDED_BY(mutex_);
  std::unordered_set<StoreName, StoreNameHash> barred_ GUARDED_BY(mutex_);
};

}  // namespace pannier::store

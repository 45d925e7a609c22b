// What keeps a SqliteStore small and quick: its log, its free pages, its caches.
#include <algorithm>
#include <thread>

#include "daemon/store/sqlite_store.h"
#include "daemon/store/store_file.h"
#include "lib/core/log.h"

namespace pannier::store {
namespace {

using Company = WriteQueue::Company;

constexpr CallContext WithoutDeadline() { return {SteadyTime::max()}; }
// Free pages given back in one step (4 MiB): writers wait for no more than that.
constexpr int kVacuumPages = 256;
// A pin or a long read keeps the file from getting shorter: how long a caller waits for its end.
constexpr auto kCompactPatience = std::chrono::seconds(30);
constexpr uint64_t kLogBytesAtRest = 1 << 20;
constexpr auto kLookAgain = std::chrono::milliseconds(5);
constexpr auto kWantAgain = std::chrono::seconds(1);

}  // namespace

// --- the log ---

// True when all of it is in the file. A reader of the log, or a pin, may prevent that: no error.
Result<bool> SqliteStore::MoveLog(bool truncate) {
  Result<bool> moved = writer_->connection().Checkpoint(truncate);
  log_.tried.store(log_.pages.load(std::memory_order_relaxed), std::memory_order_release);
  return moved;
}

Status SqliteStore::Flush(const CallContext& call) {
  const auto flush = [this]() -> Status {
    TRY(MoveLog(/*truncate=*/true));
    return {};
  };
  return Run(flush, 0, Company::kBare, call);
}

// --- free pages ---

// Gives back some free pages, by the leader of the queue. How many are left.
Result<int64_t> SqliteStore::VacuumStep() {
  Connection& connection = writer_->connection();
  if (TRY(connection.QueryInt("PRAGMA freelist_count")) > 0) {
    TRY(MakeLogDurable());
    TRY(connection.Run("PRAGMA incremental_vacuum(" + std::to_string(kVacuumPages) + ")"));
  }
  return connection.QueryInt("PRAGMA freelist_count");
}

// Gives the pages of dropped collections back to the file system, until about `until`. What is left
// then, or where a failure or a reader of the log prevents it, is the next Upkeep()'s.
Status SqliteStore::Shrink(SteadyTime until) {
  shrink_wanted_ = true;
  while (TRY(VacuumStep()) > 0) {
    if (SystemClock().Steady() >= until) return {};
  }
  if (TRY(MoveLog(/*truncate=*/true))) shrink_wanted_ = false;
  return {};
}

Result<uint64_t> SqliteStore::FileBytes() const { return TRY(files_.Stat(path_)).bytes; }

Status SqliteStore::VacuumInSteps(const CallContext& call) {
  int64_t before = 0, left = 1;
  const auto step = [&]() -> Status {
    before = TRY(writer_->connection().QueryInt("PRAGMA freelist_count"));
    left = TRY(VacuumStep());
    // What it moves goes through the log: that shall not grow to the file's size.
    if (log_.fresh() * kStorePageBytes > options_.wal_bytes_checkpoint)
      TRY(MoveLog(/*truncate=*/false));
    return {};
  };
  while (left > 0) {
    TRY(Run(step, 0, Company::kBare, call));
    if (left >= before && left > 0) return Internal("free pages stay in the file");
  }
  return {};
}

Result<uint64_t> SqliteStore::Compact(const CallContext& call) {
  const auto move = [this](bool* moved) {
    return [this, moved]() -> Status {
      *moved = TRY(MoveLog(/*truncate=*/true));
      return {};
    };
  };
  bool moved = false;
  TRY(Run(move(&moved), 0, Company::kBare, call));  // so that the file's length is what it holds
  const uint64_t before = TRY(FileBytes());
  TRY(VacuumInSteps(call));
  const SteadyTime patience =
      std::min(call.deadline, SystemClock().Steady() + SteadyTime::duration(kCompactPatience));
  for (moved = false; !moved;) {
    if (!pinned()) TRY(Run(move(&moved), 0, Company::kBare, call));
    if (moved) break;
    shrink_wanted_ = true;  // by Upkeep(), when the pin has ended
    if (SystemClock().Steady() + kLookAgain >= patience) break;
    std::this_thread::sleep_for(kLookAgain);
  }
  const uint64_t after = TRY(FileBytes());
  return before > after ? before - after : 0;
}

// --- caches ---

Status SqliteStore::RebuildIndexes(const CallContext& call) {
  DropIndexes();
  const auto map = published_.Get();  // held while it is walked
  for (const auto& [id, entry] : map->entries()) kept_.Remove(id);
  for (const auto& [id, entry] : map->entries()) {
    const Status attributes = LoadAttributes(entry, call);
    if (attributes.Is(Errc::kNotFound)) continue;  // it was deleted meanwhile
    TRY(Watched(Status(attributes)));
    if (!entry.info->dimension) continue;
    const Status vectors = LoadVectors(entry, call);
    if (vectors.Is(Errc::kNotFound) || vectors.Is(Errc::kResourceExhausted)) continue;
    TRY(Watched(Status(vectors)));
  }
  for (const auto& [id, entry] : map->entries()) TRY(AwaitGraph(entry, call));
  return {};
}

// Graphs are built one after the other, by one thread for all stores.
Status SqliteStore::AwaitGraph(const CollectionEntry& entry, const CallContext& call) {
  SteadyTime want_at = SystemClock().Steady();
  for (;;) {
    const auto vectors = entry.indexes->vectors();
    if (vectors == nullptr || !vectors->WantsGraph()) return {};
    const SteadyTime now = SystemClock().Steady();
    if (now >= want_at) {
      if (!host_.WantGraph(vectors)) return {};
      want_at = now + kWantAgain;
    }
    if (now >= call.deadline) {
      return DeadlineExceeded("the graph of collection " + entry.info->name + " is not built yet",
                              "searches are exact until it is");
    }
    std::this_thread::sleep_for(kLookAgain);
  }
}

Status SqliteStore::SaveIndexes(const CallContext& call) {
  TRY(Warm(call));
  const auto map = published_.Get();  // held while it is walked
  for (const auto& [id, entry] : map->entries()) {
    TRY(AwaitGraph(entry, call));
    const Status saved = kept_.Save(entry, sequence());
    if (!saved.ok() && !saved.Is(Errc::kUnavailable)) {
      LogWarn("index not saved").Add("error", saved.error().what);
    }
  }
  return {};
}

// What is done once nobody has written for a while: indexes are saved, and the log gives its space
// back.
Status SqliteStore::Rest(const CollectionMap& collections) {
  const SteadyTime now = SystemClock().Steady();
  if (!kept_.IsQuiet(sequence(), now)) return {};
  kept_.SaveDue(collections, sequence(), now);
  const Result<file::Info> log = files_.Stat(path_ + "-wal");
  if (!log.ok() || log->bytes <= kLogBytesAtRest || pinned()) return {};
  return Flush(WithoutDeadline());
}

void SqliteStore::BeforeClose(SteadyTime until) {
  const auto map = published_.Get();  // held while it is walked
  kept_.SaveLast(*map, sequence(), until);
}

void SqliteStore::Upkeep() {
  if (shrink_wanted_ && !pinned()) {
    if (!VacuumInSteps(WithoutDeadline()).ok()) return;
    const auto shrink = [this] { return pinned() ? Status() : Shrink(SystemClock().Steady()); };
    if (!Run(shrink, 0, Company::kBare, WithoutDeadline()).ok()) return;
  }
  if (log_.fresh() * kStorePageBytes > options_.wal_bytes_checkpoint && !pinned()) {
    // Most of it while writes go on; what is left for the moment in which they wait is short.
    if (!ShortenLog(WithoutDeadline()).ok()) return;
    const Status moved = Run(
        [this]() -> Status {
          TRY(MoveLog(/*truncate=*/false));
          return {};
        },
        0, Company::kBare, WithoutDeadline());
    if (!moved.ok()) return;  // the next commit asks again
  }
  const auto map = published_.Get();  // held while it is walked
  for (const auto& [id, entry] : map->entries()) {
    const auto vectors = entry.indexes->vectors();
    if (vectors && vectors->WantsGraph()) host_.WantGraph(vectors);
    if (vectors && vectors->WantsFloats()) FillFloats(id);
    DropIfBroken(entry);
  }
  if (!Rest(*map).ok()) return;
  const Status compacted = Run(
      [this]() -> Status {
        const auto map = published_.Get();  // held while it is walked
        for (const auto& [id, entry] : map->entries()) {
          if (const auto vectors = entry.indexes->vectors()) vectors->Compact();
          if (const auto attributes = entry.indexes->attributes()) attributes->Compact();
        }
        return {};
      },
      0, Company::kBare, WithoutDeadline());
  if (!compacted.ok()) return;
}

}  // namespace pannier::store

// A journal in memory, which outlives executors as a catalog does. Threads: any.
#pragma once

#include <algorithm>
#include <atomic>
#include <vector>

#include "daemon/store/journal.h"
#include "lib/core/mutex.h"

namespace pannier::operations {

class MemoryJournal final : public store::Journal {
 public:
  Status Add(const store::JournalEntry& entry) override {
    MutexLock lock(mutex_);
    for (const auto& each : entries_) {
      if (each.uid != entry.uid) continue;
      return each.request == entry.request ? Status() : Status(Conflict("another request"));
    }
    entries_.push_back(entry);
    return {};
  }
  Status Update(const store::JournalEntry& entry) override {
    MutexLock lock(mutex_);
    if (failing) return Unavailable("the disk is gone");
    for (auto& each : entries_) {
      if (each.uid != entry.uid) continue;
      const bool happened = each.happened;
      each = entry;
      each.happened = happened;
      return {};
    }
    return NotFound("no such entry");
  }
  Result<std::optional<store::JournalEntry>> Find(const Uuid& uid) override {
    MutexLock lock(mutex_);
    for (const auto& each : entries_) {
      if (each.uid == uid) return std::optional(each);
    }
    return std::optional<store::JournalEntry>();
  }
  Result<std::vector<store::JournalEntry>> List(uint32_t newest_max) override {
    MutexLock lock(mutex_);
    std::vector<store::JournalEntry> list(entries_.rbegin(), entries_.rend());
    if (list.size() > newest_max) list.resize(newest_max);
    return list;
  }
  Result<std::vector<store::JournalEntry>> Unfinished() override {
    MutexLock lock(mutex_);
    std::vector<store::JournalEntry> list;
    std::copy_if(entries_.begin(), entries_.end(), std::back_inserter(list),
                 [](const auto& each) { return !each.ended; });
    return list;
  }
  Status Prune(uint32_t keep) override {
    MutexLock lock(mutex_);
    auto ended = static_cast<size_t>(std::count_if(entries_.begin(), entries_.end(),
                                                   [](const auto& each) { return each.ended; }));
    std::erase_if(entries_, [&](const auto& each) { return each.ended && ended-- > keep; });
    return {};
  }
  Status RaiseEpoch(uint64_t epoch) override {
    MutexLock lock(mutex_);
    if (epoch < epoch_) return PermissionDenied("the epoch is over");
    epoch_ = epoch;
    return {};
  }
  void SetHappened(const Uuid& uid) {
    MutexLock lock(mutex_);
    for (auto& each : entries_) {
      if (each.uid == uid) each.happened = true;
    }
  }

  std::atomic<bool> failing{false};

 private:
  Mutex mutex_;
  std::vector<store::JournalEntry> entries_ GUARDED_BY(mutex_);
  uint64_t epoch_ GUARDED_BY(mutex_) = 0;
};

}  // namespace pannier::operations

// What happened lately that a person should know of, and what to do about it: the newest 1,024,
// each also one line of the log. Threads: any.
#pragma once

#include <cstdint>
#include <deque>
#include <string>
#include <vector>

#include "lib/core/clock.h"
#include "lib/core/mutex.h"

namespace pannier::service {

enum class EventType { kNormal, kWarning };

struct Event {
  uint64_t number = 0;  // from 1, without gaps
  WallTime time;
  EventType type = EventType::kNormal;
  std::string reason;  // one word: "SnapshotTaken"
  std::string store;   // "tenant/database"; empty: of none
  std::string message;
  std::string action;  // what to do; may be empty
};

class Events {
 public:
  explicit Events(const Clock& clock) : clock_(clock) {}

  void Normal(std::string reason, std::string store, std::string message) EXCLUDES(mutex_);
  void Warning(std::string reason, std::string store, std::string message, std::string action)
      EXCLUDES(mutex_);

  struct Page {
    std::vector<Event> events;  // oldest first
    uint64_t last = 0;          // of the newest event there is
  };
  // Those after `number` that are still kept.
  Page After(uint64_t number) const EXCLUDES(mutex_);
  // Since start.
  uint64_t total(EventType type) const EXCLUDES(mutex_);

  static constexpr size_t kKept = 1'024;

 private:
  void Add(Event event) EXCLUDES(mutex_);

  const Clock& clock_;
  mutable Mutex mutex_;
  std::deque<Event> events_ GUARDED_BY(mutex_);
  uint64_t last_ GUARDED_BY(mutex_) = 0;
  uint64_t warnings_ GUARDED_BY(mutex_) = 0;
};

}  // namespace pannier::service

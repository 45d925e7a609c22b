// Which key is due when: one slot per key, so that a thousand changes of one object are one run.
//
// The earlier of two due times wins. A key that runs is not handed out again: what is added
// meanwhile is due after it ended. Failures of a key push it back by growing pauses, its success
// resets them. Holds no key that is neither due, nor running, nor failing. Pure: no threads, no
// clock. Threads: one at a time (Controller has the lock).
#pragma once

#include <chrono>
#include <map>
#include <optional>
#include <set>

#include "lib/core/clock.h"
#include "operator/kube/backoff.h"
#include "operator/kube/object.h"

namespace pannier::kube {

// When to look at an object again, as its reconciler says.
class Action {
 public:
  // When something changes; or at the next resync.
  static Action AwaitChange() { return Action(std::nullopt); }
  static Action After(std::chrono::nanoseconds time) { return Action(time); }

  const std::optional<std::chrono::nanoseconds>& after() const { return after_; }

 private:
  explicit Action(std::optional<std::chrono::nanoseconds> after) : after_(after) {}
  std::optional<std::chrono::nanoseconds> after_;
};

class Queue {
 public:
  // Pauses of a failing key: 0.2 s to 5 min unless told otherwise.
  static constexpr BackoffOptions kBackoff{std::chrono::milliseconds(200), std::chrono::minutes(5),
                                           std::chrono::minutes(10)};
  explicit Queue(uint64_t seed, BackoffOptions backoff = kBackoff)
      : backoff_(backoff), seed_(seed) {}

  // `due` or earlier. False when the key had a slot that is at least as early.
  bool Add(const ObjectKey& key, SteadyTime due);
  // The key that is due for longest and not running; it runs from now on.
  std::optional<ObjectKey> Take(SteadyTime now);
  // It ran. CHECKs that it was taken.
  void Done(const ObjectKey& key, const Action& action, SteadyTime now);
  // It ran and failed: returns the pause that it gets.
  std::chrono::nanoseconds Failed(const ObjectKey& key, SteadyTime now);
  // When the next key is due; nothing when none waits.
  std::optional<SteadyTime> NextDue() const;
  // Keys that are due and not taken.
  size_t DueAt(SteadyTime now) const;
  size_t size() const { return slots_.size(); }
  // Forgets everything that does not run.
  void Clear();

 private:
  struct Slot {
    std::optional<SteadyTime> due;  // of a running key: when to run again
    bool running = false;
    std::optional<Backoff> backoff;  // once it failed
  };
  using Slots = std::map<ObjectKey, Slot>;
  void SetDue(Slots::iterator slot, SteadyTime due);
  void Release(Slots::iterator slot);

  const BackoffOptions backoff_;
  uint64_t seed_;
  Slots slots_;
  std::set<std::pair<SteadyTime, ObjectKey>> waiting_;  // of slots that do not run
};

}  // namespace pannier::kube

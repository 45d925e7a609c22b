#include "operator/kube/queue.h"

#include <algorithm>
#include <utility>

#include "lib/core/check.h"

namespace pannier::kube {

bool Queue::Add(const ObjectKey& key, SteadyTime due) {
  const auto slot = slots_.try_emplace(key).first;
  if (slot->second.due && *slot->second.due <= due) return false;
  SetDue(slot, due);
  return true;
}

void Queue::SetDue(Slots::iterator slot, SteadyTime due) {
  if (!slot->second.running) {
    if (slot->second.due) waiting_.erase({*slot->second.due, slot->first});
    waiting_.insert({due, slot->first});
  }
  slot->second.due = due;
}

std::optional<ObjectKey> Queue::Take(SteadyTime now) {
  if (waiting_.empty() || waiting_.begin()->first > now) return std::nullopt;
  ObjectKey key = waiting_.begin()->second;
  waiting_.erase(waiting_.begin());
  Slot& slot = slots_.find(key)->second;
  slot.due.reset();
  slot.running = true;
  return key;
}

void Queue::Done(const ObjectKey& key, const Action& action, SteadyTime now) {
  const auto slot = slots_.find(key);
  CHECK(slot != slots_.end() && slot->second.running);
  slot->second.backoff.reset();
  if (action.after()) Add(key, now + *action.after());
  Release(slot);
}

std::chrono::nanoseconds Queue::Failed(const ObjectKey& key, SteadyTime now) {
  const auto slot = slots_.find(key);
  CHECK(slot != slots_.end() && slot->second.running);
  if (!slot->second.backoff) slot->second.backoff.emplace(backoff_, seed_++);
  const std::chrono::nanoseconds pause = slot->second.backoff->Next(now);
  // A change that came meanwhile does not cut the pause short: what fails at once would spin.
  slot->second.due = now + pause;
  Release(slot);
  return pause;
}

// The key runs no more: it waits again, or it is forgotten.
void Queue::Release(Slots::iterator slot) {
  slot->second.running = false;
  if (slot->second.due) {
    waiting_.insert({*slot->second.due, slot->first});
  } else {
    slots_.erase(slot);
  }
}

std::optional<SteadyTime> Queue::NextDue() const {
  if (waiting_.empty()) return std::nullopt;
  return waiting_.begin()->first;
}

size_t Queue::DueAt(SteadyTime now) const {
  size_t count = 0;
  for (const auto& [due, key] : waiting_) {
    if (due > now) break;
    ++count;
  }
  return count;
}

void Queue::Clear() {
  waiting_.clear();
  for (auto slot = slots_.begin(); slot != slots_.end();) {
    slot->second.due.reset();
    slot = slot->second.running ? std::next(slot) : slots_.erase(slot);
  }
}

}  // namespace pannier::kube

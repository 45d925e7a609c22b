#include "daemon/store/open_stores.h"

#include <algorithm>
#include <utility>

namespace pannier::store {
namespace {

// Holders let go without a word, when their request ends: that is soon.
constexpr auto kLookForHolders = std::chrono::milliseconds(5);
// A store takes a handful of descriptors; closing this many others gives it enough.
constexpr int kRoomAttemptsMax = 4;

}  // namespace

SteadyTime OpenStores::NoteUse(const StoreName& name, Use use) {
  const SteadyTime now = clock_.Steady();
  if (use == Use::kWorker) past_[name].worked = now;
  return now;
}

OpenStores::Past OpenStores::PastOf(const StoreName& name) const {
  MutexLock lock(mutex_);
  const auto found = past_.find(name);
  return found == past_.end() ? Past() : found->second;
}

void OpenStores::NoteMade(const StoreName& name) {
  MutexLock lock(mutex_);
  past_[name] = {clock_.Steady(), 0};
}

std::shared_ptr<SqliteStore> OpenStores::Find(const StoreName& name, Use use) {
  MutexLock lock(mutex_);
  const auto found = table_.find(name);
  if (found == table_.end() || found->second.store == nullptr) return nullptr;
  if (barred_.contains(name)) return nullptr;
  found->second.last_used = NoteUse(name, use);
  return found->second.store;
}

std::shared_ptr<SqliteStore> OpenStores::Peek(const StoreName& name) const {
  MutexLock lock(mutex_);
  const auto found = table_.find(name);
  return found == table_.end() ? nullptr : found->second.store;
}

// Waits while another thread opens or closes the store. True when it is open then.
bool OpenStores::AwaitSettled(const StoreName& name) {
  for (;;) {
    const auto found = table_.find(name);
    if (found == table_.end()) return false;
    if (found->second.store != nullptr) return true;
    settled_.WaitFor(mutex_, std::chrono::seconds(1));
  }
}

// Returns when the store is open, or when there is a place for it; either way it is not barred.
Status OpenStores::AwaitPlace(const StoreName& name) {
  const auto give_up = std::chrono::steady_clock::now() + patience_;
  // Making room lets go of the lock, so that somebody else may have opened the store meanwhile:
  // look again.
  for (;;) {
    const bool is_open = AwaitSettled(name);
    const bool barred = barred_.contains(name);
    if (!barred && (is_open || table_.size() < open_max_)) return {};
    if (!barred && MakeRoom()) continue;
    if (std::chrono::steady_clock::now() >= give_up) {
      if (barred) {
        return Unavailable("the store is being replaced by another", "try again in a few seconds");
      }
      return ResourceExhausted("all " + std::to_string(open_max_) + " open stores are in use",
                               "try again in a second, or raise stores.maxOpen");
    }
    settled_.WaitFor(mutex_, kLookForHolders);
  }
}

Result<std::shared_ptr<SqliteStore>> OpenStores::FindOrOpen(const StoreName& name,
                                                            const Opener& open, Use use) {
  MutexLock lock(mutex_);
  TRY(AwaitPlace(name));
  if (const auto found = table_.find(name); found != table_.end()) {
    found->second.last_used = NoteUse(name, use);
    return found->second.store;
  }
  table_[name] = {nullptr, clock_.Steady()};
  lock.Unlock();
  Result<std::shared_ptr<SqliteStore>> opened = open();
  lock.Lock();
  for (int attempt = 0; attempt < kRoomAttemptsMax && opened.Is(Errc::kUnavailable); ++attempt) {
    if (!MakeRoom()) break;
    lock.Unlock();
    opened = open();
    lock.Lock();
  }
  if (opened.ok()) {
    table_[name].store = *opened;
    NoteUse(name, use);
    opened_total_.fetch_add(1, std::memory_order_relaxed);
  } else {
    table_.erase(name);
  }
  settled_.NotifyAll();
  return opened;
}

// A store is unused when the table alone holds it; nobody can come to hold it while we have the
// lock.
bool OpenStores::MakeRoom() {
  auto oldest = table_.end();
  for (auto slot = table_.begin(); slot != table_.end(); ++slot) {
    if (slot->second.store == nullptr || slot->second.store.use_count() > 1) continue;
    if (oldest == table_.end() || slot->second.last_used < oldest->second.last_used) oldest = slot;
  }
  if (oldest == table_.end()) return false;
  evicted_total_.fetch_add(1, std::memory_order_relaxed);
  CloseSlot(oldest);
  return true;
}

// Lets go of the lock while the store closes; the empty slot keeps others from opening its files
// meanwhile.
void OpenStores::CloseSlot(Table::iterator slot) {
  const StoreName name = slot->first;
  std::shared_ptr<SqliteStore> closing = std::move(slot->second.store);
  past_[name].sequence = closing->sequence();
  mutex_.Unlock();
  closing.reset();
  mutex_.Lock();
  table_.erase(name);
  settled_.NotifyAll();
}

bool OpenStores::CloseIfUnused(const StoreName& name) {
  MutexLock lock(mutex_);
  if (!AwaitSettled(name)) return true;
  const auto slot = table_.find(name);
  if (slot->second.store.use_count() > 1) return false;
  CloseSlot(slot);
  return true;
}

void OpenStores::SetIdleAfter(const StoreName& name,
                              std::optional<std::chrono::seconds> idle_after) {
  MutexLock lock(mutex_);
  if (AwaitSettled(name)) table_.find(name)->second.idle_after = idle_after;
}

int OpenStores::CloseIdle(std::chrono::seconds idle_after) {
  int closed = 0;
  const SteadyTime now = clock_.Steady();
  MutexLock lock(mutex_);
  for (;;) {
    const auto idle = std::find_if(table_.begin(), table_.end(), [&](const auto& entry) {
      const Slot& slot = entry.second;
      return slot.store != nullptr && slot.store.use_count() == 1 &&
             now - slot.last_used > slot.idle_after.value_or(idle_after);
    });
    if (idle == table_.end()) return closed;
    evicted_total_.fetch_add(1, std::memory_order_relaxed);  // before it can be seen to be gone
    CloseSlot(idle);
    ++closed;
  }
}

// --- bars ---

OpenStores::Bar::~Bar() {
  if (table_ == nullptr) return;
  MutexLock lock(table_->mutex_);
  table_->barred_.erase(name_);
  table_->settled_.NotifyAll();
}

Result<OpenStores::Bar> OpenStores::KeepOut(const StoreName& name, SteadyTime deadline) {
  MutexLock lock(mutex_);
  if (!barred_.insert(name).second) {
    return Conflict("the store is being replaced already", "wait until that has ended");
  }
  const Status unused = AwaitUnused(name, deadline);
  if (unused.ok()) return Bar(this, name);
  barred_.erase(name);
  settled_.NotifyAll();
  return unused.error();
}

Result<OpenStores::Bar> OpenStores::HoldBack(const StoreName& name) {
  const auto give_up = std::chrono::steady_clock::now() + patience_;
  MutexLock lock(mutex_);
  while (!barred_.insert(name).second) {
    if (std::chrono::steady_clock::now() >= give_up) {
      return Unavailable("the store is being replaced by another", "try again in a few seconds");
    }
    settled_.WaitFor(mutex_, kLookForHolders);
  }
  AwaitSettled(name);
  return Bar(this, name);
}

// Returns when the store is closed.
Status OpenStores::AwaitUnused(const StoreName& name, SteadyTime deadline) {
  while (AwaitSettled(name)) {
    const auto slot = table_.find(name);
    if (slot->second.store.use_count() == 1) {
      CloseSlot(slot);
      continue;
    }
    if (std::chrono::steady_clock::now() >= deadline) {
      return DeadlineExceeded("requests that hold the store did not end in time",
                              "try again when fewer long requests run");
    }
    settled_.WaitFor(mutex_, kLookForHolders);
  }
  return {};
}

std::shared_ptr<SqliteStore> OpenStores::Remove(const StoreName& name) {
  MutexLock lock(mutex_);
  past_.erase(name);
  if (!AwaitSettled(name)) return nullptr;
  const auto slot = table_.find(name);
  std::shared_ptr<SqliteStore> store = std::move(slot->second.store);
  table_.erase(slot);
  settled_.NotifyAll();
  return store;
}

std::vector<OpenStores::Open> OpenStores::List() const {
  std::vector<Open> list;
  {
    MutexLock lock(mutex_);
    for (const auto& [name, slot] : table_) {
      if (slot.store != nullptr) list.push_back({name, slot.store, slot.last_used});
    }
  }
  std::sort(list.begin(), list.end(),
            [](const Open& a, const Open& b) { return a.last_used < b.last_used; });
  return list;
}

}  // namespace pannier::store

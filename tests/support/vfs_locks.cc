#include "tests/support/vfs_locks.h"

#include <sqlite3.h>

namespace pannier::test {

int VfsLocks::Lock(Owner owner, int held, int wanted) {
  MutexLock lock(mutex_);
  const auto others = [owner](Owner holder) { return holder != nullptr && holder != owner; };
  if (held < SQLITE_LOCK_SHARED) {
    if (others(pending_) || others(exclusive_)) return held;
    readers_.insert(owner);
    held = SQLITE_LOCK_SHARED;
  }
  if (wanted <= held) return held;
  if (others(reserved_) || others(pending_)) return held;
  if (wanted == SQLITE_LOCK_RESERVED) {
    reserved_ = owner;
    return wanted;
  }
  pending_ = owner;  // no new readers from here on
  if (readers_.size() > 1) return SQLITE_LOCK_PENDING;
  exclusive_ = owner;
  return SQLITE_LOCK_EXCLUSIVE;
}

void VfsLocks::Unlock(Owner owner, int held, int wanted) {
  MutexLock lock(mutex_);
  if (held <= wanted) return;
  for (Owner* holder : {&reserved_, &pending_, &exclusive_}) {
    if (*holder == owner) *holder = nullptr;
  }
  if (wanted == SQLITE_LOCK_NONE) readers_.erase(owner);
}

bool VfsLocks::IsReserved() const {
  MutexLock lock(mutex_);
  return reserved_ != nullptr || pending_ != nullptr || exclusive_ != nullptr;
}

void* VfsLocks::Map(Owner owner, int index, int bytes, bool make) {
  MutexLock lock(mutex_);
  users_.insert(owner);
  while (make && regions_.size() <= static_cast<size_t>(index)) {
    regions_.push_back(std::make_unique<char[]>(static_cast<size_t>(bytes)));
  }
  return static_cast<size_t>(index) < regions_.size() ? regions_[index].get() : nullptr;
}

void VfsLocks::Unmap(Owner owner) {
  UnlockSlots(owner, 0, kSlots);
  MutexLock lock(mutex_);
  users_.erase(owner);
  if (users_.empty()) regions_.clear();
}

bool VfsLocks::LockShared(Owner owner, int slot) {
  MutexLock lock(mutex_);
  Slot& wanted = slots_[slot];
  if (wanted.exclusive != nullptr && wanted.exclusive != owner) return false;
  wanted.shared.insert(owner);
  return true;
}

bool VfsLocks::LockExclusive(Owner owner, int first, int count) {
  MutexLock lock(mutex_);
  for (int slot = first; slot < first + count; ++slot) {
    const Slot& wanted = slots_[slot];
    if (wanted.exclusive != nullptr && wanted.exclusive != owner) return false;
    if (wanted.shared.size() > wanted.shared.count(owner)) return false;
  }
  for (int slot = first; slot < first + count; ++slot) slots_[slot].exclusive = owner;
  return true;
}

void VfsLocks::UnlockSlots(Owner owner, int first, int count) {
  MutexLock lock(mutex_);
  for (int slot = first; slot < first + count; ++slot) {
    slots_[slot].shared.erase(owner);
    if (slots_[slot].exclusive == owner) slots_[slot].exclusive = nullptr;
  }
}

}  // namespace pannier::test

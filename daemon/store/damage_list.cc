#include "daemon/store/damage_list.h"

#include <vector>

#include "daemon/store/stores.h"

namespace pannier::store {

Status DamageList::Load() {
  const std::vector<DamageRow> rows = TRY(catalog_.Damages());
  MutexLock lock(mutex_);
  for (const DamageRow& row : rows) known_[row.store] = {row.what, {row.what}, true};
  return {};
}

void DamageList::Note(const StoreName& store, const std::string& what) {
  {
    MutexLock lock(mutex_);
    Known& known = known_[store];
    if (known.causes.size() >= kCausesMax || !known.causes.insert(what).second) return;
    if (known.what.empty()) known.what = what;
  }
  if (observer_ != nullptr) observer_->OnDamage(store.tenant, store.database, what);
}

Status DamageList::Persist() {
  std::vector<DamageRow> fresh;
  {
    MutexLock lock(mutex_);
    for (const auto& [store, known] : known_) {
      if (!known.written) fresh.push_back({store, known.what});
    }
  }
  for (const DamageRow& row : fresh) {
    TRY(catalog_.SetDamage(row));
    MutexLock lock(mutex_);
    const auto found = known_.find(row.store);
    if (found != known_.end()) found->second.written = true;
  }
  return {};
}

Status DamageList::Clear(const StoreName& store) {
  TRY(catalog_.ClearDamage(store));
  Forget(store);
  return {};
}

void DamageList::Forget(const StoreName& store) {
  MutexLock lock(mutex_);
  known_.erase(store);
}

void DamageList::ForgetAll() {
  MutexLock lock(mutex_);
  known_.clear();
}

std::optional<std::string> DamageList::Of(const StoreName& store) const {
  MutexLock lock(mutex_);
  const auto found = known_.find(store);
  if (found == known_.end()) return std::nullopt;
  return found->second.what;
}

uint64_t DamageList::count() const {
  MutexLock lock(mutex_);
  return known_.size();
}

}  // namespace pannier::store

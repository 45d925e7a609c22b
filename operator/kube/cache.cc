#include "operator/kube/cache.h"

#include <nlohmann/json.hpp>
#include <utility>

#include "lib/core/check.h"

namespace pannier::kube {
namespace {

bool IsSame(const Object& a, const Object& b) {
  return a.uid == b.uid && a.resource_version == b.resource_version;
}

// What putting `after` in the place of `before` means: nothing, a change, or, of another object of
// the same name, a deletion and a creation.
void Note(const ObjectPtr& before, const ObjectPtr& after, std::vector<Change>* changes) {
  if (before && after && IsSame(*before, *after)) return;
  if (before && after && before->uid != after->uid) {
    changes->push_back({before, nullptr});
    changes->push_back({nullptr, after});
    return;
  }
  changes->push_back({before, after});
}

}  // namespace

Cache::Cache(Trim trim, std::vector<Index> indexes)
    : trim_(std::move(trim)), indexes_(std::move(indexes)), by_index_(indexes_.size()) {}

Result<Cache::Entry> Cache::Prepare(nlohmann::json& tree) const {
  TrimCommon(tree);
  if (trim_) trim_(tree);
  Entry entry;
  entry.object = std::make_shared<const Object>(TRY(MakeObject(tree)));
  for (const Index& index : indexes_) entry.index_values.push_back(index.values(tree));
  const ObjectPtr cached = Find(entry.object->key);
  if (cached && IsSame(*cached, *entry.object)) entry.object = cached;
  return entry;
}

void Cache::Insert(Entry entry) {
  const ObjectKey& key = entry.object->key;
  bytes_ += entry.object->json.size();
  for (size_t i = 0; i < entry.index_values.size(); ++i) {
    for (const std::string& value : entry.index_values[i]) by_index_[i][value].insert(key);
  }
  entries_.insert_or_assign(key, std::move(entry));
}

void Cache::Erase(Entries::iterator entry) {
  const std::vector<std::vector<std::string>>& values = entry->second.index_values;
  for (size_t i = 0; i < values.size(); ++i) {
    for (const std::string& value : values[i]) {
      const auto keys = by_index_[i].find(value);
      if (keys == by_index_[i].end()) continue;
      keys->second.erase(entry->first);
      if (keys->second.empty()) by_index_[i].erase(keys);
    }
  }
  bytes_ -= entry->second.object->json.size();
  entries_.erase(entry);
}

std::vector<Change> Cache::Swap(std::vector<Entry> entries) {
  std::vector<Change> deleted, changed;
  MutexLock lock(mutex_);
  Entries old = std::exchange(entries_, {});
  for (auto& index : by_index_) index.clear();
  bytes_ = 0;
  for (Entry& entry : entries) {
    ObjectPtr before;
    if (const auto found = old.find(entry.object->key); found != old.end()) {
      before = found->second.object;
      old.erase(found);
    }
    Note(before, entry.object, &changed);
    Insert(std::move(entry));
  }
  for (const auto& [key, entry] : old) deleted.push_back({entry.object, nullptr});
  synced_ = true;
  deleted.insert(deleted.end(), changed.begin(), changed.end());
  return deleted;
}

std::vector<Change> Cache::Put(Entry entry) {
  std::vector<Change> changes;
  MutexLock lock(mutex_);
  ObjectPtr before;
  const auto found = entries_.find(entry.object->key);
  if (found != entries_.end()) {
    before = found->second.object;
    Erase(found);
  }
  Note(before, entry.object, &changes);
  Insert(std::move(entry));
  return changes;
}

std::vector<Change> Cache::Remove(const ObjectKey& key, std::string_view uid) {
  std::vector<Change> changes;
  MutexLock lock(mutex_);
  const auto found = entries_.find(key);
  if (found == entries_.end() || found->second.object->uid != uid) return changes;
  changes.push_back({found->second.object, nullptr});
  Erase(found);
  return changes;
}

ObjectPtr Cache::Find(const ObjectKey& key) const {
  MutexLock lock(mutex_);
  const auto found = entries_.find(key);
  return found == entries_.end() ? nullptr : found->second.object;
}

std::vector<ObjectPtr> Cache::All(std::string_view ns) const {
  std::vector<ObjectPtr> objects;
  MutexLock lock(mutex_);
  auto entry = ns.empty() ? entries_.begin() : entries_.lower_bound({std::string(ns), ""});
  for (; entry != entries_.end() && (ns.empty() || entry->first.ns == ns); ++entry) {
    objects.push_back(entry->second.object);
  }
  return objects;
}

std::vector<ObjectPtr> Cache::By(std::string_view index, const std::string& value) const {
  size_t number = 0;
  while (number < indexes_.size() && indexes_[number].name != index) ++number;
  CHECK(number < indexes_.size());
  std::vector<ObjectPtr> objects;
  MutexLock lock(mutex_);
  const auto keys = by_index_[number].find(value);
  if (keys == by_index_[number].end()) return objects;
  for (const ObjectKey& key : keys->second) objects.push_back(entries_.find(key)->second.object);
  return objects;
}

std::vector<ObjectKey> Cache::Keys() const {
  std::vector<ObjectKey> keys;
  MutexLock lock(mutex_);
  keys.reserve(entries_.size());
  for (const auto& [key, entry] : entries_) keys.push_back(key);
  return keys;
}

size_t Cache::size() const {
  MutexLock lock(mutex_);
  return entries_.size();
}

bool Cache::synced() const {
  MutexLock lock(mutex_);
  return synced_;
}

uint64_t Cache::bytes() const {
  MutexLock lock(mutex_);
  return bytes_;
}

}  // namespace pannier::kube

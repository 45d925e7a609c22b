#include "daemon/store/collection_map.h"

#include <utility>

namespace pannier::store {

Error NoCollection(const Uuid& id) {
  return NotFound("Collection [" + id.ToString() + "] does not exist.");
}

std::shared_ptr<index::VectorIndex> CollectionIndexes::vectors() const {
  MutexLock lock(mutex_);
  return vectors_;
}

std::shared_ptr<index::AttributeIndex> CollectionIndexes::attributes() const {
  MutexLock lock(mutex_);
  return attributes_;
}

void CollectionIndexes::PublishVectors(std::shared_ptr<index::VectorIndex> vectors) {
  MutexLock lock(mutex_);
  vectors_ = std::move(vectors);
}

void CollectionIndexes::PublishAttributes(std::shared_ptr<index::AttributeIndex> attributes) {
  MutexLock lock(mutex_);
  attributes_ = std::move(attributes);
}

void CollectionIndexes::Drop() {
  rows_.Clear();
  std::shared_ptr<index::VectorIndex> vectors;  // freed outside the lock
  std::shared_ptr<index::AttributeIndex> attributes;
  MutexLock lock(mutex_);
  vectors.swap(vectors_);
  attributes.swap(attributes_);
}

void CollectionIndexes::DropVectors(const std::shared_ptr<index::VectorIndex>& which) {
  MutexLock lock(mutex_);
  if (vectors_ == which) vectors_.reset();  // the caller holds it
}

uint64_t CollectionIndexes::memory_bytes() const {
  const auto vectors = this->vectors();
  const auto attributes = this->attributes();
  return (vectors ? vectors->memory_bytes() : 0) + (attributes ? attributes->memory_bytes() : 0) +
         rows_.memory_bytes();
}

const CollectionEntry* CollectionMap::Find(const Uuid& id) const {
  const auto found = by_id_.find(id);
  return found == by_id_.end() ? nullptr : &found->second;
}

const CollectionEntry* CollectionMap::Find(const std::string& name) const {
  const auto found = by_name_.find(name);
  return found == by_name_.end() ? nullptr : Find(found->second);
}

void CollectionMap::Put(CollectionEntry entry) {
  const Uuid id = entry.info->id;
  Remove(id);
  by_name_[entry.info->name] = id;
  by_id_[id] = std::move(entry);
}

void CollectionMap::Remove(const Uuid& id) {
  const auto found = by_id_.find(id);
  if (found == by_id_.end()) return;
  by_name_.erase(found->second.info->name);
  by_id_.erase(found);
}

std::shared_ptr<const CollectionMap> PublishedCollections::Get() const {
  MutexLock lock(mutex_);
  return map_;
}

void PublishedCollections::Set(std::shared_ptr<const CollectionMap> map) {
  MutexLock lock(mutex_);
  map_.swap(map);
}

}  // namespace pannier::store

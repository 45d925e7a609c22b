#include "daemon/index/attribute_caches.h"

#include <utility>

namespace pannier::index {

std::shared_ptr<const AttributeColumn> AttributeCaches::Column(uint32_t key) const {
  MutexLock lock(mutex_);
  const auto found = columns_.find(key);
  return found == columns_.end() ? nullptr : found->second;
}

std::shared_ptr<const TextSignatures> AttributeCaches::Text() const {
  MutexLock lock(mutex_);
  return text_;
}

void AttributeCaches::Publish(uint32_t key, std::shared_ptr<const AttributeColumn> column) {
  MutexLock lock(mutex_);
  columns_[key].swap(column);  // what was there is freed behind the lock
}

void AttributeCaches::Publish(std::shared_ptr<const TextSignatures> text) {
  MutexLock lock(mutex_);
  text_.swap(text);
}

uint64_t AttributeCaches::bytes() const {
  MutexLock lock(mutex_);
  uint64_t bytes = sizeof(*this) + text_->bytes();
  for (const auto& [key, column] : columns_) bytes += column->bytes() + 64;
  return bytes;
}

}  // namespace pannier::index

// What filters keep for the next filter: sorted columns of keys and signatures of documents, of one
// AttributeRows. Built by who first needs them, extended when many rows have come since, dropped
// with the rows. Threads: any. Who builds does so beside what is published; others use what is
// there meanwhile.
#pragma once

#include <atomic>
#include <cstdint>
#include <map>
#include <memory>

#include "daemon/index/attribute_column.h"
#include "daemon/index/text_signatures.h"
#include "lib/core/mutex.h"

namespace pannier::index {

class AttributeCaches {
 public:
  // Null: nobody has built it.
  std::shared_ptr<const AttributeColumn> Column(uint32_t key) const;
  std::shared_ptr<const TextSignatures> Text() const;  // never null

  // One builder at a time; the others do without.
  class Turn {
   public:
    explicit Turn(AttributeCaches& caches)
        : caches_(caches), taken_(!caches.building_.exchange(true, std::memory_order_acquire)) {}
    Turn(const Turn&) = delete;
    Turn& operator=(const Turn&) = delete;
    ~Turn() {
      if (taken_) caches_.building_.store(false, std::memory_order_release);
    }
    bool taken() const { return taken_; }

   private:
    AttributeCaches& caches_;
    const bool taken_;
  };
  void Publish(uint32_t key, std::shared_ptr<const AttributeColumn> column);
  void Publish(std::shared_ptr<const TextSignatures> text);

  uint64_t bytes() const;

 private:
  std::atomic<bool> building_{false};
  mutable Mutex mutex_;  // held for copies of pointers only
  std::map<uint32_t, std::shared_ptr<const AttributeColumn>> columns_ GUARDED_BY(mutex_);
  std::shared_ptr<const TextSignatures> text_ GUARDED_BY(mutex_) =
      std::make_shared<TextSignatures>();
};

}  // namespace pannier::index

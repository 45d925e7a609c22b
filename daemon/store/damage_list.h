// Which stores are known to be damaged, and by what.
//
// In memory at once, in the catalog soon after, so that a restart does not forget what only a long
// search would find again. Threads: any. Lifetime: the arguments outlive it.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>

#include "daemon/store/catalog.h"
#include "daemon/store/store_host.h"
#include "lib/core/mutex.h"
#include "lib/core/result.h"

namespace pannier::store {

class StoreObserver;

class DamageList {
 public:
  DamageList(Catalog& catalog, StoreObserver* observer) : catalog_(catalog), observer_(observer) {}

  Status Load();
  // Returns at once. Tells the observer, the first time that a store is damaged by this cause.
  void Note(const StoreName& store, const std::string& what) EXCLUDES(mutex_);
  // Writes down what Note() was told.
  Status Persist() EXCLUDES(mutex_);
  Status Clear(const StoreName& store) EXCLUDES(mutex_);
  // The database is gone, or has another store: the catalog knows.
  void Forget(const StoreName& store) EXCLUDES(mutex_);
  void ForgetAll() EXCLUDES(mutex_);

  std::optional<std::string> Of(const StoreName& store) const EXCLUDES(mutex_);
  uint64_t count() const EXCLUDES(mutex_);

 private:
  struct Known {
    std::string what;              // the first cause
    std::set<std::string> causes;  // at most kCausesMax
    bool written = false;
  };
  static constexpr size_t kCausesMax = 16;

  Catalog& catalog_;
  StoreObserver* const observer_;
  mutable Mutex mutex_;
  std::map<StoreName, Known> known_ GUARDED_BY(mutex_);
};

}  // namespace pannier::store

// What an open store asks of the whole: room in memory, work to be done later on other threads, and
// whether it may be written to.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "daemon/index/vector_index.h"
#include "lib/core/result.h"

namespace pannier::store {

// A store's name as its clients say it.
struct StoreName {
  std::string tenant;
  std::string database;
  // NOLINTNEXTLINE(modernize-use-nullptr): clang-tidy 14 errs on a defaulted comparison
  auto operator<=>(const StoreName&) const = default;
};
struct StoreNameHash {
  size_t operator()(const StoreName& name) const noexcept {
    return std::hash<std::string>()(name.tenant) * 31 + std::hash<std::string>()(name.database);
  }
};

// Threads: any; calls return at once, but for MakeRoom, which may drop caches.
class StoreHost {
 public:
  virtual ~StoreHost() = default;
  // True when `bytes` more of caches fit the budget, after dropping less recently used ones where
  // needed.
  virtual bool MakeRoom(uint64_t bytes) = 0;
  // Somebody should build this index's graph. False: nobody here ever does.
  virtual bool WantGraph(std::weak_ptr<index::VectorIndex> index) = 0;
  // Somebody should call Upkeep() of a store soon: its log has grown.
  virtual void WantUpkeep() = 0;
  // The disk is full: gives it the space that is kept aside for deletions. False when there is
  // none.
  virtual bool ReleaseReserve() = 0;
  // Writes of this store are refused for now.
  virtual bool IsFenced(const StoreName& store) const = 0;
  // Whether the disk takes writes, as far as is known; `frees_space`: whether this one gives room.
  virtual Status MayWrite(bool /*frees_space*/) { return {}; }
  // A write failed, perhaps by the disk's fault. The error to pass on, which says what to do.
  virtual Error OnWriteFailed(Error error) { return error; }
  virtual void OnCommit(uint64_t writes, std::chrono::nanoseconds took,
                        std::chrono::nanoseconds commit_took) = 0;
  virtual void OnSearch(bool used_graph, std::chrono::nanoseconds took) = 0;
  // Bytes of the store failed their check.
  virtual void OnChecksumFailure(const StoreName& store, const std::string& what) = 0;
};

}  // namespace pannier::store

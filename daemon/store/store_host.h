// What an open store asks of the whole: room in memory, and work to be done later on other threads.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>

#include "daemon/index/vector_index.h"

namespace pannier::store {

// Threads: any; calls return at once, but for MakeRoom, which may drop caches.
class StoreHost {
 public:
  virtual ~StoreHost() = default;
  // True when `bytes` more of caches fit the budget, after dropping less recently used ones where
  // needed.
  virtual bool MakeRoom(uint64_t bytes) = 0;
  // Somebody should build this index's graph.
  virtual void WantGraph(std::weak_ptr<index::VectorIndex> index) = 0;
  // Somebody should call Upkeep() of a store soon: its log has grown.
  virtual void WantUpkeep() = 0;
  virtual void OnCommit(uint64_t writes, std::chrono::nanoseconds took,
                        std::chrono::nanoseconds commit_took) = 0;
  virtual void OnSearch(bool used_graph, std::chrono::nanoseconds took) = 0;
  virtual void OnChecksumFailure() = 0;
};

}  // namespace pannier::store

// The one low-priority thread that builds graphs, one after the other.
// Threads: Want from any. Stops at the next chance when destroyed; a graph half built is thrown
// away.
#pragma once

#include <atomic>
#include <cstdint>
#include <deque>
#include <memory>
#include <thread>

#include "daemon/index/vector_index.h"
#include "lib/core/mutex.h"

namespace pannier::store {

class GraphBuilder {
 public:
  GraphBuilder();
  ~GraphBuilder();

  // Builds the index's graph when its turn comes, if it still wants one. An index that waits
  // already is not queued twice. Past a bound the wish is dropped; the upkeep thread repeats it.
  void Want(std::weak_ptr<index::VectorIndex> index);

  uint64_t builds_total() const { return builds_total_.load(std::memory_order_relaxed); }
  uint64_t running() const { return running_.load(std::memory_order_relaxed); }

 private:
  void Loop(std::stop_token stop);
  std::shared_ptr<index::VectorIndex> Next(std::stop_token stop);

  std::atomic<uint64_t> builds_total_{0}, running_{0};
  Mutex mutex_;
  CondVar wanted_;
  std::deque<std::weak_ptr<index::VectorIndex>> queue_ GUARDED_BY(mutex_);
  std::jthread thread_;  // last: starts when all else is there
};

}  // namespace pannier::store

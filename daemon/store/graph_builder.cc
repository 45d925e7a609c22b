#include "daemon/store/graph_builder.h"

#include <pthread.h>
#include <sys/resource.h>
#include <unistd.h>

#include <utility>

#include "lib/core/log.h"

namespace pannier::store {
namespace {

constexpr size_t kQueueMax = 1'024;
constexpr int kNice = 10;  // requests come first

bool SameOwner(const std::weak_ptr<index::VectorIndex>& a,
               const std::weak_ptr<index::VectorIndex>& b) {
  return !a.owner_before(b) && !b.owner_before(a);
}

}  // namespace

GraphBuilder::GraphBuilder() : thread_([this](std::stop_token stop) { Loop(std::move(stop)); }) {}

GraphBuilder::~GraphBuilder() {
  thread_.request_stop();
  wanted_.NotifyAll();
  thread_.join();
}

void GraphBuilder::Want(std::weak_ptr<index::VectorIndex> index) {
  MutexLock lock(mutex_);
  for (const auto& waiting : queue_) {
    if (SameOwner(waiting, index)) return;
  }
  if (queue_.size() >= kQueueMax) return;
  queue_.push_back(std::move(index));
  wanted_.NotifyOne();
}

// Null when it is time to stop.
std::shared_ptr<index::VectorIndex> GraphBuilder::Next(std::stop_token stop) {
  MutexLock lock(mutex_);
  while (!stop.stop_requested()) {
    while (!queue_.empty()) {
      std::shared_ptr<index::VectorIndex> index = queue_.front().lock();
      queue_.pop_front();
      if (index != nullptr && index->WantsGraph()) return index;
    }
    wanted_.WaitFor(mutex_, std::chrono::seconds(1));
  }
  return nullptr;
}

void GraphBuilder::Loop(std::stop_token stop) {
  pthread_setname_np(pthread_self(), "graph-builder");
  setpriority(PRIO_PROCESS, static_cast<id_t>(gettid()), kNice);
  while (const std::shared_ptr<index::VectorIndex> index = Next(stop)) {
    running_.store(1, std::memory_order_relaxed);
    const Status built = index->BuildGraph(stop);
    running_.store(0, std::memory_order_relaxed);
    builds_total_.fetch_add(1, std::memory_order_relaxed);
    if (!built.ok() && !stop.stop_requested()) {
      LogWarn("graph not built; searches stay exact").Add("error", built.error().what);
    }
  }
}

}  // namespace pannier::store

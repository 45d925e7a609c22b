// Who is linked to whom: the lists of an HNSW graph, as plain arrays. Inner part of Graph and of
// its builder. Threads: a value; const methods from any.
#pragma once

#include <algorithm>
#include <cstdint>
#include <new>
#include <span>
#include <utility>
#include <vector>

#include "daemon/index/byte_stream.h"
#include "daemon/index/huge_pages.h"
#include "daemon/index/prefetch.h"
#include "lib/core/check.h"

namespace pannier::index {

inline constexpr uint32_t kNoNode = UINT32_MAX;

// A node met on a walk, and how far it is from the walk's aim.
struct Candidate {
  float distance;
  uint32_t node;
};
// Total order: equal distances by node.
inline bool operator<(const Candidate& a, const Candidate& b) {
  return a.distance != b.distance ? a.distance < b.distance : a.node < b.node;
}

// Memory at cache-line boundaries.
template <typename T>
struct CacheLineAllocator {
  using value_type = T;
  static constexpr std::align_val_t kLine{64};
  CacheLineAllocator() = default;
  template <typename U>
  CacheLineAllocator(const CacheLineAllocator<U>&) {}  // NOLINT: containers rebind
  T* allocate(size_t count) {
    auto* memory = static_cast<T*>(::operator new(count * sizeof(T), kLine));
    WantHugePages(memory, count * sizeof(T));
    return memory;
  }
  void deallocate(T* memory, size_t) { ::operator delete(memory, kLine); }
  bool operator==(const CacheLineAllocator&) const { return true; }
};

class GraphLinks {
 public:
  explicit GraphLinks(uint32_t max_links) : upper_max_(max_links), base_max_(2 * max_links) {}

  // Makes places for nodes below `limit`.
  void Extend(uint32_t limit) {
    base_.resize(size_t{limit} * base_max_, kNoNode);
    upper_of_.resize(limit, kNoNode);
  }
  uint32_t limit() const { return static_cast<uint32_t>(upper_of_.size()); }

  // Gives `node` lists at levels 1 … level; at most once per node.
  void Raise(uint32_t node, uint32_t level) {
    CHECK(upper_of_[node] == kNoNode && level > 0);
    upper_of_[node] = static_cast<uint32_t>(upper_.size());
    upper_.push_back(level);
    upper_.resize(upper_.size() + size_t{level} * upper_max_, kNoNode);
  }
  uint32_t LevelOf(uint32_t node) const {
    return upper_of_[node] == kNoNode ? 0 : upper_[upper_of_[node]];
  }

  // A node's whole list at a level; kNoNode ends it early.
  std::span<const uint32_t> List(uint32_t node, uint32_t level) const {
    if (level == 0) return {&base_[size_t{node} * base_max_], base_max_};
    return {&upper_[upper_of_[node] + 1 + size_t{level - 1} * upper_max_], upper_max_};
  }
  std::span<uint32_t> List(uint32_t node, uint32_t level) {
    const std::span<const uint32_t> list = std::as_const(*this).List(node, level);
    return {const_cast<uint32_t*>(list.data()), list.size()};
  }
  // Brings it nearer to the CPU.
  void Prefetch(uint32_t node, uint32_t level) const {
    const std::span<const uint32_t> list = List(node, level);
    PrefetchLine(list.data());
    PrefetchLine(list.data() + list.size() / 2);
  }
  // The part of it that is in use.
  std::span<const uint32_t> Links(uint32_t node, uint32_t level) const {
    const std::span<const uint32_t> list = List(node, level);
    const auto end = std::find(list.begin(), list.end(), kNoNode);
    return list.first(static_cast<size_t>(end - list.begin()));
  }

  // To a saved index, and from it. Load() leaves nothing that a walk could trip over.
  //   kCorruption  links lead to nowhere
  Status Save(ByteSink& sink) const;
  static Result<GraphLinks> Load(uint32_t max_links, uint32_t limit, ByteSource& source);

  uint32_t upper_max() const { return upper_max_; }
  uint32_t base_max() const { return base_max_; }
  uint64_t bytes() const {
    return (base_.capacity() + upper_of_.capacity() + upper_.capacity()) * sizeof(uint32_t);
  }

  // Where walks begin: a node that reaches the highest level. kNoNode: the graph is empty.
  uint32_t entry = kNoNode;
  uint32_t top_level = 0;

 private:
  bool IsSound() const;
  bool IsListSound(uint32_t node, uint32_t level) const;

  uint32_t upper_max_;  // M
  uint32_t base_max_;   // 2M
  std::vector<uint32_t, CacheLineAllocator<uint32_t>> base_;
  std::vector<uint32_t>
      upper_of_;  // where a node's part of upper_ begins: its level, then level × M links
  std::vector<uint32_t> upper_;
};

}  // namespace pannier::index

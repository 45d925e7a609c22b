#include "daemon/index/graph_walk.h"

#include <algorithm>

namespace pannier::index {
namespace {

// How many nodes' codes are on their way while one group's distances are computed.
constexpr size_t kAhead = 16;
constexpr size_t kGroup = 4;
constexpr size_t kAtOnce = 2;  // nodes that are expanded
// A step of a filtered walk goes over at most so many nodes that are not allowed, and over no more
// of them once it has met so many that are: most of what it would meet then was met before.
constexpr size_t kBridgesMax = 32;
constexpr size_t kEnough = 32;

}  // namespace

void GraphWalk::ComputeDistances(const Codes& codes, const CodedQuery& query) {
  const size_t count = fresh_.size();
  distances_.resize(count);
  for (size_t i = 0; i < std::min(count, kAhead); ++i) codes.Prefetch(fresh_[i]);
  for (size_t i = 0; i < count; i += kGroup) {
    for (size_t j = i + kAhead; j < std::min(count, i + kAhead + kGroup); ++j) {
      codes.Prefetch(fresh_[j]);
    }
    const size_t n = std::min(kGroup, count - i);
    codes.Distances(query, {&fresh_[i], n}, &distances_[i]);
  }
  computed_ += count;
}

Candidate GraphWalk::Descend(const GraphLinks& links, const Codes& codes, const CodedQuery& query,
                             uint32_t level) {
  Candidate best{codes.Distance(query, links.entry), links.entry};
  ++computed_;
  for (uint32_t at = links.top_level; at > level; --at) {
    for (bool nearer = true; nearer;) {
      nearer = false;
      const std::span<const uint32_t> list = links.Links(best.node, at);
      fresh_.assign(list.begin(), list.end());
      ComputeDistances(codes, query);
      for (size_t i = 0; i < fresh_.size(); ++i) {
        if (distances_[i] >= best.distance) continue;
        best = {distances_[i], fresh_[i]};
        nearer = true;
      }
    }
  }
  return best;
}

size_t GraphWalk::Insert(Candidate candidate, size_t ef) {
  if (pool_.size() == ef) {
    if (candidate.distance >= pool_.back().distance) return ef;
    pool_.pop_back();
  }
  const auto at = std::upper_bound(
      pool_.begin(), pool_.end(), candidate.distance,
      [](float distance, const Candidate& other) { return distance < other.distance; });
  return static_cast<size_t>(pool_.insert(at, candidate) - pool_.begin());
}

size_t GraphWalk::Take(const Codes& codes, const CodedQuery& query, size_t ef) {
  ComputeDistances(codes, query);
  size_t first = ef;
  for (size_t i = 0; i < fresh_.size(); ++i) {
    first = std::min(first, Insert({distances_[i], fresh_[i]}, ef));
  }
  return first;
}

// Without a branch on who was seen: nothing foretells it.
void GraphWalk::Gather(std::span<const uint32_t> list) {
  size_t count = fresh_.size();
  fresh_.resize(count + list.size());
  uint32_t* fresh = fresh_.data();
  for (const uint32_t neighbor : list) {
    if (neighbor == kNoNode) break;
    fresh[count] = neighbor;
    count += Visit(neighbor) ? 1 : 0;
  }
  fresh_.resize(count);
}

// Two nodes are expanded at a time: the memory of one is waited for while the other is looked at.
std::span<const Candidate> GraphWalk::Explore(const GraphLinks& links, const Codes& codes,
                                              const CodedQuery& query, Candidate from,
                                              uint32_t level, uint32_t ef) {
  visited_.assign(links.limit() / 64 + 1, 0);
  pool_.clear();
  pool_.reserve(ef);
  pool_.push_back(from);
  Visit(from.node);
  // Everything before `next` is expanded already.
  for (size_t next = 0; next < pool_.size();) {
    fresh_.clear();
    size_t end = next;
    for (size_t expanded = 0; end < pool_.size() && expanded < kAtOnce; ++end) {
      if ((pool_[end].node & kExpanded) != 0) continue;
      Gather(links.List(pool_[end].node, level));
      pool_[end].node |= kExpanded;
      ++expanded;
    }
    for (size_t i = end; i < std::min(end + kAtOnce, pool_.size()); ++i) {
      links.Prefetch(pool_[i].node & ~kExpanded, level);
    }
    next = std::min(end, Take(codes, query, ef));
    for (size_t i = next; i < std::min(next + kAtOnce, pool_.size()); ++i) {
      links.Prefetch(pool_[i].node & ~kExpanded, level);
    }
  }
  for (Candidate& candidate : pool_) candidate.node &= ~kExpanded;
  return pool_;
}

// Finds allowed nodes for a walk to take: each node is tested once, and given out once.
class GraphWalk::Allowed {
 public:
  Allowed(GraphWalk& walk, const GraphLinks& links, const NodeTest& test)
      : walk_(walk), links_(links), test_(test) {
    walk_.visited_.assign(links.limit() / 64 + 1, 0);
    walk_.blocked_.assign(links.limit() / 64 + 1, 0);
  }

  // Of the neighbours of `node`: adds those that are allowed to what is fresh.
  void AddNeighbors(uint32_t node) {
    Gather(node, false);
    for (const uint32_t neighbor : walk_.untested_) {
      if (Allows(neighbor)) Add(neighbor);
    }
  }
  // The same, and over those that are not allowed, until there is enough.
  void AddNear(uint32_t node) {
    walk_.bridges_.clear();
    Gather(node, true);
    for (const uint32_t neighbor : walk_.untested_) {
      if (Allows(neighbor)) {
        Add(neighbor);
      } else {
        links_.Prefetch(neighbor, 0);
        walk_.bridges_.push_back(neighbor);
      }
    }
    const size_t most = std::min(walk_.bridges_.size(), kBridgesMax);
    for (size_t i = 0; i < most && walk_.fresh_.size() < kEnough; ++i) {
      walk_.Visit(walk_.bridges_[i]);
      AddNeighbors(walk_.bridges_[i]);
    }
  }
  bool Allows(uint32_t node) {
    uint64_t& word = walk_.blocked_[node / 64];
    const uint64_t bit = uint64_t{1} << (node % 64);
    if ((word & bit) != 0) return false;
    ++tested_;
    if (test_.Allows(node)) return true;
    word |= bit;
    ++refused_;
    return false;
  }
  bool IsSparse(double share_min) const {
    return static_cast<double>(tested_ - refused_) < share_min * static_cast<double>(tested_);
  }

 private:
  // The neighbours that were neither taken nor bridges yet.
  void Gather(uint32_t node, bool with_blocked) {
    walk_.untested_.clear();
    for (const uint32_t neighbor : links_.List(node, 0)) {
      if (neighbor == kNoNode) break;
      if (IsVisited(neighbor) || (!with_blocked && IsBlocked(neighbor))) continue;
      test_.Prefetch(neighbor);
      walk_.untested_.push_back(neighbor);
    }
  }
  bool IsBlocked(uint32_t node) const {
    return (walk_.blocked_[node / 64] >> (node % 64) & 1) != 0;
  }
  bool IsVisited(uint32_t node) const {
    return (walk_.visited_[node / 64] >> (node % 64) & 1) != 0;
  }
  void Add(uint32_t node) {
    walk_.Visit(node);
    walk_.fresh_.push_back(node);
  }

  GraphWalk& walk_;
  const GraphLinks& links_;
  const NodeTest& test_;
  uint64_t tested_ = 0, refused_ = 0;
};

WalkEnd GraphWalk::ExploreAllowed(const GraphLinks& links, const Codes& codes,
                                  const CodedQuery& query, const NodeTest& test, uint32_t ef,
                                  double share_min, uint64_t computed_max) {
  seeds_.swap(pool_);
  pool_.clear();
  pool_.reserve(ef);
  Allowed allowed(*this, links, test);
  for (const Candidate& seed : seeds_) {
    Visit(seed.node);
    if (allowed.Allows(seed.node)) Insert(seed, ef);
  }
  fresh_.clear();
  for (const Candidate& seed : seeds_) allowed.AddNeighbors(seed.node);
  if (allowed.IsSparse(share_min)) return WalkEnd::kSparse;
  Take(codes, query, ef);
  for (size_t next = 0; next < pool_.size();) {
    Candidate& candidate = pool_[next];
    if ((candidate.node & kExpanded) != 0) {
      ++next;
      continue;
    }
    if (computed_ > computed_max) return WalkEnd::kOverBudget;
    const uint32_t node = candidate.node;
    candidate.node |= kExpanded;
    fresh_.clear();
    allowed.AddNear(node);
    next = std::min(next + 1, Take(codes, query, ef));
  }
  for (Candidate& candidate : pool_) candidate.node &= ~kExpanded;
  return WalkEnd::kDone;
}

}  // namespace pannier::index

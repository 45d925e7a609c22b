#include "daemon/index/graph_walk.h"

#include <algorithm>

namespace pannier::index {
namespace {

// How many nodes' codes are on their way while one group's distances are computed.
constexpr size_t kAhead = 8;
constexpr size_t kGroup = 4;

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
    Candidate& candidate = pool_[next];
    if ((candidate.node & kExpanded) != 0) {
      ++next;
      continue;
    }
    const uint32_t node = candidate.node;
    candidate.node |= kExpanded;
    fresh_.clear();
    for (const uint32_t neighbor : links.List(node, level)) {
      if (neighbor == kNoNode) break;
      if (Visit(neighbor)) fresh_.push_back(neighbor);
    }
    if (next + 1 < pool_.size()) {
      __builtin_prefetch(links.List(pool_[next + 1].node & ~kExpanded, level).data());
    }
    ComputeDistances(codes, query);
    size_t first = next + 1;
    for (size_t i = 0; i < fresh_.size(); ++i) {
      first = std::min(first, Insert({distances_[i], fresh_[i]}, ef));
    }
    next = first;
  }
  for (Candidate& candidate : pool_) candidate.node &= ~kExpanded;
  return pool_;
}

}  // namespace pannier::index

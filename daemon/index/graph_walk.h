// The walk over a graph: from a node towards what a query is near to. Inner part of Graph and of
// its builder. Threads: a GraphWalk belongs to one; keep it for the next walk, its memory is
// reused.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "daemon/index/codes.h"
#include "daemon/index/graph_links.h"

namespace pannier::index {

// Who may be returned from a filtered walk.
class NodeTest {
 public:
  virtual ~NodeTest() = default;
  virtual bool Allows(uint32_t node) const = 0;
  // Brings what Allows() needs nearer to the CPU.
  virtual void Prefetch(uint32_t node) const = 0;
};

enum class WalkEnd {
  kDone,
  kSparse,      // too few of the nodes where it began are allowed
  kOverBudget,  // it computed too many distances
};

class GraphWalk {
 public:
  // The node where a greedy descent from the entry down to `level` ends (levels above `level` are
  // walked).
  Candidate Descend(const GraphLinks& links, const Codes& codes, const CodedQuery& query,
                    uint32_t level);
  // About `ef` nearest nodes on `level`, starting from `from`; ascending. Valid until the next
  // call.
  std::span<const Candidate> Explore(const GraphLinks& links, const Codes& codes,
                                     const CodedQuery& query, Candidate from, uint32_t level,
                                     uint32_t ef);
  // Goes on from what Explore() found on level 0: about `ef` nearest nodes that `test` allows. A
  // step leads from an allowed node to its neighbours, and where one of these is not allowed, to
  // that one's neighbours. `computed_max` bounds distances_computed().
  WalkEnd ExploreAllowed(const GraphLinks& links, const Codes& codes, const CodedQuery& query,
                         const NodeTest& test, uint32_t ef, double share_min,
                         uint64_t computed_max);
  // What the last exploration found; ascending.
  std::span<const Candidate> found() const { return pool_; }
  // Since construction.
  uint64_t distances_computed() const { return computed_; }

 private:
  // Of a candidate's node: it was expanded.
  static constexpr uint32_t kExpanded = 1u << 31;

  // The walk among allowed nodes, one node's step of it.
  class Allowed;

  // Adds those of a list that were not seen before to what is fresh.
  void Gather(std::span<const uint32_t> list);
  // Computes the distances of what is fresh and inserts it. Returns where the first went.
  size_t Take(const Codes& codes, const CodedQuery& query, size_t ef);
  // Keeps the list sorted and at most `ef` long. Returns where it went, or `ef` when it is too far.
  size_t Insert(Candidate candidate, size_t ef);
  void ComputeDistances(const Codes& codes, const CodedQuery& query);
  bool Visit(uint32_t node) {
    uint64_t& word = visited_[node / 64];
    const uint64_t bit = uint64_t{1} << (node % 64);
    const bool fresh = (word & bit) == 0;
    word |= bit;
    return fresh;
  }

  std::vector<Candidate> pool_;
  std::vector<uint64_t> visited_;
  std::vector<Candidate> seeds_;
  std::vector<uint64_t> blocked_;  // nodes that a test did not allow
  std::vector<uint32_t> untested_;
  std::vector<uint32_t> bridges_;  // such neighbours of the node whose turn it is
  std::vector<uint32_t> fresh_;    // neighbours not seen before
  std::vector<float> distances_;   // theirs
  uint64_t computed_ = 0;
};

}  // namespace pannier::index

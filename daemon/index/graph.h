// A sealed HNSW graph over the codes of a collection's rows: node i is row i. Sealed: once Build()
// has returned it, nothing in it ever changes, so searches need no lock; growth is a copy with more
// nodes (Build() with `base`).
//
// Shape, as in the HNSW paper: every node has up to 2M links at level 0 and up to M at each level
// above that it reaches, with levels drawn by a hash of the node's number, so that the same rows
// give the same graph. Links lie in one array with a fixed stride, apart from the codes, each at
// cache-line boundaries. A walk keeps its candidates in one sorted list, asks a bit set who was
// seen, fetches codes some nodes ahead, and computes distances by codes, four at a time.
// docs/decisions/0007 tells why this is not hnswlib's code (which serves as the reference of the
// tests).
//
// Threads: Build() on one; searches on any. Lifetime: shares the codes.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <stop_token>
#include <vector>

#include "daemon/index/codes.h"
#include "daemon/index/graph_links.h"
#include "daemon/index/graph_walk.h"
#include "daemon/model/collection.h"
#include "lib/core/result.h"

namespace pannier::index {

class Graph {
 public:
  // A graph with `base`'s nodes (null: none) and `rows` in addition: ascending, none of them a node
  // of `base` yet, all below `limit`; the rows' codes must not change any more. `base` must be of
  // the same codes. Parameters outside of what works are moved inside: M to 4 … 64, ef_construction
  // to 16 … 4,096.
  //   kResourceExhausted  no memory for it, or more than 2^31-1 rows
  //   kUnavailable        stopped
  static Result<std::shared_ptr<const Graph>> Build(const model::HnswParameters& parameters,
                                                    std::shared_ptr<const Codes> codes,
                                                    const Graph* base,
                                                    std::span<const uint32_t> rows, uint32_t limit,
                                                    std::stop_token stop);

  // To a saved index, and from it; `codes` are those it was built of.
  //   kCorruption  what was saved is no graph of these parameters
  Status Save(ByteSink& sink) const;
  static Result<std::shared_ptr<const Graph>> Load(const model::HnswParameters& parameters,
                                                   std::shared_ptr<const Codes> codes,
                                                   uint32_t rows, ByteSource& source);

  // About `ef` nodes near the query with their distances by codes, ascending. Returns how many
  // distances were computed.
  uint64_t Search(const CodedQuery& query, uint32_t ef, std::vector<Candidate>* found) const;

  // The same among nodes that a test allows: over others, but not into them.
  struct Among {
    uint32_t ef = 0;
    uint64_t budget = 0;   // distances that may be computed
    double share_min = 0;  // of the nodes near the query, those that must be allowed at least
  };
  struct Walked {
    WalkEnd end = WalkEnd::kDone;  // else `found` is not to be trusted
    uint64_t computed = 0;
  };
  Walked SearchAmong(const CodedQuery& query, const NodeTest& test, const Among& among,
                     std::vector<Candidate>* found) const;

  uint32_t size() const { return size_; }  // nodes
  const std::shared_ptr<const Codes>& codes() const { return codes_; }
  // Of the links alone.
  uint64_t bytes() const { return links_.bytes(); }
  const GraphLinks& links() const { return links_; }

 private:
  Graph(std::shared_ptr<const Codes> codes, GraphLinks links, uint32_t size)
      : codes_(std::move(codes)), links_(std::move(links)), size_(size) {}

  const std::shared_ptr<const Codes> codes_;
  const GraphLinks links_;
  const uint32_t size_;
};

}  // namespace pannier::index

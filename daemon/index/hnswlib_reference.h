// hnswlib behind our kernels: what our own graph (graph.h) is measured and checked against. Tests
// and benchmarks link it, the daemon does not. The only file that knows hnswlib.
//
// hnswlib's hazards (races between insertion and search, points lost once all are deleted, files
// trusted blindly) are met by using it for two things only: one thread inserts into a graph nobody
// else sees, then any number search one that nobody changes. Nothing is ever deleted in it, updated
// in it or saved by it.
//
// Threads: Build() on one; a built graph is immutable and searched from any.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <stop_token>
#include <vector>

#include "daemon/model/collection.h"
#include "lib/core/result.h"

namespace pannier::index {

class HnswlibGraph {
 public:
  // Where the vectors come from while it is built: node i is vector(i), copied.
  class Source {
   public:
    virtual ~Source() = default;
    virtual uint32_t count() const = 0;
    virtual std::span<const float> vector(uint32_t node) const = 0;
  };

  // Nodes are numbered as `source` does. The same source gives the same graph. Parameters outside
  // of what HNSW can work with (M to 4 … 64) are moved to the nearest that can.
  //   kResourceExhausted  no memory for it
  //   kUnavailable        stopped
  //   kInternal           hnswlib threw something else
  static Result<std::unique_ptr<const HnswlibGraph>> Build(const model::HnswParameters& parameters,
                                                           uint32_t dimension, const Source& source,
                                                           std::stop_token stop);
  ~HnswlibGraph();

  // About `ef` nodes near the query, nearest not necessarily first. Fewer only when fewer can be
  // reached. An empty list also when the search itself failed: the caller's exact scan is the
  // answer to that.
  std::vector<uint32_t> Search(std::span<const float> query, uint32_t ef) const;
  uint32_t size() const;
  uint64_t bytes() const;

 private:
  class Impl;
  explicit HnswlibGraph(std::unique_ptr<Impl> impl);
  const std::unique_ptr<Impl> impl_;
};

}  // namespace pannier::index

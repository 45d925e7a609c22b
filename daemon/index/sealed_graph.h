// A graph and what its nodes are in the rows of today. Inner part of VectorIndex.
// Threads: a value that is shared as const.
#pragma once

#include <algorithm>
#include <cstdint>
#include <memory>
#include <vector>

#include "daemon/index/graph.h"
#include "daemon/index/versioned_rows.h"

namespace pannier::index {

// The graph's nodes are the rows it was built of; compaction renumbers rows, and the table that it
// leaves here then is what is remade, not the graph.
struct SealedGraph {
  std::shared_ptr<const Graph> graph;
  bool renumbered = false;
  std::vector<uint32_t> row_of;  // if renumbered: by node; kNoRow when compaction dropped the row
  uint32_t covered = 0;  // rows below are in the graph or were dead when they could have entered;
                         // others are the tail
  Sequence valid_from = 0;  // rows dead at this sequence may have been left out
  uint64_t lost = 0;        // nodes without a row

  uint32_t RowOf(uint32_t node) const { return renumbered ? row_of[node] : node; }
  // Nodes that died, and, at worst, dead rows of the tail.
  uint64_t DeadAt(const VersionedRows::Look& look) const {
    const uint64_t never_nodes = renumbered ? 0 : covered - graph->size();
    const uint64_t dead = look.end - look.live;
    return dead - std::min(dead, never_nodes) + lost;
  }
};

using RowRemap = std::vector<uint32_t>;  // old row → new row or kNoRow

// `old` after a compaction.
SealedGraph Renumber(const SealedGraph& old, const RowRemap& remap);

}  // namespace pannier::index

#include "daemon/index/sealed_graph.h"

namespace pannier::index {

SealedGraph Renumber(const SealedGraph& old, const RowRemap& remap) {
  SealedGraph sealed{old.graph, true, {}, 0, old.valid_from, 0};
  sealed.row_of.resize(old.graph->links().limit(), kNoRow);
  uint64_t kept = 0;
  for (uint32_t node = 0; node < sealed.row_of.size(); ++node) {
    const uint32_t row = old.RowOf(node);
    if (row == kNoRow) continue;
    sealed.row_of[node] = remap[row];
    kept += remap[row] != kNoRow ? 1 : 0;
  }
  // Rows that never were nodes were dead, so compaction kept none of them.
  sealed.lost = old.graph->size() - std::min<uint64_t>(kept, old.graph->size());
  // Compaction keeps the order of rows, so what was covered is still a prefix.
  const auto end = remap.begin() + old.covered;
  sealed.covered = static_cast<uint32_t>(
      std::count_if(remap.begin(), end, [](uint32_t row) { return row != kNoRow; }));
  return sealed;
}

}  // namespace pannier::index

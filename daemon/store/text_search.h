// The nearest records whose documents pass a filter, without looking at all documents: records come
// in order of distance, and their documents are looked at until enough have passed. What passes is
// what looking at all of them would pass.
#pragma once

#include <span>
#include <unordered_map>
#include <vector>

#include "daemon/index/vector_index.h"
#include "daemon/store/selection.h"
#include "lib/core/result.h"

namespace pannier::store {

// Threads: one. Lifetime: what it is given outlives it; `selected` is settled when its documents
// turn out to pass too rarely.
class TextSearch {
 public:
  TextSearch(const index::VectorIndex::View& vectors, Selected* selected,
             index::DocumentSource& documents)
      : vectors_(vectors), selected_(*selected), documents_(documents) {}

  // As VectorIndex::View::Search() among what `selected` passes; `request.allowed` is not used.
  //   what the documents failed with
  Result<std::vector<index::Neighbor>> Search(index::SearchRequest request,
                                              index::SearchReport* report);
  // For each of the queries in `queries`; as VectorIndex::View::SearchMany().
  Result<std::vector<std::vector<index::Neighbor>>> SearchMany(
      std::span<const float> queries, uint32_t dimension, index::SearchRequest request,
      std::vector<index::SearchReport>* reports);

 private:
  // How many of the found pass, at most `most`; those are moved to the front.
  Result<size_t> KeepPassing(std::vector<index::Neighbor>* found, size_t most);
  Result<bool> Passes(RecordNumber record);

  const index::VectorIndex::View& vectors_;
  Selected& selected_;
  index::DocumentSource& documents_;
  std::unordered_map<RecordNumber, bool> known_;
};

}  // namespace pannier::store

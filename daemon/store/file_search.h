// Exact nearest-neighbour search straight from the rows, for a collection whose vectors do not fit
// the memory budget. Slow (it reads every vector) but always right, and its memory is bounded: rows
// pass through a small index, a few thousand at a time.
#pragma once

#include <vector>

#include "daemon/index/vector_index.h"
#include "daemon/store/read_pace.h"
#include "daemon/store/record_table.h"
#include "lib/core/result.h"

namespace pannier::store {

// The nearest of the table's records to each of `queries` (count × dimension floats), as
// VectorIndex::View::Search.
//   kDeadlineExceeded  as `pace` says
Result<std::vector<std::vector<index::Neighbor>>> SearchRows(
    RecordTable& table, const index::VectorIndex::Options& options, std::span<const float> queries,
    uint32_t k, const index::RecordSet* allowed, ReadPace& pace);

}  // namespace pannier::store

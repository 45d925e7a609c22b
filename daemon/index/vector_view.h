// What a View of a VectorIndex holds, and how it searches. Inner part of VectorIndex.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "daemon/index/exact_scan.h"
#include "daemon/index/graph_walk.h"
#include "daemon/index/planner.h"
#include "daemon/index/record_bits.h"
#include "daemon/index/sealed_graph.h"
#include "daemon/index/vector_index.h"
#include "daemon/index/vector_rows.h"

namespace pannier::index {

struct VectorIndex::View::Pinned {
  std::shared_ptr<const VectorRows> rows;
  std::shared_ptr<VectorRows> fillable;       // the same, for who fills in floats
  std::shared_ptr<const SealedGraph> sealed;  // may be null
  VersionedRows::Look look;
  uint32_t graph_threshold = 0;

  // `codable`: codes say something about the query.
  PlanChoice Choose(const SearchRequest& request, bool codable, SearchReport* report) const;
  void ScanAll(const RecordSet* allowed, std::span<const ScanTarget> targets) const;
  // Why what the walk found cannot be trusted; `top` is then of no use. Null: it can.
  const char* Walk(const SearchRequest& request, const PlanChoice& choice,
                   const RecordBits* allowed, const QueryDistance& distance, TopK* top,
                   uint64_t* computed) const;

 private:
  const char* WalkAll(const PlanChoice& choice, const RecordBits* allowed,
                      const QueryDistance& distance, std::vector<Candidate>* found,
                      uint64_t* computed) const;
  const char* WalkAllowed(const SearchRequest& request, const PlanChoice& choice,
                          const RecordBits& allowed, const QueryDistance& distance,
                          std::vector<Candidate>* found, uint64_t* computed) const;
  // A node's row of today if it may be returned, else kNoRow.
  uint32_t AllowedRow(const RecordBits* allowed, uint32_t node) const;
  uint64_t Rerank(std::span<const Candidate> found, const QueryDistance& distance, TopK* top) const;
  class AllowedNodes;
};

}  // namespace pannier::index

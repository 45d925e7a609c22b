// Which way a search goes. A pure function of numbers, so that its tests are a table.
#pragma once

#include <cstdint>

namespace pannier::index {

struct PlanInput {
  uint64_t live = 0;        // visible rows, with the tail's
  uint64_t candidates = 0;  // those that may be returned; = live without a filter
  bool has_graph = false;   // one that is valid at the reader's sequence
  uint64_t graph_nodes = 0;
  uint64_t tail = 0;  // rows no graph covers
  uint32_t k = 0;
  uint32_t ef_search = 0;
  uint32_t graph_threshold = 0;
};

struct PlanChoice {
  bool use_graph = false;
  uint32_t ef = 0;  // nodes to ask of the graph, when it is used
  const char* why = "";
};

// Exact when nothing else can be, or when it is the cheaper one by the cost model in planner.cc.
// The graph's answer must be checked by the caller: fewer than min(k, candidates) found means
// falling back to the exact scan.
PlanChoice ChoosePlan(const PlanInput& input);

}  // namespace pannier::index

// Which way a search goes. A pure function of numbers, so that its tests are a table.
#pragma once

#include <cstdint>

namespace pannier::index {

enum class Plan {
  kExact,  // every vector that may be returned is looked at
  kGraph,  // a walk through all of the graph; who may be returned is collected from what it met
  kFilteredWalk,  // a walk through those that may be returned, over the others
};

struct PlanInput {
  uint64_t live = 0;        // visible rows, with the tail's
  uint64_t candidates = 0;  // those that may be returned; = live without a filter
  bool filtered = false;
  bool has_graph = false;  // one that is valid at the reader's sequence
  uint64_t graph_nodes = 0;
  uint64_t tail = 0;  // rows no graph covers
  uint32_t k = 0;
  uint32_t ef_search = 0;
  uint32_t graph_threshold = 0;
};

struct PlanChoice {
  Plan plan = Plan::kExact;
  uint32_t ef = 0;      // nodes to ask of the graph, when it is used
  double share = 1;     // of the nodes that a walk meets, those that may be returned, about
  uint64_t budget = 0;  // distances that a filtered walk may compute before a scan is cheaper
  const char* why = "";
};

// Exact when nothing else can be, or when it is the cheapest by the cost model in planner.cc.
// What a walk finds must be checked by the caller: where it cannot be trusted the scan answers.
PlanChoice ChoosePlan(const PlanInput& input);

}  // namespace pannier::index

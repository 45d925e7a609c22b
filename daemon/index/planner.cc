#include "daemon/index/planner.h"

#include <algorithm>
#include <cmath>

namespace pannier::index {
namespace {

// Costs are in units of one row scanned by codes (25-50 ns at 384 dimensions), measured by
// filter_bench at 50,000 vectors.
// A walk that keeps `ef` nodes: its way down, and each node kept.
constexpr double kWalkCost = 500;
constexpr double kWalkCostPerEf = 16;
// The same among allowed nodes: every step tests the neighbours of neighbours.
constexpr double kFilteredCost = 2'000;
constexpr double kFilteredCostPerEf = 110;
// At most so many rows are worth a distance that a filtered walk computes: with a budget by it, a
// walk that is given up has cost about what the scan costs.
constexpr uint64_t kRowsPerDistance = 4;
// Dead nodes crowd near the query: of `ef` kept ones more are dead than their share.
constexpr double kDeadOverfetch = 1.5;
// Whoever collects needs so many times k allowed nodes, or this share of ef_search if it is more,
// to find the nearest among them nearly as well as a walk without a filter does.
constexpr double kCollectedPerK = 5;
constexpr double kCollectedPerEf = 0.8;
// Fewer than this share leave gaps in the graph that only a wider walk closes.
constexpr double kDenseShare = 0.1;
// Where fewer pass, only a scan finds all of the nearest; and it is cheap.
constexpr double kScanShare = 0.02;

double Share(uint64_t part, uint64_t whole) {
  return whole == 0 ? 0 : std::min(1.0, static_cast<double>(part) / static_cast<double>(whole));
}

struct Way {
  double ef;
  double cost;
};

// `lives`: of the graph's nodes; `share`: of them, those that live and may be returned.
Way CollectingWalk(const PlanInput& in, double lives, double share) {
  const double wanted = std::max(in.ef_search, in.k);
  double ef = wanted * (1 + kDeadOverfetch * (1 - lives) / lives);
  if (in.filtered) {
    const double collected = std::max(kCollectedPerK * in.k, kCollectedPerEf * in.ef_search);
    ef = std::max(ef, collected / share);
  }
  ef = std::min(ef, static_cast<double>(in.graph_nodes));
  return {ef, kWalkCost + kWalkCostPerEf * ef + static_cast<double>(in.tail)};
}

Way FilteredWalk(const PlanInput& in, double share) {
  const double wider = std::max(1.0, std::sqrt(kDenseShare / share));
  const double ef = std::max<double>(kCollectedPerK * in.k, in.ef_search) * wider;
  return {ef, kFilteredCost + kFilteredCostPerEf * ef + static_cast<double>(in.tail)};
}

}  // namespace

PlanChoice ChoosePlan(const PlanInput& in) {
  const auto scan = [](const char* why) { return PlanChoice{Plan::kExact, 0, 1, 0, why}; };
  if (!in.has_graph || in.graph_nodes == 0) return scan("no graph serves this sequence");
  if (in.candidates <= in.graph_threshold) return scan("few may be returned");
  if (in.k == 0 || in.k >= in.candidates) return scan("all that may be returned are wanted");
  // Of the nodes a walk finds, this share lives, and this share of those may be returned.
  const double passes = Share(in.candidates, in.live);
  const double lives = Share(in.live - std::min(in.live, in.tail), in.graph_nodes);
  const double share = lives * passes;
  if (share <= 0) return scan("nothing in the graph may be returned");
  if (passes <= kScanShare) return scan("so small a share passes that only a scan finds it all");
  const Way collecting = CollectingWalk(in, lives, share);
  const Way filtered = FilteredWalk(in, share);
  const bool collect = !in.filtered || collecting.cost <= filtered.cost;
  const Way& way = collect ? collecting : filtered;
  if (way.cost >= static_cast<double>(in.candidates)) {
    return scan("a scan costs less than the walk");
  }
  const auto ef = static_cast<uint32_t>(way.ef);
  if (collect) return {Plan::kGraph, ef, share, 0, "the walk costs less than a scan"};
  return {Plan::kFilteredWalk, ef, share, in.candidates / kRowsPerDistance,
          "a walk among those that pass costs less than a wide one, and than a scan"};
}

}  // namespace pannier::index

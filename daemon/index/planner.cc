#include "daemon/index/planner.h"

#include <algorithm>

namespace pannier::index {
namespace {

// In units of one row scanned by codes (10-30 ns at 384 dimensions). A walk that keeps `ef` nodes
// computes about this many distances per node kept (M = 16, measured 9-18 from ef 100 down to 24) …
constexpr double kDistancesPerEf = 12;
// … and each costs as much as this many scanned ones: nobody fetched its code while the one before
// was computed.
constexpr double kWalkPenalty = 4;
// Some slack for nodes that are dead or not allowed and crowd near the query.
constexpr double kOverfetch = 1.5;

double Share(uint64_t part, uint64_t whole) {
  return whole == 0 ? 0 : std::min(1.0, static_cast<double>(part) / static_cast<double>(whole));
}

}  // namespace

PlanChoice ChoosePlan(const PlanInput& in) {
  if (!in.has_graph || in.graph_nodes == 0) return {false, 0, "no graph serves this sequence"};
  if (in.candidates <= in.graph_threshold) return {false, 0, "few may be returned"};
  if (in.k == 0 || in.k >= in.candidates) return {false, 0, "all that may be returned are wanted"};
  // Of the nodes a walk finds, this share lives, and this share of those may be returned.
  const double lives = Share(in.live - std::min(in.live, in.tail), in.graph_nodes);
  const double share = lives * Share(in.candidates, in.live);
  if (share <= 0) return {false, 0, "nothing in the graph may be returned"};
  const double wanted = static_cast<double>(std::max(in.ef_search, in.k));
  const double ef = share >= 1 ? wanted : wanted / share * kOverfetch;
  const double walk = ef * kDistancesPerEf * kWalkPenalty + static_cast<double>(in.tail);
  const double scan = static_cast<double>(in.candidates);
  if (walk >= scan) return {false, 0, "a scan costs less than the walk"};
  const double nodes = std::min(ef, static_cast<double>(in.graph_nodes));
  return {true, static_cast<uint32_t>(nodes), "the walk costs less than a scan"};
}

}  // namespace pannier::index

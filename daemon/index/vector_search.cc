// How a View searches: the plan, the walks, what they found as floats, and the scan that answers
// where no walk does.
#include <algorithm>
#include <cmath>

#include "daemon/index/vector_view.h"

namespace pannier::index {
namespace {

// A walk that meets fewer allowed nodes near the query than this share of what a filter without
// regard to the vectors would let it meet does not see where the allowed ones are.
constexpr double kLocalShareMin = 0.5;

}  // namespace

PlanChoice VectorIndex::View::Pinned::Choose(const SearchRequest& request, bool codable,
                                             SearchReport* report) const {
  PlanInput input;
  input.live = look.live;
  input.candidates = request.allowed ? std::min(request.allowed->Count(), look.live) : look.live;
  input.filtered = request.allowed != nullptr;
  input.k = request.k;
  input.ef_search = request.ef_search;
  input.graph_threshold = graph_threshold;
  input.has_graph = sealed != nullptr && look.at >= sealed->valid_from && codable;
  if (input.has_graph) {
    input.graph_nodes = sealed->graph->size();
    input.tail = look.end - std::min(look.end, sealed->covered);
  }
  PlanChoice choice = ChoosePlan(input);
  if (request.plan && input.has_graph && (input.filtered || *request.plan != Plan::kFilteredWalk)) {
    choice = {*request.plan, std::max(request.ef_search, request.k), 0, UINT64_MAX / 2,
              "it was asked for"};
  }
  report->candidates = input.candidates;
  report->graph_nodes = input.graph_nodes;
  report->tail = input.tail;
  report->ef = choice.ef;
  report->why = choice.why;
  return choice;
}

void VectorIndex::View::Pinned::ScanAll(const RecordSet* allowed,
                                        std::span<const ScanTarget> targets) const {
  if (allowed != nullptr) {
    ScanAllowed(*rows, look, *allowed, targets);
  } else {
    ScanRows(*rows, look, 0, nullptr, targets);
  }
}

uint32_t VectorIndex::View::Pinned::AllowedRow(const RecordBits* allowed, uint32_t node) const {
  const uint32_t row = sealed->RowOf(node);
  if (row == kNoRow || !rows->versions().Visible(look, row)) return kNoRow;
  const bool passes = allowed == nullptr || allowed->Contains(rows->versions().RecordOf(row));
  return passes ? row : kNoRow;
}

class VectorIndex::View::Pinned::AllowedNodes final : public NodeTest {
 public:
  AllowedNodes(const Pinned& in, const RecordBits& allowed) : in_(in), allowed_(allowed) {}
  bool Allows(uint32_t node) const override { return in_.AllowedRow(&allowed_, node) != kNoRow; }
  void Prefetch(uint32_t node) const override {
    const uint32_t row = in_.sealed->RowOf(node);
    if (row != kNoRow) in_.rows->versions().Prefetch(row);
  }

 private:
  const Pinned& in_;
  const RecordBits& allowed_;
};

// Distances by codes rank well but not exactly: floats decide among those that codes leave in
// doubt.
uint64_t VectorIndex::View::Pinned::Rerank(std::span<const Candidate> found,
                                           const QueryDistance& distance, TopK* top) const {
  const Codes& codes = *rows->codes();
  uint64_t computed = 0;
  for (size_t i = 0; i < found.size(); ++i) {
    if (i + 2 < found.size()) distance.Prefetch(found[i + 2].node);
    const uint32_t row = found[i].node;
    if (found[i].distance - codes.Doubt(distance.coded(), row) > top->limit()) break;
    top->Offer({rows->versions().RecordOf(row), distance(row)});
    ++computed;
  }
  return computed;
}

const char* VectorIndex::View::Pinned::WalkAll(const PlanChoice& choice, const RecordBits* allowed,
                                               const QueryDistance& distance,
                                               std::vector<Candidate>* found,
                                               uint64_t* computed) const {
  *computed += sealed->graph->Search(distance.coded(), choice.ef, found);
  size_t kept = 0;
  for (const Candidate& candidate : *found) {
    const uint32_t row = AllowedRow(allowed, candidate.node);
    if (row != kNoRow) (*found)[kept++] = {candidate.distance, row};
  }
  const double expected = static_cast<double>(found->size()) * choice.share;
  found->resize(kept);
  // The walk was wide enough if the allowed nodes are spread evenly. They are not when a filter
  // goes with the vectors, and the few met on the way to where the query lies need not be the
  // nearest.
  if (allowed == nullptr || static_cast<double>(kept) >= expected * kLocalShareMin) return nullptr;
  return "the walk met too few that may be returned";
}

const char* VectorIndex::View::Pinned::WalkAllowed(
    const SearchRequest& request, const PlanChoice& choice, const RecordBits& allowed,
    const QueryDistance& distance, std::vector<Candidate>* found, uint64_t* computed) const {
  const AllowedNodes test(*this, allowed);
  const Graph::Among among{choice.ef, choice.budget, choice.share * kLocalShareMin};
  const Graph::Walked walked = sealed->graph->SearchAmong(distance.coded(), test, among, found);
  *computed += walked.computed;
  if (walked.end == WalkEnd::kSparse) return "too few that may be returned lie near the query";
  if (walked.end == WalkEnd::kOverBudget) return "the walk became dearer than a scan";
  if (found->size() < std::max(request.k, choice.ef / 2)) return "the walk found no way to enough";
  for (Candidate& candidate : *found) candidate.node = sealed->RowOf(candidate.node);
  return nullptr;
}

const char* VectorIndex::View::Pinned::Walk(const SearchRequest& request, const PlanChoice& choice,
                                            const RecordBits* allowed,
                                            const QueryDistance& distance, TopK* top,
                                            uint64_t* computed) const {
  thread_local std::vector<Candidate> found;
  const char* distrust = choice.plan == Plan::kFilteredWalk
                             ? WalkAllowed(request, choice, *allowed, distance, &found, computed)
                             : WalkAll(choice, allowed, distance, &found, computed);
  if (distrust != nullptr) return distrust;
  *computed += Rerank(found, distance, top);
  const ScanTarget tail{&distance, top, computed};
  ScanRows(*rows, look, sealed->covered, allowed, {&tail, 1});
  return top->full() ? nullptr : "the walk met too few that may be returned";
}

std::vector<Neighbor> VectorIndex::View::Search(const SearchRequest& request,
                                                SearchReport* report) const {
  std::vector<SearchReport> reports;
  auto found = SearchMany(request.query, request, report != nullptr ? &reports : nullptr);
  if (report != nullptr) *report = reports.front();
  return std::move(found.front());
}

namespace {

struct OneSearch {
  OneSearch(const VectorRows& rows, std::span<const float> query, const SearchRequest& request)
      : distance(rows, query, request.floats), top(request.k) {}
  QueryDistance distance;
  TopK top;
  SearchReport done;
};

}  // namespace

std::vector<std::vector<Neighbor>> VectorIndex::View::SearchMany(
    std::span<const float> queries, const SearchRequest& request,
    std::vector<SearchReport>* reports) const {
  const Pinned& in = *pinned_;
  const size_t dimension = in.rows->dimension();
  std::vector<OneSearch> searches;
  searches.reserve(queries.size() / dimension);
  std::optional<RecordBits> allowed;
  std::vector<size_t> to_scan;
  for (size_t at = 0; at < queries.size(); at += dimension) {
    OneSearch& one = searches.emplace_back(*in.rows, queries.subspan(at, dimension), request);
    if (request.k == 0 || in.look.live == 0) continue;
    const bool codable = std::isfinite(one.distance.coded().head.error);
    const PlanChoice choice = in.Choose(request, codable, &one.done);
    if (choice.plan != Plan::kExact) {
      if (request.allowed != nullptr && !allowed) allowed.emplace(*request.allowed);
      const char* distrust = in.Walk(request, choice, allowed ? &*allowed : nullptr, one.distance,
                                     &one.top, &one.done.distances_computed);
      one.done.plan = distrust == nullptr ? choice.plan : Plan::kExact;
      if (distrust == nullptr) continue;
      one.done.why = distrust;
      one.top = TopK(request.k);
    }
    to_scan.push_back(searches.size() - 1);
  }
  std::vector<ScanTarget> targets;
  for (const size_t i : to_scan) {
    OneSearch& one = searches[i];
    one.done.shared_by = static_cast<uint32_t>(to_scan.size());
    targets.push_back({&one.distance, &one.top, &one.done.distances_computed});
  }
  if (!targets.empty()) in.ScanAll(request.allowed, targets);
  std::vector<std::vector<Neighbor>> found;
  found.reserve(searches.size());
  for (OneSearch& one : searches) {
    found.push_back(one.top.Take());
    one.done.missed_floats = one.distance.missed();
    if (reports != nullptr) reports->push_back(one.done);
  }
  return found;
}

}  // namespace pannier::index

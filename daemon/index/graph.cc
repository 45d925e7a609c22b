#include "daemon/index/graph.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <new>

#include "daemon/index/graph_walk.h"

namespace pannier::index {
namespace {

constexpr uint32_t kNodesMax = (1u << 31) - 1;
constexpr uint32_t kStopCheckEvery = 64;  // insertions
constexpr size_t kAhead = 3;              // candidates whose codes are fetched before their turn
// How many nodes about the query a filtered walk begins from: whether they may be returned or not.
constexpr uint32_t kSeeds = 16;
constexpr float kUnknown = std::numeric_limits<float>::quiet_NaN();
// A list that overflows keeps a node to which fewer others would lead than this part of a list has
// places: outliers, which lie nearest to nobody, would else drop out of all lists, and no walk
// would find them by their own vector. A quarter costs the others no recall (index_bench), and
// leaves a quarter of the misses among uniform vectors of 64 dimensions.
constexpr uint32_t kLedToPart = 4;

uint32_t UsableLinks(uint32_t wanted) { return std::clamp(wanted, 4u, 64u); }
uint32_t UsableEffort(uint32_t wanted) { return std::clamp(wanted, 16u, 4096u); }

class Builder {
 public:
  Builder(const model::HnswParameters& parameters, const Codes& codes, GraphLinks* links)
      : codes_(codes),
        links_(*links),
        effort_(std::max(UsableEffort(parameters.ef_construction), links->upper_max())),
        level_scale_(1.0 / std::log(links->upper_max())),
        led_to_min_(links->base_max() / kLedToPart),
        distances_(size_t{links->limit()} * links->base_max(), kUnknown),
        led_to_(links->limit()) {
    for (uint32_t node = 0; node < links->limit(); ++node) {
      for (const uint32_t other : links->Links(node, 0)) ++led_to_[other];
    }
  }

  void Insert(uint32_t node);

 private:
  uint32_t DrawLevel(uint32_t node) const;
  // Those of the candidates (ascending) that lie nearer to the aim than to any chosen before them,
  // at most `max`: links in all directions rather than into one crowd.
  void Choose(std::span<const Candidate> candidates, uint32_t max);
  void SetLinks(uint32_t node, uint32_t level, std::span<const Candidate> chosen);
  // Links `node` to `other` in one direction; when the list is full, chooses among its links and
  // the new one.
  void Connect(uint32_t node, uint32_t level, Candidate other);
  void Overfill(uint32_t node, uint32_t level, Candidate other);
  // Of level 0's crowd, who is not chosen and not led to by enough others takes a free place, or
  // that of the farthest chosen one to which enough others lead. `fresh`: it has no link here yet.
  void KeepLedTo(uint32_t fresh, size_t places);
  float* DistancesOf(uint32_t node) { return &distances_[size_t{node} * links_.base_max()]; }

  const Codes& codes_;
  GraphLinks& links_;
  const uint32_t effort_;
  const double level_scale_;
  const uint32_t led_to_min_;
  std::vector<float> distances_;  // of the links of level 0; kUnknown where nobody asked yet
  std::vector<uint32_t> led_to_;  // by node: links of level 0 that lead to it

  GraphWalk walk_;
  CodedQuery aim_, probe_, owner_;
  std::vector<Candidate> chosen_, mine_, crowd_;
};

// A hash instead of a generator with state: the level does not depend on what was inserted before.
uint32_t Builder::DrawLevel(uint32_t node) const {
  uint64_t z = (uint64_t{node} + 1) * 0x9e3779b97f4a7c15u;
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
  const double unit = (static_cast<double>((z ^ (z >> 31)) >> 11) + 1) * 0x1p-53;  // (0, 1]
  return static_cast<uint32_t>(-std::log(unit) * level_scale_);
}

void Builder::Insert(uint32_t node) {
  const uint32_t level = DrawLevel(node);
  if (level > 0) links_.Raise(node, level);
  if (links_.entry == kNoNode) {
    links_.entry = node;
    links_.top_level = level;
    return;
  }
  codes_.Decode(node, &aim_);
  Candidate from = walk_.Descend(links_, codes_, aim_, level);
  for (uint32_t at = std::min(level, links_.top_level) + 1; at-- > 0;) {
    const auto near = walk_.Explore(links_, codes_, aim_, from, at, effort_);
    from = near.front();
    Choose(near, links_.upper_max());
    mine_ = chosen_;
    SetLinks(node, at, mine_);
    for (const Candidate& other : mine_) Connect(other.node, at, {other.distance, node});
  }
  if (level > links_.top_level) {
    links_.entry = node;
    links_.top_level = level;
  }
}

void Builder::Choose(std::span<const Candidate> candidates, uint32_t max) {
  chosen_.clear();
  for (size_t i = 0; i < candidates.size() && chosen_.size() < max; ++i) {
    const Candidate& candidate = candidates[i];
    if (i + kAhead < candidates.size()) codes_.Prefetch(candidates[i + kAhead].node);
    if (!chosen_.empty()) codes_.Decode(candidate.node, &probe_);
    const bool apart = std::none_of(chosen_.begin(), chosen_.end(), [&](const Candidate& other) {
      return codes_.Distance(probe_, other.node) < candidate.distance;
    });
    if (apart) chosen_.push_back(candidate);
  }
}

void Builder::SetLinks(uint32_t node, uint32_t level, std::span<const Candidate> chosen) {
  const std::span<uint32_t> list = links_.List(node, level);
  if (level == 0) {
    for (const uint32_t other : links_.Links(node, 0)) --led_to_[other];
  }
  for (size_t i = 0; i < list.size(); ++i) {
    list[i] = i < chosen.size() ? chosen[i].node : kNoNode;
    if (level > 0 || i >= chosen.size()) continue;
    DistancesOf(node)[i] = chosen[i].distance;
    ++led_to_[list[i]];
  }
}

void Builder::Connect(uint32_t node, uint32_t level, Candidate other) {
  const size_t count = links_.Links(node, level).size();
  const std::span<uint32_t> list = links_.List(node, level);
  if (count == list.size()) {
    Overfill(node, level, other);
    return;
  }
  list[count] = other.node;
  if (level > 0) return;
  DistancesOf(node)[count] = other.distance;
  ++led_to_[other.node];
}

void Builder::Overfill(uint32_t node, uint32_t level, Candidate other) {
  const std::span<const uint32_t> list = links_.List(node, level);
  crowd_.clear();
  crowd_.push_back(other);
  bool decoded = false;
  for (size_t i = 0; i < list.size(); ++i) {
    float distance = level == 0 ? DistancesOf(node)[i] : kUnknown;
    if (std::isnan(distance)) {
      if (!decoded) codes_.Decode(node, &owner_);
      decoded = true;
      distance = codes_.Distance(owner_, list[i]);
    }
    crowd_.push_back({distance, list[i]});
  }
  std::sort(crowd_.begin(), crowd_.end());
  Choose(crowd_, static_cast<uint32_t>(list.size()));
  if (level == 0) KeepLedTo(other.node, list.size());
  SetLinks(node, level, chosen_);
}

void Builder::KeepLedTo(uint32_t fresh, size_t places) {
  const auto others_lead_to = [&](const Candidate& candidate) {
    return led_to_[candidate.node] - (candidate.node == fresh ? 0 : 1) >= led_to_min_;
  };
  size_t droppable = chosen_.size();
  for (const Candidate& candidate : crowd_) {
    if (others_lead_to(candidate)) continue;
    const bool chosen = std::any_of(chosen_.begin(), chosen_.end(), [&](const Candidate& each) {
      return each.node == candidate.node;
    });
    if (chosen) continue;
    if (chosen_.size() < places) {
      chosen_.push_back(candidate);
      continue;
    }
    while (droppable > 0 && !others_lead_to(chosen_[droppable - 1])) --droppable;
    if (droppable == 0) return;
    chosen_[--droppable] = candidate;
  }
}

// The walks of one thread share their memory.
GraphWalk& ThreadWalk() {
  thread_local GraphWalk walk;
  return walk;
}

}  // namespace

Result<std::shared_ptr<const Graph>> Graph::Build(const model::HnswParameters& parameters,
                                                  std::shared_ptr<const Codes> codes,
                                                  const Graph* base, std::span<const uint32_t> rows,
                                                  uint32_t limit, std::stop_token stop) {
  if (limit > kNodesMax) return ResourceExhausted("build graph: more than 2^31-1 rows");
  if (stop.stop_requested()) return Unavailable("build graph: stopped");
  try {
    GraphLinks links =
        base != nullptr ? base->links_ : GraphLinks(UsableLinks(parameters.max_neighbors));
    links.Extend(limit);
    Builder builder(parameters, *codes, &links);
    for (size_t i = 0; i < rows.size(); ++i) {
      if (i % kStopCheckEvery == kStopCheckEvery - 1 && stop.stop_requested()) {
        return Unavailable("build graph: stopped");
      }
      builder.Insert(rows[i]);
    }
    const auto size = static_cast<uint32_t>((base != nullptr ? base->size_ : 0) + rows.size());
    return std::shared_ptr<const Graph>(new Graph(std::move(codes), std::move(links), size));
  } catch (const std::bad_alloc&) {
    return ResourceExhausted("build graph: no memory");
  }
}

Status Graph::Save(ByteSink& sink) const {
  const uint32_t head[3] = {links_.upper_max(), links_.limit(), size_};
  TRY(sink.WriteArray(head, 3));
  return links_.Save(sink);
}

Result<std::shared_ptr<const Graph>> Graph::Load(const model::HnswParameters& parameters,
                                                 std::shared_ptr<const Codes> codes, uint32_t rows,
                                                 ByteSource& source) {
  uint32_t head[3];
  TRY(source.ReadArray(head, 3));
  const auto [max_links, limit, size] = head;
  if (max_links != UsableLinks(parameters.max_neighbors) || limit > rows || size > limit ||
      size == 0) {
    return Corruption("saved index: its graph is of another shape");
  }
  GraphLinks links = TRY(GraphLinks::Load(max_links, limit, source));
  return std::shared_ptr<const Graph>(new Graph(std::move(codes), std::move(links), size));
}

uint64_t Graph::Search(const CodedQuery& query, uint32_t ef, std::vector<Candidate>* found) const {
  found->clear();
  if (size_ == 0) return 0;
  GraphWalk& walk = ThreadWalk();
  const uint64_t before = walk.distances_computed();
  const Candidate from = walk.Descend(links_, *codes_, query, 0);
  const auto near = walk.Explore(links_, *codes_, query, from, 0, std::max(ef, 1u));
  found->assign(near.begin(), near.end());
  return walk.distances_computed() - before;
}

Graph::Walked Graph::SearchAmong(const CodedQuery& query, const NodeTest& test, const Among& among,
                                 std::vector<Candidate>* found) const {
  found->clear();
  if (size_ == 0) return {};
  GraphWalk& walk = ThreadWalk();
  const uint64_t before = walk.distances_computed();
  const Candidate from = walk.Descend(links_, *codes_, query, 0);
  walk.Explore(links_, *codes_, query, from, 0, kSeeds);
  const WalkEnd end = walk.ExploreAllowed(links_, *codes_, query, test, among.ef, among.share_min,
                                          before + among.budget);
  found->assign(walk.found().begin(), walk.found().end());
  return {end, walk.distances_computed() - before};
}

}  // namespace pannier::index

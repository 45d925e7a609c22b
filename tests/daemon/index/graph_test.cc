#include "daemon/index/graph.h"

#include <algorithm>
#include <catch2/catch.hpp>
#include <functional>
#include <numeric>
#include <set>

#include "daemon/index/hnswlib_reference.h"
#include "daemon/index/vector_rows.h"
#include "tests/daemon/index/generated_vectors.h"
#include "tests/daemon/index/random.h"

namespace pannier::index {
namespace {

constexpr uint32_t kDimension = 48;

class Rows {
 public:
  explicit Rows(uint32_t count, model::Space space = model::Space::kCosine)
      : rows_(space, kDimension) {
    parameters_.space = space;
    GeneratedVectors generator(kDimension, count, 48, TestSeed());
    for (uint32_t i = 0; i < count; ++i) {
      vectors_.push_back(generator.Draw());
      rows_.Put(1, i + 1, vectors_.back());
    }
    rows_.versions().Commit(1);
  }

  std::shared_ptr<const Graph> Build(const Graph* base, uint32_t begin, uint32_t end) const {
    std::vector<uint32_t> fresh(end - begin);
    std::iota(fresh.begin(), fresh.end(), begin);
    return Graph::Build(parameters_, rows_.codes(), base, fresh, end, {}).value();
  }
  std::vector<uint32_t> Search(const Graph& graph, const std::vector<float>& query,
                               uint32_t ef) const {
    const QueryDistance distance(rows_, query);
    std::vector<Candidate> found;
    graph.Search(distance.coded(), ef, &found);
    std::vector<uint32_t> nodes;
    for (const Candidate& c : found) nodes.push_back(c.node);
    return nodes;
  }
  const std::vector<std::vector<float>>& vectors() const { return vectors_; }
  const VectorRows& rows() const { return rows_; }
  const model::HnswParameters& parameters() const { return parameters_; }

 private:
  model::HnswParameters parameters_;
  VectorRows rows_;
  std::vector<std::vector<float>> vectors_;
};

// What holds for every graph: links lead to nodes that reach the level, never to the node itself,
// never twice to one.
bool IsSound(const GraphLinks& links) {
  for (uint32_t node = 0; node < links.limit(); ++node) {
    for (uint32_t level = 0; level <= links.LevelOf(node); ++level) {
      const auto list = links.Links(node, level);
      if (std::set<uint32_t>(list.begin(), list.end()).size() != list.size()) return false;
      for (const uint32_t other : list) {
        if (other == node || other >= links.limit() || links.LevelOf(other) < level) return false;
      }
    }
  }
  return links.LevelOf(links.entry) == links.top_level;
}

std::vector<uint32_t> AllLinks(const Graph& graph) {
  std::vector<uint32_t> all = {graph.links().entry, graph.links().top_level};
  for (uint32_t node = 0; node < graph.links().limit(); ++node) {
    for (uint32_t level = 0; level <= graph.links().LevelOf(node); ++level) {
      const auto list = graph.links().Links(node, level);
      all.insert(all.end(), list.begin(), list.end());
    }
  }
  return all;
}

TEST_CASE("graph: its links are sound and every node is found by its own vector",
          "[daemon][index]") {
  const uint64_t seed = TestSeed();
  CAPTURE(seed);
  for (const model::Space space : {model::Space::kL2, model::Space::kCosine, model::Space::kIp}) {
    const Rows rows(3'000, space);
    const auto graph = rows.Build(nullptr, 0, 3'000);
    REQUIRE(graph->size() == 3'000);
    REQUIRE(IsSound(graph->links()));
    uint32_t missed = 0;
    for (uint32_t node = 0; node < 3'000; ++node) {
      const auto found = rows.Search(*graph, rows.vectors()[node], 30);
      missed += std::count(found.begin(), found.end(), node) == 0 ? 1 : 0;
    }
    REQUIRE(missed <= 3);
  }
}

// Deletion marks and updates can leave nodes in hnswlib that nothing leads to. Nothing is deleted
// here; still, audit.
TEST_CASE("graph: a walk can get to every node", "[daemon][index]") {
  const uint64_t seed = TestSeed();
  CAPTURE(seed);
  const Rows rows(4'000);
  auto graph = rows.Build(nullptr, 0, 1'000);
  for (uint32_t end = 1'500; end <= 4'000; end += 500) {
    graph = rows.Build(graph.get(), end - 500, end);
  }
  std::vector<bool> reached(4'000, false);
  std::vector<uint32_t> queue = {graph->links().entry};
  reached[queue[0]] = true;
  while (!queue.empty()) {
    const uint32_t node = queue.back();
    queue.pop_back();
    for (const uint32_t other : graph->links().Links(node, 0)) {
      if (!reached[other]) queue.push_back(other);
      reached[other] = true;
    }
  }
  REQUIRE(std::count(reached.begin(), reached.end(), false) == 0);
}

// The corners of a cube lie nearest to nobody: the lists of their neighbours have no room for them.
TEST_CASE("graph: outliers are led to, and found by their own vectors", "[daemon][index]") {
  constexpr uint32_t kOutliersDimension = 64, kOutliers = 8'000;
  const uint64_t seed = TestSeed();
  CAPTURE(seed);
  Random random(seed);
  VectorRows rows(model::Space::kL2, kOutliersDimension);
  std::vector<std::vector<float>> vectors(kOutliers, std::vector<float>(kOutliersDimension));
  for (uint32_t row = 0; row < kOutliers; ++row) {
    std::vector<float>& vector = vectors[row];
    for (float& x : vector) x = static_cast<float>(2 * random.Unit() - 1);
    rows.Put(1, row + 1, vector);
  }
  rows.versions().Commit(1);
  std::vector<uint32_t> all(kOutliers);
  std::iota(all.begin(), all.end(), 0);
  model::HnswParameters parameters;
  parameters.space = model::Space::kL2;
  const auto graph = Graph::Build(parameters, rows.codes(), nullptr, all, kOutliers, {}).value();
  REQUIRE(IsSound(graph->links()));
  std::vector<uint32_t> led_to(kOutliers, 0);
  uint32_t missed = 0;
  for (uint32_t node = 0; node < kOutliers; ++node) {
    for (const uint32_t other : graph->links().Links(node, 0)) ++led_to[other];
    std::vector<Candidate> found;
    graph->Search(QueryDistance(rows, vectors[node]).coded(), 100, &found);
    missed += found.front().node == node ? 0 : 1;
  }
  REQUIRE(*std::min_element(led_to.begin(), led_to.end()) >= 2);
  REQUIRE(missed <= 8);
}

TEST_CASE("graph: the same rows give the same graph, and growth leaves the old one as it was",
          "[daemon][index]") {
  const Rows rows(2'000);
  const auto once = rows.Build(nullptr, 0, 1'500);
  const auto twice = rows.Build(nullptr, 0, 1'500);
  const std::vector<uint32_t> links = AllLinks(*once);
  REQUIRE((links == AllLinks(*twice)));
  const auto grown = rows.Build(once.get(), 1'500, 2'000);
  REQUIRE(grown->size() == 2'000);
  REQUIRE(IsSound(grown->links()));
  REQUIRE((links == AllLinks(*once)));
}

constexpr uint32_t kCount = 6'000;

double Recall(const Rows& rows, const std::vector<std::vector<float>>& queries,
              const std::function<std::vector<uint32_t>(const std::vector<float>&)>& search) {
  size_t hits = 0;
  for (const auto& query : queries) {
    const QueryDistance distance(rows.rows(), query);
    std::vector<std::pair<float, uint32_t>> ranked;
    for (uint32_t row = 0; row < kCount; ++row) {
      ranked.emplace_back(distance(row), row);
    }
    std::partial_sort(ranked.begin(), ranked.begin() + 10, ranked.end());
    const std::vector<uint32_t> found = search(query);
    for (int i = 0; i < 10; ++i) {
      hits += std::count(found.begin(), found.end(), ranked[i].second);
    }
  }
  return static_cast<double>(hits) / static_cast<double>(10 * queries.size());
}

// Goal: whether built at once or in many steps, our graph finds what hnswlib's finds with the same
// effort.
TEST_CASE("graph: recall is hnswlib's at equal effort, also after growing in steps",
          "[daemon][index][recall]") {
  if (kThreadSanitizer) return;  // hnswlib's mutexes
  const uint64_t seed = TestSeed();
  CAPTURE(seed);
  const Rows rows(kCount + 100);  // the last hundred are queries
  const std::vector<std::vector<float>> queries(rows.vectors().end() - 100, rows.vectors().end());

  class Source final : public HnswlibGraph::Source {
   public:
    explicit Source(const Rows& rows) : rows_(rows) {}
    uint32_t count() const override { return kCount; }
    std::span<const float> vector(uint32_t node) const override { return rows_.vectors()[node]; }

   private:
    const Rows& rows_;
  };
  const auto reference =
      HnswlibGraph::Build(rows.parameters(), kDimension, Source(rows), {}).value();
  const auto at_once = rows.Build(nullptr, 0, kCount);
  auto grown = rows.Build(nullptr, 0, 500);
  for (uint32_t end = 600; end <= kCount; end += 100) {
    grown = rows.Build(grown.get(), end - 100, end);
  }
  for (const uint32_t ef : {20u, 60u}) {
    CAPTURE(ef);
    const double theirs =
        Recall(rows, queries, [&](const auto& q) { return reference->Search(q, ef); });
    const double ours =
        Recall(rows, queries, [&](const auto& q) { return rows.Search(*at_once, q, ef); });
    const double in_steps =
        Recall(rows, queries, [&](const auto& q) { return rows.Search(*grown, q, ef); });
    REQUIRE(ours >= theirs - 0.02);
    REQUIRE(in_steps >= theirs - 0.02);
  }
}

TEST_CASE("graph: a stopped build gives nothing, an empty one an empty graph", "[daemon][index]") {
  const Rows rows(500);
  std::stop_source stop;
  stop.request_stop();
  const std::vector<uint32_t> some = {0, 1, 2};
  REQUIRE(Graph::Build(rows.parameters(), rows.rows().codes(), nullptr, some, 3, stop.get_token())
              .Is(Errc::kUnavailable));
  const auto empty = rows.Build(nullptr, 0, 0);
  REQUIRE(empty->size() == 0);
  REQUIRE(rows.Search(*empty, rows.vectors()[0], 10).empty());
}

}  // namespace
}  // namespace pannier::index

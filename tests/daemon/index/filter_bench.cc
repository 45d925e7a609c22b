// Plans for filtered searches, on one thread: recall@10 and time per query of the exact scan, the
// walk with collection and the filtered walk, for filters of several selectivities that do and do
// not go with the vectors; then what the planner makes of it. Times as in index_bench.
// usage: filter_bench [count=50000] [dimension=384] [every plan=0] [directions=96]
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <limits>
#include <optional>
#include <string>
#include <vector>

#include "daemon/index/vector_index.h"
#include "tests/daemon/index/generated_vectors.h"
#include "tests/support/cpu_time.h"

namespace pannier::index {
namespace {

constexpr uint32_t kQueries = 100;
constexpr int kRounds = 3;

using Vectors = std::vector<std::vector<float>>;

struct Tried {
  double recall = 0;
  double seconds = std::numeric_limits<double>::infinity();
  int plans[3] = {0, 0, 0};
  double distances = 0;
};

class Bench {
 public:
  Bench(const VectorIndex::View& view, const Vectors& queries) : view_(view), queries_(queries) {}

  Tried Try(const RecordSet* allowed, std::optional<Plan> plan, uint32_t ef) {
    Tried tried;
    for (int round = 0; round < kRounds; ++round) {
      double hits = 0;
      tried = {0, tried.seconds, {0, 0, 0}, 0};
      const double begin = test::ThreadCpuSeconds();
      for (size_t i = 0; i < queries_.size(); ++i) {
        SearchRequest request;
        request.query = queries_[i];
        request.allowed = allowed;
        request.ef_search = ef;
        request.plan = plan;
        SearchReport report;
        const auto found = view_.Search(request, &report);
        for (const Neighbor& n : found) hits += Hit(i, n.record);
        ++tried.plans[static_cast<int>(report.plan)];
        tried.distances += static_cast<double>(report.distances_computed) / kQueries;
      }
      tried.seconds = std::min(tried.seconds, (test::ThreadCpuSeconds() - begin) / kQueries);
      tried.recall = hits / (10.0 * kQueries);
    }
    return tried;
  }

  void SetTruth(const RecordSet* allowed) {
    truth_.clear();
    for (const auto& query : queries_) {
      SearchRequest request;
      request.query = query;
      request.allowed = allowed;
      request.plan = Plan::kExact;
      std::vector<RecordNumber> records;
      for (const Neighbor& n : view_.Search(request, nullptr)) records.push_back(n.record);
      truth_.push_back(records);
    }
  }

 private:
  double Hit(size_t query, RecordNumber record) const {
    if (query >= truth_.size()) return 0;
    return static_cast<double>(std::count(truth_[query].begin(), truth_[query].end(), record));
  }
  const VectorIndex::View& view_;
  const Vectors& queries_;
  std::vector<std::vector<RecordNumber>> truth_;
};

void Print(const char* name, uint32_t ef, const Tried& tried) {
  std::printf(
      "  %-14s ef %4u  recall %.3f  %8.1f us  %7.0f distances  (%d scans, %d walks, %d filtered)\n",
      name, ef, tried.recall, tried.seconds * 1e6, tried.distances, tried.plans[0], tried.plans[1],
      tried.plans[2]);
}

void Compare(Bench& bench, const char* name, const RecordSet& allowed, bool all) {
  std::printf("%s: %llu pass\n", name, static_cast<unsigned long long>(allowed.Count()));
  bench.SetTruth(&allowed);
  Print("scan", 0, bench.Try(&allowed, Plan::kExact, 100));
  if (all) {
    for (const uint32_t ef : {300u, 600u, 800u})
      Print("walk", ef, bench.Try(&allowed, Plan::kGraph, ef));
    for (const uint32_t ef : {50u, 100u, 150u})
      Print("filtered walk", ef, bench.Try(&allowed, Plan::kFilteredWalk, ef));
  }
  Print("planner", 100, bench.Try(&allowed, std::nullopt, 100));
}

int Run(uint32_t count, uint32_t dimension, bool all, uint32_t directions) {
  GeneratedVectors generator(dimension, count, directions);
  VectorIndex::Options options;
  options.hnsw.space = model::Space::kCosine;
  options.dimension = dimension;
  VectorIndex index(options);
  Vectors vectors, queries;
  for (uint32_t i = 0; i < count; ++i) {
    vectors.push_back(generator.Draw());
    index.Put(1, i + 1, vectors.back());
  }
  index.Commit(1);
  if (!index.BuildGraph({}).ok()) return 1;
  for (uint32_t i = 0; i < kQueries; ++i) queries.push_back(generator.Draw());
  const auto view = *index.At(1);
  Bench bench(view, queries);
  bench.SetTruth(nullptr);
  std::printf("%u x %u, no filter\n", count, dimension);
  Print("walk", 100, bench.Try(nullptr, Plan::kGraph, 100));
  Random random(7);
  for (const double share : {0.5, 0.2, 0.1, 0.05, 0.03, 0.01, 0.001}) {
    RecordSet allowed;
    for (uint32_t i = 0; i < count; ++i) {
      if (random.Unit() < share) allowed.Add(i + 1);
    }
    Compare(bench, ("random " + std::to_string(share)).c_str(), allowed, all);
  }
  // On one side of a plane: what passes lies near some queries and far from others.
  const std::vector<float> normal = random.Vector(dimension);
  std::vector<std::pair<float, RecordNumber>> sides;
  for (uint32_t i = 0; i < count; ++i) {
    float side = 0;
    for (uint32_t d = 0; d < dimension; ++d) side += normal[d] * vectors[i][d];
    sides.emplace_back(side, i + 1);
  }
  std::sort(sides.begin(), sides.end());
  for (const double share : {0.5, 0.2, 0.1, 0.05}) {
    RecordSet allowed;
    for (size_t i = 0; i < static_cast<size_t>(share * count); ++i) allowed.Add(sides[i].second);
    Compare(bench, ("half-space " + std::to_string(share)).c_str(), allowed, all);
  }
  return 0;
}

}  // namespace
}  // namespace pannier::index

int main(int argc, char** argv) {
  const auto argument = [&](int i, uint32_t otherwise) {
    return argc > i ? static_cast<uint32_t>(std::strtoul(argv[i], nullptr, 10)) : otherwise;
  };
  return pannier::index::Run(argument(1, 50'000), argument(2, 384), argument(3, 0) != 0,
                             argument(4, 96));
}

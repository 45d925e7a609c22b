// Searches under filters against the exact answer: every plan, over selectivities, near and far.
#include <algorithm>
#include <catch2/catch.hpp>
#include <string>

#include "daemon/index/vector_index.h"
#include "tests/daemon/index/generated_vectors.h"

namespace pannier::index {
namespace {

constexpr uint32_t kDimension = 32;

struct World {
  explicit World(uint32_t count, uint64_t seed)
      : generator(kDimension, count, 24, seed), index({{}, kDimension, 1'000}) {
    for (RecordNumber record = 1; record <= count; ++record) {
      vectors.push_back(generator.Draw());
      index.Put(1, record, vectors.back());
    }
    index.Commit(1);
  }
  VectorIndex::View Now() const { return *index.At(1); }

  GeneratedVectors generator;
  VectorIndex index;
  std::vector<std::vector<float>> vectors;
};

std::vector<Neighbor> Ask(const VectorIndex::View& view, std::span<const float> query, uint32_t k,
                          const RecordSet& allowed, std::optional<Plan> plan,
                          SearchReport* report) {
  SearchRequest request;
  request.query = query;
  request.k = k;
  request.allowed = &allowed;
  request.plan = plan;
  return view.Search(request, report);
}

bool Same(const std::vector<Neighbor>& a, const std::vector<Neighbor>& b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(), [](const auto& x, const auto& y) {
    return x.record == y.record && x.distance == y.distance;
  });
}

size_t Hits(const std::vector<Neighbor>& found, const std::vector<Neighbor>& truth) {
  return static_cast<size_t>(std::count_if(found.begin(), found.end(), [&](const Neighbor& n) {
    return std::any_of(truth.begin(), truth.end(),
                       [&](const Neighbor& t) { return t.record == n.record; });
  }));
}

// Records by how far they are from `aim`: those that pass lie all near it, or all far from it.
RecordSet Nearest(const World& world, std::span<const float> aim, size_t begin, size_t end) {
  std::vector<std::pair<float, RecordNumber>> order;
  for (size_t i = 0; i < world.vectors.size(); ++i) {
    float dot = 0;
    for (uint32_t d = 0; d < kDimension; ++d) dot += aim[d] * world.vectors[i][d];
    order.emplace_back(-dot, static_cast<RecordNumber>(i + 1));
  }
  std::sort(order.begin(), order.end());
  RecordSet set;
  for (size_t i = begin; i < end; ++i) set.Add(order[i].second);
  return set;
}

TEST_CASE(
    "filtered search: recall holds at every selectivity, near and far, and small shares are exact",
    "[daemon][index][recall]") {
  if (kThreadSanitizer) return;
  const uint64_t seed = TestSeed();
  CAPTURE(seed);
  constexpr uint32_t kCount = 24'000;
  World world(kCount, seed);
  REQUIRE(world.index.BuildGraph({}).ok());
  const auto view = world.Now();
  Random random(seed);
  int plans[3] = {0, 0, 0};
  for (const double share : {0.5, 0.1, 0.05, 0.01, 0.001}) {
    for (const char* kind : {"evenly", "near", "far"}) {
      CAPTURE(share, kind);
      size_t hits = 0, wanted = 0;
      for (int i = 0; i < 15; ++i) {
        const std::vector<float> query = world.generator.Draw();
        RecordSet allowed;
        const auto passing = static_cast<size_t>(share * kCount);
        if (*kind == 'e') {
          while (allowed.Count() < passing) allowed.Add(1 + random.Below(kCount));
        } else {
          const size_t begin = *kind == 'n' ? 0 : kCount - passing;
          allowed = Nearest(world, query, begin, begin + passing);
        }
        const uint32_t k = random.OneIn(3) ? 50 : 10;
        SearchReport report;
        const auto found = Ask(view, query, k, allowed, std::nullopt, &report);
        const auto truth = Ask(view, query, k, allowed, Plan::kExact, nullptr);
        if (share <= 0.02) REQUIRE(Same(found, truth));
        REQUIRE(found.size() == truth.size());
        hits += Hits(found, truth);
        wanted += truth.size();
        ++plans[static_cast<int>(report.plan)];
      }
      REQUIRE(static_cast<double>(hits) >= 0.95 * static_cast<double>(wanted));
    }
  }
  REQUIRE(plans[static_cast<int>(Plan::kGraph)] > 0);
  REQUIRE(plans[static_cast<int>(Plan::kExact)] > 0);
}

TEST_CASE("filtered search: a walk among what passes finds it, also over what was deleted since",
          "[daemon][index][recall]") {
  if (kThreadSanitizer) return;
  const uint64_t seed = TestSeed();
  CAPTURE(seed);
  constexpr uint32_t kCount = 12'000;
  World world(kCount, seed);
  REQUIRE(world.index.BuildGraph({}).ok());
  Random random(seed);
  for (int i = 0; i < 2'000; ++i) world.index.Remove(2, 1 + random.Below(kCount));
  for (RecordNumber record = kCount + 1; record <= kCount + 300; ++record) {
    world.index.Put(2, record, world.generator.Draw());
  }
  world.index.Commit(2);
  const auto view = *world.index.At(2);
  for (const uint64_t one_in : {2, 5, 10, 20}) {
    RecordSet allowed;
    for (RecordNumber record = 1; record <= kCount + 300; ++record) {
      if (random.OneIn(one_in)) allowed.Add(record);
    }
    size_t hits = 0;
    int walks = 0;
    for (int i = 0; i < 30; ++i) {
      const std::vector<float> query = world.generator.Draw();
      SearchReport report;
      const auto found = Ask(view, query, 10, allowed, Plan::kFilteredWalk, &report);
      walks += report.plan == Plan::kFilteredWalk ? 1 : 0;
      for (const Neighbor& n : found) REQUIRE(allowed.Contains(n.record));
      hits += Hits(found, Ask(view, query, 10, allowed, Plan::kExact, nullptr));
    }
    CAPTURE(one_in, hits, walks);
    REQUIRE(walks == 30);
    REQUIRE(hits >= 285);
  }
}

TEST_CASE("filtered search: what a walk cannot be trusted with is scanned, and the report says why",
          "[daemon][index]") {
  const uint64_t seed = TestSeed();
  CAPTURE(seed);
  World world(10'000, seed);
  REQUIRE(world.index.BuildGraph({}).ok());
  const auto view = world.Now();
  const std::vector<float> query = world.generator.Draw();
  // All that pass lie where the query is not.
  const RecordSet far = Nearest(world, query, 5'000, 10'000);
  SearchReport report;
  const auto found = Ask(view, query, 10, far, std::nullopt, &report);
  REQUIRE(Same(found, Ask(view, query, 10, far, Plan::kExact, nullptr)));
  REQUIRE(report.plan == Plan::kExact);
  REQUIRE(std::string(report.why) == "the walk met too few that may be returned");
  // A walk over so few that none leads to the next.
  RecordSet few;
  Random random(seed);
  while (few.Count() < 150) few.Add(1 + random.Below(10'000));
  const auto of_few = Ask(view, query, 100, few, Plan::kFilteredWalk, &report);
  if (report.plan == Plan::kExact) {
    REQUIRE(Same(of_few, Ask(view, query, 100, few, Plan::kExact, nullptr)));
  }
  REQUIRE(of_few.size() == 100);
}

TEST_CASE("filtered search: every k up to the collection and beyond gives what there is",
          "[daemon][index]") {
  const uint64_t seed = TestSeed();
  CAPTURE(seed);
  World world(3'000, seed);
  REQUIRE(world.index.BuildGraph({}).ok());
  const auto view = world.Now();
  RecordSet allowed;
  for (RecordNumber record = 1; record <= 3'000; record += 2) allowed.Add(record);
  const std::vector<float> query = world.generator.Draw();
  for (const uint32_t k : {0u, 1u, 100u, 1'499u, 1'500u, 1'501u, 3'000u, 1'000'000u}) {
    const auto found = Ask(view, query, k, allowed, std::nullopt, nullptr);
    REQUIRE(found.size() == std::min(k, 1'500u));
    const auto truth = Ask(view, query, k, allowed, Plan::kExact, nullptr);
    REQUIRE(Hits(found, truth) >= found.size() * 95 / 100);
  }
}

TEST_CASE("filtered search: queries that share a filter share the scan, and answer as alone",
          "[daemon][index]") {
  const uint64_t seed = TestSeed();
  CAPTURE(seed);
  const bool graph = GENERATE(false, true);
  World world(4'000, seed);
  if (graph) REQUIRE(world.index.BuildGraph({}).ok());
  const auto view = world.Now();
  RecordSet allowed;
  for (RecordNumber record = 1; record <= 4'000; record += 3) allowed.Add(record);
  std::vector<float> queries;
  for (int i = 0; i < 20; ++i) {
    const auto query = world.generator.Draw();
    queries.insert(queries.end(), query.begin(), query.end());
  }
  for (const RecordSet* filter :
       {static_cast<const RecordSet*>(nullptr), &std::as_const(allowed)}) {
    SearchRequest request;
    request.allowed = filter;
    request.ef_search = 20;
    std::vector<SearchReport> reports;
    const auto found = view.SearchMany(queries, request, &reports);
    REQUIRE(found.size() == 20);
    REQUIRE(reports.size() == 20);
    const auto scans = std::count_if(reports.begin(), reports.end(),
                                     [](const SearchReport& r) { return r.plan == Plan::kExact; });
    if (!graph) REQUIRE(scans == 20);
    for (size_t i = 0; i < found.size(); ++i) {
      request.query = std::span(queries).subspan(i * kDimension, kDimension);
      REQUIRE(Same(found[i], view.Search(request, nullptr)));
      REQUIRE(reports[i].shared_by == (reports[i].plan == Plan::kExact ? scans : 0));
    }
  }
}

}  // namespace
}  // namespace pannier::index

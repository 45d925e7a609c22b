// Goal: with default parameters the nearest are found in a collection of a hundred thousand, and
// still after most of it was replaced, several times over. Method: ten rounds in which three in ten
// records get another vector; after each the graph grows as it would in the background. Recall
// against an exact scan, which other tests hold against the definition. Too long for sanitizers,
// which see the same code in vector_index_test.cc.
#include <algorithm>
#include <catch2/catch.hpp>
#include <vector>

#include "daemon/index/vector_index.h"
#include "tests/daemon/index/generated_vectors.h"

namespace pannier::index {
namespace {

constexpr uint32_t kRecords = 100'000, kDimension = 384, kQueries = 100;
constexpr int kRounds = 10;

std::vector<Neighbor> Search(const VectorIndex& index, Sequence at, std::span<const float> query,
                             uint32_t effort, Plan plan) {
  SearchRequest request;
  request.query = query;
  request.ef_search = effort;
  request.plan = plan;
  return index.At(at)->Search(request, nullptr);
}

double Recall(const VectorIndex& index, Sequence at, GeneratedVectors& queries, uint32_t effort) {
  size_t hits = 0;
  for (uint32_t i = 0; i < kQueries; ++i) {
    const std::vector<float> query = queries.Draw();
    const auto nearest = Search(index, at, query, effort, Plan::kExact);
    for (const Neighbor& found : Search(index, at, query, effort, Plan::kGraph)) {
      hits += std::any_of(nearest.begin(), nearest.end(),
                          [&](const Neighbor& each) { return each.record == found.record; });
    }
  }
  return static_cast<double>(hits) / (10.0 * kQueries);
}

}  // namespace

TEST_CASE("recall: of a hundred thousand, also after ten rounds of churn",
          "[daemon][index][recall]") {
  if (kSanitized) return;
  const uint64_t seed = TestSeed();
  CAPTURE(seed);
  GeneratedVectors vectors(kDimension, kRecords, 96, seed);
  Random random(seed + 1);
  VectorIndex::Options options;
  options.hnsw.space = model::Space::kCosine;
  options.dimension = kDimension;
  VectorIndex index(options);
  Sequence at = 1;
  for (RecordNumber record = 1; record <= kRecords; ++record) {
    index.Put(at, record, vectors.Draw());
  }
  index.Commit(at);
  REQUIRE(index.BuildGraph({}).ok());
  const auto usual = static_cast<uint32_t>(options.hnsw.ef_search);
  REQUIRE(Recall(index, at, vectors, usual) >= 0.95);
  REQUIRE(Recall(index, at, vectors, 2 * usual) >= 0.99);
  for (int round = 0; round < kRounds; ++round) {
    CAPTURE(round);
    ++at;
    for (uint32_t i = 0; i < kRecords * 3 / 10; ++i) {
      index.Put(at, static_cast<RecordNumber>(1 + random.Below(kRecords)), vectors.Draw());
    }
    index.Commit(at);
    index.Compact();
    REQUIRE(index.BuildGraph({}).ok());
    REQUIRE(Recall(index, at, vectors, usual) >= 0.95);
  }
  REQUIRE(Recall(index, at, vectors, 2 * usual) >= 0.99);
}

}  // namespace pannier::index

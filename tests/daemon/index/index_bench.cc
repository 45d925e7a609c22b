// The engine alone against hnswlib, on one thread: build rate, recall@10 and time per query, exact
// scans. Times are CPU times of the thread, the best of several rounds in turn, since they are what
// other programs on the machine disturb least. usage: index_bench [count=20000] [dimension=384]
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <limits>
#include <set>
#include <string>

#include "daemon/index/exact_scan.h"
#include "daemon/index/hnswlib_reference.h"
#include "daemon/index/vector_index.h"
#include "tests/daemon/index/generated_vectors.h"
#include "tests/support/cpu_time.h"

namespace pannier::index {
namespace {

constexpr uint32_t kQueries = 500;
constexpr int kRounds = 5;

class Source final : public HnswlibGraph::Source {
 public:
  explicit Source(const std::vector<std::vector<float>>& vectors) : vectors_(vectors) {}
  uint32_t count() const override { return static_cast<uint32_t>(vectors_.size()); }
  std::span<const float> vector(uint32_t node) const override { return vectors_[node]; }

 private:
  const std::vector<std::vector<float>>& vectors_;
};

using Answer = std::vector<RecordNumber>;

struct Contender {
  std::string name;
  std::function<Answer(const std::vector<float>&)> search;
  double best_seconds = std::numeric_limits<double>::infinity();
  double recall = 0;
};

void Race(const std::vector<std::vector<float>>& queries, const std::vector<Answer>& truth,
          std::vector<Contender>* contenders) {
  for (int round = 0; round < kRounds; ++round) {
    for (Contender& contender : *contenders) {
      size_t hits = 0;
      const double begin = test::ThreadCpuSeconds();
      for (size_t i = 0; i < queries.size(); ++i) {
        for (const RecordNumber record : contender.search(queries[i])) {
          hits += std::count(truth[i].begin(), truth[i].end(), record);
        }
      }
      contender.best_seconds = std::min(contender.best_seconds, test::ThreadCpuSeconds() - begin);
      contender.recall = static_cast<double>(hits) / static_cast<double>(10 * queries.size());
    }
  }
  for (const Contender& contender : *contenders) {
    std::printf("%-28s recall@10 %.4f  %8.1f us/query\n", contender.name.c_str(), contender.recall,
                contender.best_seconds / static_cast<double>(queries.size()) * 1e6);
  }
}

Answer Records(const std::vector<Neighbor>& neighbors) {
  Answer records;
  for (const Neighbor& n : neighbors) records.push_back(n.record);
  return records;
}

int Run(uint32_t count, uint32_t dimension) {
  GeneratedVectors generator(dimension, count);
  std::vector<std::vector<float>> vectors, queries;
  for (uint32_t i = 0; i < count; ++i) vectors.push_back(generator.Draw());
  for (uint32_t i = 0; i < kQueries; ++i) queries.push_back(generator.Draw());

  VectorIndex::Options options;
  options.hnsw.space = model::Space::kCosine;
  options.dimension = dimension;
  options.graph_threshold = 1'000;
  VectorIndex index(options);
  double begin = test::ThreadCpuSeconds();
  for (uint32_t i = 0; i < count; ++i) index.Put(1, i + 1, vectors[i]);
  index.Commit(1);
  std::printf("%u x %u\nput %.2f us each\n", count, dimension,
              (test::ThreadCpuSeconds() - begin) / count * 1e6);

  const auto exact = *index.At(1);
  const auto search_exactly = [&](const std::vector<float>& query) {
    SearchRequest request;
    request.query = query;
    return Records(exact.Search(request, nullptr));
  };
  std::vector<Answer> truth;
  for (const auto& query : queries) truth.push_back(search_exactly(query));

  begin = test::ThreadCpuSeconds();
  const Status built = index.BuildGraph({});
  std::printf("own graph     %8.0f vectors/s %s\n", count / (test::ThreadCpuSeconds() - begin),
              built.ok() ? "" : built.error().what.c_str());
  begin = test::ThreadCpuSeconds();
  const auto reference = HnswlibGraph::Build(options.hnsw, dimension, Source(vectors), {}).value();
  std::printf("hnswlib graph %8.0f vectors/s\n", count / (test::ThreadCpuSeconds() - begin));
  std::printf("memory: ours %.1f MB (floats, codes, links), hnswlib %.1f MB\n",
              static_cast<double>(index.memory_bytes()) / 1e6,
              static_cast<double>(reference->bytes()) / 1e6);

  std::vector<Contender> contenders = {{"exact scan", search_exactly}};
  const auto view = *index.At(1);
  for (const uint32_t ef : {10u, 16u, 24u, 32u, 48u, 64u, 100u, 150u, 200u}) {
    contenders.push_back({"own, ef " + std::to_string(ef), [&, ef](const auto& query) {
                            SearchRequest request;
                            request.query = query;
                            request.ef_search = ef;
                            return Records(view.Search(request, nullptr));
                          }});
    contenders.push_back({"hnswlib, ef " + std::to_string(ef), [&, ef](const auto& query) {
                            Answer found = reference->Search(query, ef);  // farthest first
                            std::reverse(found.begin(), found.end());
                            found.resize(std::min<size_t>(found.size(), 10));
                            for (RecordNumber& record : found) ++record;
                            return found;
                          }});
  }
  Race(queries, truth, &contenders);
  return 0;
}

}  // namespace
}  // namespace pannier::index

int main(int argc, char** argv) {
  const auto argument = [&](int i, uint32_t otherwise) {
    return argc > i ? static_cast<uint32_t>(std::strtoul(argv[i], nullptr, 10)) : otherwise;
  };
  return pannier::index::Run(argument(1, 20'000), argument(2, 384));
}

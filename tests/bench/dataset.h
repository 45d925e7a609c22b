// The data of the benchmarks: clustered vectors with documents and metadata, the same bytes on
// every machine for one seed. Any record is made on its own, so a program holds only what it sends.
//
// 32 topics spread over clusters of about 400 records with Zipf sizes; each cluster stretches along
// `local_dimensions` of a shared dictionary of directions, with falling weight, plus noise and an
// offset common to all; then normalised. More local dimensions make neighbours harder to tell
// apart: Difficulty() says how hard.
// Threads: const calls from any.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace pannier::bench {

using Vector = std::vector<float>;

class Dataset {
 public:
  struct Options {
    uint64_t seed = 42;
    uint32_t records = 10'000;
    uint32_t dimension = 384;
    uint32_t local_dimensions = 96;
    uint32_t document_bytes = 1024;
  };
  explicit Dataset(const Options& options);

  const Options& options() const { return options_; }
  Vector RecordVector(uint64_t record) const { return Make(record, 1); }
  // Of the same law, but no record.
  Vector QueryVector(uint64_t query) const { return Make(query, 2); }
  static std::string Id(uint64_t record) { return "record-" + std::to_string(record); }
  // Words, `document_bytes` long.
  std::string Document(uint64_t record) const;
  // {"uniform":0..999,"cluster":…,"language":"en","score":0.5}; uniform is what filters select by.
  std::string Metadata(uint64_t record) const;

 private:
  uint32_t ClusterOf(uint64_t item, uint64_t stream) const;
  Vector Make(uint64_t item, uint64_t stream) const;

  const Options options_;
  std::vector<Vector> dictionary_;
  std::vector<Vector> centres_;                    // of clusters
  std::vector<std::vector<uint32_t>> directions_;  // of each cluster, in `dictionary_`
  std::vector<double> cumulative_;                 // share of records up to each cluster
};

// The numbers of the `k` records nearest to `query` (squared L2), nearest first, among `records`.
std::vector<uint32_t> Nearest(const std::vector<Vector>& records, const Vector& query, size_t k);

struct Difficulty {
  double local_dimension;  // maximum-likelihood estimate from the 100 nearest
  double contrast;         // mean distance over nearest distance
};
Difficulty MeasureDifficulty(const std::vector<Vector>& records,
                             const std::vector<Vector>& queries);

}  // namespace pannier::bench

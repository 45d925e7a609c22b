// Generated records of any number: clustered vectors with documents and metadata, the same bytes on
// every machine for one seed. Any record is made on its own, so a program holds only what it sends.
//
// 32 topics spread over clusters of about 400 records with Zipf sizes; each cluster stretches along
// `local_dimensions` of a shared dictionary of directions, with falling weight, plus noise and an
// offset common to all; then normalised. More local dimensions make neighbours harder to tell
// apart.
// Threads: const calls from any.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "tests/bench/dataset.h"

namespace pannier::bench {

class GeneratedData final : public Dataset {
 public:
  struct Options {
    uint64_t seed = 42;
    uint32_t records = 10'000;
    uint32_t dimension = 384;
    uint32_t local_dimensions = 96;
    uint32_t document_bytes = 1024;
  };
  explicit GeneratedData(const Options& options);

  Vector RecordVector(uint64_t record) const override { return Make(record, 1); }
  Vector QueryVector(uint64_t query) const override { return Make(query, 2); }
  // Words, `document_bytes` long.
  std::string Document(uint64_t record) const override;
  // {"uniform":0..999,"cluster":…,"language":"en","score":0.5}; uniform is what filters select by.
  std::string Metadata(uint64_t record) const override;

 private:
  uint32_t ClusterOf(uint64_t item, uint64_t stream) const;
  Vector Make(uint64_t item, uint64_t stream) const;

  const Options options_;
  std::vector<Vector> dictionary_;
  std::vector<Vector> centres_;                    // of clusters
  std::vector<std::vector<uint32_t>> directions_;  // of each cluster, in `dictionary_`
  std::vector<double> cumulative_;                 // share of records up to each cluster
};

}  // namespace pannier::bench

// The records of the benchmarks, whatever they come from: generated (generated_data.h), or real
// texts and their embeddings (text_data.h). Threads: const calls from any.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace pannier::bench {

using Vector = std::vector<float>;

class Dataset {
 public:
  virtual ~Dataset() = default;
  virtual Vector RecordVector(uint64_t record) const = 0;
  // Of the same law, but no record.
  virtual Vector QueryVector(uint64_t query) const = 0;
  // As JSON.
  virtual std::string Document(uint64_t record) const = 0;
  virtual std::string Metadata(uint64_t record) const = 0;
  static std::string Id(uint64_t record) { return "record-" + std::to_string(record); }
};

}  // namespace pannier::bench

// Real texts with their embeddings, from the folder that texts.py makes.
// Threads: const calls from any.
#pragma once

#include <string>
#include <vector>

#include "tests/bench/dataset.h"

namespace pannier::bench {

class TextData final : public Dataset {
 public:
  // The first `records` of them; fewer, and the program ends (Fail()).
  TextData(const std::string& folder, uint32_t records, uint32_t dimension);

  // Those behind the last begin anew.
  Vector RecordVector(uint64_t record) const override { return Row(vectors_, record); }
  Vector QueryVector(uint64_t query) const override { return Row(queries_, query); }
  std::string Document(uint64_t record) const override {
    return documents_[record % documents_.size()];
  }
  std::string Metadata(uint64_t record) const override {
    return metadatas_[record % metadatas_.size()];
  }

 private:
  Vector Row(const Vector& rows, uint64_t row) const;

  const uint32_t dimension_;
  Vector vectors_, queries_;  // row by row
  std::vector<std::string> documents_, metadatas_;
};

}  // namespace pannier::bench

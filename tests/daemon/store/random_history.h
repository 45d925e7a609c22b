// Random records, selections and requests over a few ids, keys and words, so that they meet.
// Vectors are small whole numbers: squared distances and dot products are exact.
// Threads: one.
#pragma once

#include "daemon/model/records.h"
#include "tests/daemon/store/fixture.h"
#include "tests/support/torture.h"

namespace pannier::store {

class RandomHistory {
 public:
  explicit RandomHistory(uint64_t seed) : random_(seed) {}
  test::Random& random() { return random_; }

  std::vector<float> Vector(uint32_t dimension);
  // Update: parts may be missing.
  Record SomeRecord(model::WriteKind kind, uint32_t dimension);
  std::vector<Record> SomeRecords(model::WriteKind kind, uint32_t dimension);
  model::Selection SomeSelection();
  std::string SomeId() { return "id" + std::to_string(random_.Below(24)); }

 private:
  model::MetadataValue SomeValue(bool may_be_null);
  model::Metadata SomeMetadata(bool may_have_nulls);
  model::Scalar SomeScalar();
  model::Filter SomeFilter(int depth);
  model::Filter SomeLeaf();

  test::Random random_;
};

}  // namespace pannier::store

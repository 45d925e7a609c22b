// The k nearest rows by looking at every one that counts.
// Threads: any; a TopK belongs to one.
#pragma once

#include <cstdint>
#include <limits>
#include <vector>

#include "daemon/index/vector_index.h"
#include "daemon/index/vector_rows.h"

namespace pannier::index {

// The order of every answer: nearer first, then insertion order.
inline bool Nearer(const Neighbor& a, const Neighbor& b) {
  return a.distance != b.distance ? a.distance < b.distance : a.record < b.record;
}

// Keeps the k nearest of what it is offered, whatever the order of offers. Never twice the same
// record, please.
class TopK {
 public:
  explicit TopK(uint32_t k) : k_(k) {}
  void Offer(Neighbor neighbor);
  bool full() const { return heap_.size() >= k_; }
  // What is farther than this cannot enter.
  float limit() const {
    return full() && k_ > 0 ? heap_.front().distance : std::numeric_limits<float>::infinity();
  }
  // Ascending; leaves it empty.
  std::vector<Neighbor> Take();

 private:
  uint32_t k_;
  std::vector<Neighbor> heap_;  // the farthest on top
};

// Both scans read the codes of all their rows, and the floats of those only that the codes' bound
// cannot rule out: the answer is the same as if all floats had been read. They return how many
// distances, by codes or by floats, were computed.

// Offers all visible rows from `begin` on, of allowed records only when `allowed` is given.
uint64_t ScanRows(const VectorRows& rows, const VersionedRows::Look& look, uint32_t begin,
                  const RecordSet* allowed, const QueryDistance& distance, TopK* top);
// Offers the visible rows of the allowed records, found one by one: what ScanRows from 0 finds, at
// a cost that depends on the set alone.
uint64_t ScanAllowed(const VectorRows& rows, const VersionedRows::Look& look,
                     const RecordSet& allowed, const QueryDistance& distance, TopK* top);

}  // namespace pannier::index

// The k nearest rows by looking at every one that counts.
// Threads: any; a TopK belongs to one.
#pragma once

#include <cstdint>
#include <limits>
#include <span>
#include <vector>

#include "daemon/index/record_bits.h"
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

// One of the queries that a scan serves. Lifetime: what it points to outlives the scan.
struct ScanTarget {
  const QueryDistance* distance;
  TopK* top;
  uint64_t* computed;  // grows by the distances, by codes or by floats, that were computed
};

// Both scans read the codes of all their rows, and the floats of those only that the codes' bound
// cannot rule out: the answer is the same as if all floats had been read. Rows are found once and
// their codes brought near once, whatever the number of queries.

// Offers all visible rows from `begin` on, of allowed records only when `allowed` is given.
void ScanRows(const VectorRows& rows, const VersionedRows::Look& look, uint32_t begin,
              const RecordBits* allowed, std::span<const ScanTarget> targets);
// Offers the visible rows of the allowed records, found one by one: what ScanRows from 0 finds, at
// a cost that depends on the set alone.
void ScanAllowed(const VectorRows& rows, const VersionedRows::Look& look, const RecordSet& allowed,
                 std::span<const ScanTarget> targets);

}  // namespace pannier::index

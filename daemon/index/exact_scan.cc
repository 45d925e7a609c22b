#include "daemon/index/exact_scan.h"

#include <algorithm>

namespace pannier::index {

void TopK::Offer(Neighbor neighbor) {
  if (heap_.size() < k_) {
    heap_.push_back(neighbor);
    if (heap_.size() == k_) std::make_heap(heap_.begin(), heap_.end(), Nearer);
    return;
  }
  if (k_ == 0 || !Nearer(neighbor, heap_.front())) return;
  std::pop_heap(heap_.begin(), heap_.end(), Nearer);
  heap_.back() = neighbor;
  std::push_heap(heap_.begin(), heap_.end(), Nearer);
}

std::vector<Neighbor> TopK::Take() {
  std::sort(heap_.begin(), heap_.end(), Nearer);
  return std::move(heap_);
}

uint64_t ScanRows(const VectorRows& rows, const VersionedRows::Look& look, uint32_t begin,
                  const RecordSet* allowed, const QueryDistance& distance, TopK* top) {
  const VersionedRows& versions = rows.versions();
  uint64_t computed = 0;
  for (uint32_t row = begin; row < look.end; ++row) {
    if (!versions.VisibleBelowEnd(look, row)) continue;
    const RecordNumber record = versions.RecordOf(row);
    if (allowed != nullptr && !allowed->Contains(record)) continue;
    top->Offer({record, distance(row)});
    ++computed;
  }
  return computed;
}

uint64_t ScanAllowed(const VectorRows& rows, const VersionedRows::Look& look,
                     const RecordSet& allowed, const QueryDistance& distance, TopK* top) {
  uint64_t computed = 0;
  allowed.ForEach([&](RecordNumber record) {
    const uint32_t row = rows.versions().Find(look, record);
    if (row == kNoRow) return true;
    top->Offer({record, distance(row)});
    ++computed;
    return true;
  });
  return computed;
}

}  // namespace pannier::index

#include "daemon/index/exact_scan.h"

#include <algorithm>
#include <array>

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

namespace {

// Gathers rows and weighs them a block at a time, so that the codes of a block are read in one go
// and its most promising rows tighten the limit for the others.
class CodedScan {
 public:
  CodedScan(const VectorRows& rows, const QueryDistance& distance, TopK* top)
      : rows_(rows), codes_(*rows.codes()), distance_(distance), top_(*top) {}

  void Add(uint32_t row) {
    block_[size_++] = row;
    if (size_ == kBlock) Flush();
  }
  // Call once after the last Add(). Returns how many distances were computed.
  uint64_t Finish() {
    Flush();
    return computed_;
  }

 private:
  static constexpr size_t kBlock = Codes::kManyMax;
  struct Candidate {
    float bound;
    uint32_t row;
    bool operator<(const Candidate& other) const { return bound < other.bound; }
  };

  void Flush() {
    size_t count = 0;
    const float limit = top_.limit();
    codes_.LowerBounds(distance_.coded(), {block_.data(), size_}, bounds_.data());
    for (size_t i = 0; i < size_; ++i) {
      if (bounds_[i] <= limit) candidates_[count++] = {bounds_[i], block_[i]};
    }
    computed_ += size_;
    size_ = 0;
    std::sort(candidates_.begin(), candidates_.begin() + count);
    for (size_t i = 0; i < count && candidates_[i].bound <= top_.limit(); ++i) {
      const uint32_t row = candidates_[i].row;
      top_.Offer({rows_.versions().RecordOf(row), distance_(row)});
      ++computed_;
    }
  }

  const VectorRows& rows_;
  const Codes& codes_;
  const QueryDistance& distance_;
  TopK& top_;
  size_t size_ = 0;
  uint64_t computed_ = 0;
  std::array<uint32_t, kBlock> block_;
  std::array<float, kBlock> bounds_;
  std::array<Candidate, kBlock> candidates_;
};

}  // namespace

uint64_t ScanRows(const VectorRows& rows, const VersionedRows::Look& look, uint32_t begin,
                  const RecordSet* allowed, const QueryDistance& distance, TopK* top) {
  CodedScan scan(rows, distance, top);
  rows.versions().ForEachVisible(look, begin, [&](uint32_t row, RecordNumber record) {
    if (allowed == nullptr || allowed->Contains(record)) scan.Add(row);
  });
  return scan.Finish();
}

uint64_t ScanAllowed(const VectorRows& rows, const VersionedRows::Look& look,
                     const RecordSet& allowed, const QueryDistance& distance, TopK* top) {
  CodedScan scan(rows, distance, top);
  allowed.ForEach([&](RecordNumber record) {
    const uint32_t row = rows.versions().Find(look, record);
    if (row != kNoRow) scan.Add(row);
    return true;
  });
  return scan.Finish();
}

}  // namespace pannier::index

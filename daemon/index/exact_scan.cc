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
  CodedScan(const VectorRows& rows, std::span<const ScanTarget> targets)
      : rows_(rows), codes_(*rows.codes()), targets_(targets) {}

  // Codes of rows that lie apart come slowly: they are on their way while others are gathered.
  void Add(uint32_t row) {
    codes_.Prefetch(row);
    block_[size_++] = row;
    if (size_ == kBlock) Flush();
  }
  // Call once after the last Add().
  void Finish() { Flush(); }

 private:
  static constexpr size_t kBlock = Codes::kManyMax;
  struct Candidate {
    float bound;
    uint32_t row;
    bool operator<(const Candidate& other) const { return bound < other.bound; }
  };

  void Flush() {
    for (const ScanTarget& target : targets_) Weigh(target);
    size_ = 0;
  }

  void Weigh(const ScanTarget& target) {
    const QueryDistance& distance = *target.distance;
    TopK& top = *target.top;
    size_t count = 0;
    const float limit = top.limit();
    codes_.LowerBounds(distance.coded(), {block_.data(), size_}, bounds_.data());
    for (size_t i = 0; i < size_; ++i) {
      if (bounds_[i] <= limit) candidates_[count++] = {bounds_[i], block_[i]};
    }
    *target.computed += size_;
    std::sort(candidates_.begin(), candidates_.begin() + count);
    for (size_t i = 0; i < count && candidates_[i].bound <= top.limit(); ++i) {
      const uint32_t row = candidates_[i].row;
      top.Offer({rows_.versions().RecordOf(row), distance(row)});
      ++*target.computed;
    }
  }

  const VectorRows& rows_;
  const Codes& codes_;
  const std::span<const ScanTarget> targets_;
  size_t size_ = 0;
  std::array<uint32_t, kBlock> block_;
  std::array<float, kBlock> bounds_;
  std::array<Candidate, kBlock> candidates_;
};

}  // namespace

void ScanRows(const VectorRows& rows, const VersionedRows::Look& look, uint32_t begin,
              const RecordBits* allowed, std::span<const ScanTarget> targets) {
  CodedScan scan(rows, targets);
  rows.versions().ForEachVisible(look, begin, [&](uint32_t row, RecordNumber record) {
    if (allowed == nullptr || allowed->Contains(record)) scan.Add(row);
  });
  scan.Finish();
}

void ScanAllowed(const VectorRows& rows, const VersionedRows::Look& look, const RecordSet& allowed,
                 std::span<const ScanTarget> targets) {
  CodedScan scan(rows, targets);
  for (const RecordNumber record : allowed.ToVector()) {
    const uint32_t row = rows.versions().Find(look, record);
    if (row != kNoRow) scan.Add(row);
  }
  scan.Finish();
}

}  // namespace pannier::index

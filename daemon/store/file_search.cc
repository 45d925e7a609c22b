#include "daemon/store/file_search.h"

#include <algorithm>
#include <limits>
#include <memory>

namespace pannier::store {
namespace {

constexpr uint64_t kChunkBytes = 8 << 20;
constexpr index::Sequence kOnly = 1;

bool Nearer(const index::Neighbor& a, const index::Neighbor& b) {
  return a.distance != b.distance ? a.distance < b.distance : a.record < b.record;
}

// Gathers rows until they are worth a search, and keeps the best of all searches.
class ChunkedSearch {
 public:
  ChunkedSearch(index::VectorIndex::Options options, std::span<const float> queries, uint32_t k,
                ReadPace& pace)
      : options_(options),
        queries_(queries),
        k_(k),
        pace_(pace),
        best_(queries.size() / options.dimension) {
    options_.graph_threshold = std::numeric_limits<uint32_t>::max();
    rows_max_ = std::max<uint64_t>(1, kChunkBytes / (options.dimension * sizeof(float)));
  }

  Status Add(const Row& row) {
    if (chunk_ == nullptr) chunk_ = std::make_unique<index::VectorIndex>(options_);
    chunk_->Put(kOnly, row.number, row.vector);
    return ++rows_ == rows_max_ ? SearchChunk() : Status();
  }

  Result<std::vector<std::vector<index::Neighbor>>> Finish() {
    if (rows_ > 0) TRY(SearchChunk());
    return std::move(best_);
  }

 private:
  Status SearchChunk() {
    chunk_->Commit(kOnly);
    const index::VectorIndex::View view = chunk_->At(kOnly).value();
    for (size_t q = 0; q < best_.size(); ++q) {
      TRY(pace_.Look());
      const auto query = queries_.subspan(q * options_.dimension, options_.dimension);
      index::SearchReport report;
      const auto found = view.Search({query, k_, nullptr, k_}, &report);
      std::vector<index::Neighbor> merged;
      std::merge(best_[q].begin(), best_[q].end(), found.begin(), found.end(),
                 std::back_inserter(merged), Nearer);
      if (merged.size() > k_) merged.resize(k_);
      best_[q] = std::move(merged);
    }
    chunk_.reset();
    rows_ = 0;
    return {};
  }

  index::VectorIndex::Options options_;
  const std::span<const float> queries_;
  const uint32_t k_;
  ReadPace& pace_;
  uint64_t rows_max_ = 1;
  uint64_t rows_ = 0;
  std::unique_ptr<index::VectorIndex> chunk_;
  std::vector<std::vector<index::Neighbor>> best_;
};

}  // namespace

Result<std::vector<std::vector<index::Neighbor>>> SearchRows(
    RecordTable& table, const index::VectorIndex::Options& options, std::span<const float> queries,
    uint32_t k, const index::RecordSet* allowed, ReadPace& pace) {
  ChunkedSearch search(options, queries, k, pace);
  const auto add = [&](const Row& row) -> Status {
    TRY(pace.Next());
    if (row.vector.empty() || (allowed != nullptr && !allowed->Contains(row.number))) return {};
    if (row.vector.size() != options.dimension)
      return Corruption("a vector has the wrong dimension");
    return search.Add(row);
  };
  TRY(table.Scan(Columns::kVectorOnly, INT64_MAX, 0, add));
  return search.Finish();
}

}  // namespace pannier::store

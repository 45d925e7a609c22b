// The vectors of one collection between two compactions: versioned rows of floats, and the distance
// from a query to a row. Inner part of VectorIndex. Threads: as VersionedRows.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "daemon/index/chunked_array.h"
#include "daemon/index/codes.h"
#include "daemon/index/distance.h"
#include "daemon/index/vector_source.h"
#include "daemon/index/versioned_rows.h"
#include "daemon/model/collection.h"

namespace pannier::index {

// Scales a vector to unit length and returns its inverse norm. Zero vectors stay zero and get 0. A
// norm so large or small that float products would lose its digits gets NaN: distances to it are
// then computed in double precision.
float InverseNorm(std::span<const float> vector);
// `vector` scaled to unit length in double precision; zero stays zero.
std::vector<float> Normalized(std::span<const float> vector);

class VectorRows {
 public:
  VectorRows(model::Space space, uint32_t dimension);

  void Put(Sequence at, RecordNumber record, std::span<const float> vector);

  // Rows below `count` as of `look`: to a saved index, and from it, as the first rows here, of
  // sequence `at`. Loaded rows have codes only, until FillFloats() gives them theirs.
  Status Save(const VersionedRows::Look& look, ByteSink& sink) const;
  Status Load(Sequence at, ByteSource& source);
  // The floats of a loaded row that has none yet. Threads: one at a time; readers go on.
  void FillFloats(uint32_t row, std::span<const float> vector);
  bool HasFloats(uint32_t row) const {
    if (row >= loaded_) return true;
    return (filled_[row / 64].load(std::memory_order_acquire) >> (row % 64) & 1) != 0;
  }
  uint32_t loaded() const { return loaded_; }  // rows below came from a saved index

  VersionedRows& versions() { return versions_; }
  const VersionedRows& versions() const { return versions_; }
  std::span<const float> Vector(uint32_t row) const { return {vectors_[row], dimension_}; }
  float inverse_norm(uint32_t row) const { return *inverse_norms_[row]; }  // cosine only
  // By row. Shared, because a graph goes on using the codes it was built of after a compaction.
  const std::shared_ptr<Codes>& codes() const { return codes_; }
  model::Space space() const { return space_; }
  uint32_t dimension() const { return dimension_; }
  uint64_t bytes() const {
    return versions_.bytes() + vectors_.bytes() + inverse_norms_.bytes() + codes_->bytes();
  }

 private:
  const model::Space space_;
  const uint32_t dimension_;
  VersionedRows versions_;
  ChunkedArray<float> vectors_;
  ChunkedArray<float> inverse_norms_;
  const std::shared_ptr<Codes> codes_;
  uint32_t loaded_ = 0;
  std::unique_ptr<std::atomic<uint64_t>[]> filled_;  // a bit for each of them: it has floats
};

// Chroma's distance from one query to rows: what every plan ends with, so that all give the same
// numbers. Floats that are not in memory come from `floats`, needed when some may not be; what it
// fails to give is at +infinity. A result beyond float's range is +infinity, which sorts last;
// never NaN. Lifetime: `rows` and the query outlive it.
class QueryDistance {
 public:
  QueryDistance(const VectorRows& rows, std::span<const float> query,
                VectorSource* floats = nullptr);
  float operator()(uint32_t row) const;
  const CodedQuery& coded() const { return coded_; }
  void Prefetch(uint32_t row) const {
    if (!rows_.HasFloats(row)) return;
    const std::span<const float> vector = rows_.Vector(row);
    for (size_t i = 0; i < vector.size() && i < 512; i += 16) __builtin_prefetch(&vector[i]);
  }

 private:
  float Of(std::span<const float> vector, float inverse_norm) const;
  float Precise(std::span<const float> vector) const;

  const VectorRows& rows_;
  const Kernels kernels_;
  const std::span<const float> query_;
  std::vector<float> unit_query_;  // cosine only
  CodedQuery coded_;
  VectorSource* const floats_;
  mutable std::vector<float> fetched_;
};

}  // namespace pannier::index

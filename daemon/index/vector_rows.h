// The vectors of one collection between two compactions: versioned rows of floats, and the distance
// from a query to a row. Inner part of VectorIndex. Threads: as VersionedRows.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "daemon/index/chunked_array.h"
#include "daemon/index/codes.h"
#include "daemon/index/distance.h"
#include "daemon/index/float_rows.h"
#include "daemon/index/prefetch.h"
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
  VectorRows(model::Space space, uint32_t dimension, Scratch scratch = {});

  void Put(Sequence at, RecordNumber record, std::span<const float> vector);

  // Rows below `count` as of `look`: to a saved index, and from it, as the first rows here, of
  // sequence `at`. Loaded rows have codes only, until FillFloats() gives them theirs.
  Status Save(const VersionedRows::Look& look, ByteSink& sink) const;
  Status Load(Sequence at, ByteSource& source);
  // The floats of a loaded row that has none yet; false: they cannot be kept now. Threads: one at a
  // time; readers go on.
  bool FillFloats(uint32_t row, std::span<const float> vector);
  uint32_t loaded() const { return floats_.absent(); }  // rows below came from a saved index
  const FloatRows& floats() const { return floats_; }

  VersionedRows& versions() { return versions_; }
  const VersionedRows& versions() const { return versions_; }
  float inverse_norm(uint32_t row) const { return *inverse_norms_[row]; }  // cosine only
  // By row. Shared, because a graph goes on using the codes it was built of after a compaction.
  const std::shared_ptr<Codes>& codes() const { return codes_; }
  model::Space space() const { return space_; }
  uint32_t dimension() const { return dimension_; }
  uint64_t bytes() const {
    return versions_.bytes() + floats_.bytes() + inverse_norms_.bytes() + codes_->bytes();
  }

 private:
  const model::Space space_;
  const uint32_t dimension_;
  VersionedRows versions_;
  FloatRows floats_;
  ChunkedArray<float> inverse_norms_;
  const std::shared_ptr<Codes> codes_;
};

// Chroma's distance from one query to rows: what every plan ends with, so that all give the same
// numbers. Floats that `rows` do not have, or cannot read, come from `floats`, needed when some may
// be missing; what cannot be had is at +infinity. A result beyond float's range is +infinity, which
// sorts last; never NaN. Lifetime: `rows` and the query outlive it.
class QueryDistance {
 public:
  QueryDistance(const VectorRows& rows, std::span<const float> query,
                VectorSource* floats = nullptr);
  float operator()(uint32_t row) const;
  const CodedQuery& coded() const { return coded_; }
  // `floats` was needed for some, and there was none.
  bool missed() const { return missed_; }
  void Prefetch(uint32_t row) const {
    const float* vector = rows_.floats().InMemory(row);
    if (vector == nullptr) return;
    for (size_t i = 0; i < query_.size() && i < 512; i += 16) PrefetchLine(&vector[i]);
  }

 private:
  float Of(std::span<const float> vector, float inverse_norm) const;
  float Precise(std::span<const float> vector) const;
  float InverseNormOf(uint32_t row) const;

  const VectorRows& rows_;
  const Kernels kernels_;
  const std::span<const float> query_;
  std::vector<float> unit_query_;  // cosine only
  CodedQuery coded_;
  VectorSource* const floats_;
  mutable std::vector<float> fetched_;
  mutable bool missed_ = false;
};

}  // namespace pannier::index

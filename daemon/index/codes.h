// Vectors as eight-bit codes with one scale each: a quarter of the bytes to read, and how wrong
// they can be.
//
// A vector x is kept as scale·c + e with whole c in [-127, 127]; the length of the error e is
// measured when it is encoded. For a query q = t·d + f of the same form, the products differ by at
// most |x̂||f| + |e||q| (Cauchy-Schwarz), so a distance from codes comes with a bound that holds,
// rounding included: what is farther by more than that cannot be among the nearest, whatever the
// data. Everything else is looked at as floats. Under cosine all is of unit vectors.
//
// A vector whose magnitude leaves float arithmetic unsafe has an infinite bound: it is always
// looked at as floats. Threads: as ChunkedArray: Put() from one thread, rows of committed sequences
// from any.
#pragma once

#include <cstdint>
#include <limits>
#include <span>
#include <vector>

#include "daemon/index/byte_stream.h"
#include "daemon/index/chunked_array.h"
#include "daemon/index/code_kernels.h"
#include "daemon/index/prefetch.h"
#include "daemon/model/collection.h"

namespace pannier::index {

// What goes with a code, of a query; of a row it is kept in two parts, since a walk needs the
// factors only.
struct CodeHead {
  float scale = 0;
  float error = 0;  // at least |e|; infinite when codes say nothing
  float norm = 0;   // |x|
  int32_t sum = 0;  // of c, for products of two codes
};

// A vector that codes are compared with.
struct CodedQuery {
  std::vector<int8_t> code;
  CodeHead head;
};

class Codes {
 public:
  Codes(model::Space space, uint32_t dimension);

  // `inverse_norm` as InverseNorm() gives it; used under cosine only.
  void Put(uint32_t row, std::span<const float> vector, float inverse_norm);

  // Rows below `count`: to a saved index, and from it, as the first rows here.
  Status Save(uint32_t count, ByteSink& sink) const;
  Status Load(uint32_t count, ByteSource& source);

  // `query` as floats, of unit length under cosine.
  CodedQuery Encode(std::span<const float> query) const;
  // The vector of a row as a query: what a builder compares others with.
  void Decode(uint32_t row, CodedQuery* query) const;

  // The distance by codes alone; clamped to nothing.
  float Distance(const CodedQuery& query, uint32_t row) const {
    return DistanceOf(query.head, *factors_[row], Dot(query, row));
  }
  // Distances of several rows, at most kManyMax.
  void Distances(const CodedQuery& query, std::span<const uint32_t> rows, float* distances) const;
  // How far Distance() may well be from the truth: some standard deviations, if errors of elements
  // are independent. No bound.
  float Doubt(const CodedQuery& query, uint32_t row) const {
    const float error = rests_[row]->error, norm = factors_[row]->norm;
    return (error * query.head.norm + norm * query.head.error) * doubt_;
  }
  // Brings what the distance to a row needs nearer to the CPU.
  void Prefetch(uint32_t row) const {
    PrefetchLine(factors_[row]);
    const uint8_t* code = codes_[row];
    for (size_t i = 0; i < codes_.width() && i < kPrefetchMax; i += 64) {
      PrefetchLine(code + i);
    }
  }
  // At most the distances that QueryDistance computes.
  void LowerBounds(const CodedQuery& query, std::span<const uint32_t> rows, float* bounds) const;
  static constexpr size_t kManyMax = 256;

  const uint8_t* code(uint32_t row) const { return codes_[row]; }
  size_t padded() const { return codes_.width(); }
  model::Space space() const { return space_; }
  uint64_t bytes() const { return codes_.bytes() + factors_.bytes() + rests_.bytes(); }

 private:
  // A head's parts.
  struct Factors {
    float scale, norm;
  };
  struct Rest {
    float error;
    int32_t sum;
  };
  void SetHead(uint32_t row, const CodeHead& head) {
    *factors_[row] = {head.scale, head.norm};
    *rests_[row] = {head.error, head.sum};
  }
  CodeHead HeadOf(uint32_t row) const {
    const Factors& factors = *factors_[row];
    const Rest& rest = *rests_[row];
    return {factors.scale, rest.error, factors.norm, rest.sum};
  }

  float Dot(const CodedQuery& query, uint32_t row) const {
    return Product(query, *factors_[row],
                   kernels_.dot(codes_[row], query.code.data(), codes_.width()));
  }
  static float Product(const CodedQuery& query, const Factors& row, int32_t raw) {
    // Codes have 128 for zero: take out what that added.
    return static_cast<float>(raw - 128 * query.head.sum) * (query.head.scale * row.scale);
  }
  // Beyond this the CPU's own prefetcher has understood.
  static constexpr size_t kPrefetchMax = 1024;
  // The raw products of rows with the query.
  void DotMany(const CodedQuery& query, std::span<const uint32_t> rows, int32_t* sums) const;
  float DistanceOf(const CodeHead& query, const Factors& row, float dot) const {
    return is_l2_ ? row.norm * row.norm + query.norm * query.norm - 2 * dot : 1.0f - dot;
  }

  const model::Space space_;
  const bool is_l2_;
  const uint32_t dimension_;
  const CodeKernels kernels_;
  const float rounding_;  // of a float sum over the dimension, relative to the norms
  const float doubt_;     // of a distance, relative to the sum of both errors' bounds
  ChunkedArray<uint8_t> codes_;
  ChunkedArray<Factors> factors_;
  ChunkedArray<Rest> rests_;
};

}  // namespace pannier::index

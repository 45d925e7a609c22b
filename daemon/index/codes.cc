#include "daemon/index/codes.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>

#include "lib/core/check.h"

namespace pannier::index {
namespace {

constexpr float kInfinity = std::numeric_limits<float>::infinity();
// Outside of these, squares or products of floats lose digits or overflow.
constexpr float kNormMin = 1e-15f;
constexpr float kNormMax = 1e15f;
constexpr int32_t kCodeMax = 127;
constexpr size_t kLanes = 16;  // independent sums, so that the compiler can use vectors

template <typename Term>
float SumOf(size_t count, Term term) {
  float sums[kLanes] = {};
  size_t i = 0;
  for (; i + kLanes <= count; i += kLanes) {
    for (size_t j = 0; j < kLanes; ++j) sums[j] += term(i + j);
  }
  for (; i < count; ++i) sums[i % kLanes] += term(i);
  float sum = 0;
  for (const float s : sums) sum += s;
  return sum;
}

float LargestMagnitude(std::span<const float> vector) {
  float largest[kLanes] = {};
  size_t i = 0;
  for (; i + kLanes <= vector.size(); i += kLanes) {
    for (size_t j = 0; j < kLanes; ++j) {
      largest[j] = std::max(largest[j], std::abs(vector[i + j]));
    }
  }
  for (; i < vector.size(); ++i) largest[0] = std::max(largest[0], std::abs(vector[i]));
  return *std::max_element(largest, largest + kLanes);
}

// Writes c of `vector` into `code` (signed) and returns its head.
CodeHead Quantize(std::span<const float> vector, int8_t* code) {
  CodeHead head;
  const float largest = LargestMagnitude(vector);
  // Zero is exact. The bounds leave room for the norm to be up to 256 times the largest element
  // (65,536 dimensions).
  if (largest == 0) {
    std::fill_n(code, vector.size(), int8_t{0});
    return head;
  }
  if (!(largest >= kNormMin && largest <= kNormMax)) {
    std::fill_n(code, vector.size(), int8_t{0});
    head.error = kInfinity;
    return head;
  }
  head.scale = largest / kCodeMax;
  const float inverse = kCodeMax / largest;
  int32_t sum = 0;
  for (size_t i = 0; i < vector.size(); ++i) {
    // Rounds half away from zero; the half added never carries past 127 by more than rounding.
    const float scaled = vector[i] * inverse;
    const auto whole = static_cast<int32_t>(scaled + std::copysign(0.5f, scaled));
    const int32_t c = std::clamp(whole, -kCodeMax, kCodeMax);
    code[i] = static_cast<int8_t>(c);
    sum += c;
  }
  head.sum = sum;
  const float scale = head.scale;
  const float errors = SumOf(vector.size(), [&](size_t i) {
    const float e = vector[i] - scale * static_cast<float>(code[i]);
    return e * e;
  });
  // A thousandth more than the sum's own rounding could have taken away; and the rounding of each
  // difference.
  head.error = std::sqrt(errors) * 1.001f + largest * 1e-6f;
  head.norm = std::sqrt(SumOf(vector.size(), [&](size_t i) { return vector[i] * vector[i]; }));
  return head;
}

// From signed to unsigned around 128, or back; eight at a time, which the compiler does not do by
// itself. `from` may be `to`; `count` is a multiple of eight.
void FlipSigns(const uint8_t* from, uint8_t* to, size_t count) {
  for (size_t i = 0; i < count; i += sizeof(uint64_t)) {
    uint64_t word;
    std::memcpy(&word, from + i, sizeof(word));
    word ^= 0x8080808080808080u;
    std::memcpy(to + i, &word, sizeof(word));
  }
}

static_assert(kCodePadding % sizeof(uint64_t) == 0);
size_t Padded(uint32_t dimension) {
  return (dimension + kCodePadding - 1) / kCodePadding * kCodePadding;
}

}  // namespace

Codes::Codes(model::Space space, uint32_t dimension)
    : space_(space),
      is_l2_(space == model::Space::kL2),
      dimension_(dimension),
      kernels_(BestCodeKernels()),
      // Any of our kernels adds at most dimension / 4 + 16 numbers in a row, each a rounding of
      // 6e-8; the norms' sums are shorter; a factor of three covers all of it.
      rounding_((static_cast<float>(dimension) / 4 + 16) * 1.8e-7f),
      // The sum of `dimension` independent products: their lengths' product over the root, times
      // four; twice that for l2.
      doubt_((space == model::Space::kL2 ? 8.0f : 4.0f) / std::sqrt(static_cast<float>(dimension))),
      codes_(Padded(dimension)) {}

void Codes::Put(uint32_t row, std::span<const float> vector, float inverse_norm) {
  CHECK(vector.size() == dimension_);
  codes_.Extend(row + 1);
  factors_.Extend(row + 1);
  rests_.Extend(row + 1);
  uint8_t* code = codes_[row];
  CodeHead head = Quantize(vector, reinterpret_cast<int8_t*>(code));
  std::fill(code + dimension_, code + codes_.width(), uint8_t{0});
  FlipSigns(code, code, codes_.width());
  if (space_ == model::Space::kCosine && head.norm > 0) {
    head.scale *= inverse_norm;
    head.error *= inverse_norm * 1.001f;
    head.norm = 1;
    if (!std::isfinite(head.scale)) head.error = kInfinity;
    if (!std::isfinite(head.error)) head = {.scale = 0, .error = kInfinity, .norm = 1, .sum = 0};
  }
  SetHead(row, head);
}

Status Codes::Save(uint32_t count, ByteSink& sink) const {
  std::vector<CodeHead> heads;
  for (uint32_t row = 0; row < count;) {
    const uint32_t run = std::min(count - row, ChunkedArray<uint8_t>::RunLength(row));
    TRY(sink.WriteArray(codes_[row], run * codes_.width()));
    heads.resize(run);
    for (uint32_t i = 0; i < run; ++i) heads[i] = HeadOf(row + i);
    TRY(sink.WriteArray(heads.data(), run));
    row += run;
  }
  return {};
}

Status Codes::Load(uint32_t count, ByteSource& source) {
  codes_.ExtendUnset(count);
  factors_.ExtendUnset(count);
  rests_.ExtendUnset(count);
  std::vector<CodeHead> heads;
  for (uint32_t row = 0; row < count;) {
    const uint32_t run = std::min(count - row, ChunkedArray<uint8_t>::RunLength(row));
    TRY(source.ReadArray(codes_[row], run * codes_.width()));
    heads.resize(run);
    TRY(source.ReadArray(heads.data(), run));
    for (uint32_t i = 0; i < run; ++i) SetHead(row + i, heads[i]);
    row += run;
  }
  return {};
}

CodedQuery Codes::Encode(std::span<const float> query) const {
  CodedQuery coded;
  coded.code.assign(codes_.width(), 0);
  coded.head = Quantize(query, coded.code.data());
  return coded;
}

void Codes::Decode(uint32_t row, CodedQuery* query) const {
  query->code.resize(codes_.width());
  FlipSigns(codes_[row], reinterpret_cast<uint8_t*>(query->code.data()), codes_.width());
  query->head = HeadOf(row);
}

void Codes::DotMany(const CodedQuery& query, std::span<const uint32_t> rows, int32_t* sums) const {
  CHECK(rows.size() <= kManyMax);
  std::array<const uint8_t*, kManyMax> codes;
  for (size_t i = 0; i < rows.size(); ++i) codes[i] = codes_[rows[i]];
  kernels_.dot_many(codes.data(), rows.size(), query.code.data(), codes_.width(), sums);
}

void Codes::Distances(const CodedQuery& query, std::span<const uint32_t> rows,
                      float* distances) const {
  std::array<int32_t, kManyMax> sums;
  DotMany(query, rows, sums.data());
  for (size_t i = 0; i < rows.size(); ++i) {
    const Factors& x = *factors_[rows[i]];
    distances[i] = DistanceOf(query.head, x, Product(query, x, sums[i]));
  }
}

void Codes::LowerBounds(const CodedQuery& query, std::span<const uint32_t> rows,
                        float* bounds) const {
  std::array<int32_t, kManyMax> sums;
  DotMany(query, rows, sums.data());
  const CodeHead& q = query.head;
  for (size_t i = 0; i < rows.size(); ++i) {
    const Factors& x = *factors_[rows[i]];
    const float error = rests_[rows[i]]->error;
    // The error of the product: of coding the query, of coding the vector, of computing either in
    // floats.
    const float coding = (x.norm + error) * q.error + error * q.norm;
    const float norms = is_l2_ ? (x.norm + q.norm) * (x.norm + q.norm) : x.norm * q.norm + 1;
    const float slack = (is_l2_ ? 2 : 1) * coding * 1.001f + rounding_ * norms;
    const float bound = DistanceOf(q, x, Product(query, x, sums[i])) - slack;
    bounds[i] = bound == bound ? bound : -kInfinity;  // inf - inf: not known to be far
  }
}

}  // namespace pannier::index

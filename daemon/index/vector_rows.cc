#include "daemon/index/vector_rows.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "lib/core/check.h"

namespace pannier::index {
namespace {

// Within these a float product with a unit vector keeps its digits.
constexpr double kNormMin = 1e-15;
constexpr double kNormMax = 1e15;
constexpr size_t kRecordsRead = 64 << 10;  // of a saved index, at a time

double Norm(std::span<const float> v) {
  return std::sqrt(PreciseDot(v.data(), v.data(), v.size()));
}

}  // namespace

float InverseNorm(std::span<const float> vector) {
  const double norm = Norm(vector);
  if (norm == 0) return 0;
  if (!(norm >= kNormMin && norm <= kNormMax)) return std::numeric_limits<float>::quiet_NaN();
  return static_cast<float>(1 / norm);
}

std::vector<float> Normalized(std::span<const float> vector) {
  const double norm = Norm(vector);
  std::vector<float> unit(vector.size(), 0.0f);
  if (norm == 0) return unit;
  std::transform(vector.begin(), vector.end(), unit.begin(),
                 [norm](float x) { return static_cast<float>(static_cast<double>(x) / norm); });
  return unit;
}

VectorRows::VectorRows(model::Space space, uint32_t dimension, Scratch scratch)
    : space_(space),
      dimension_(dimension),
      floats_(dimension, std::move(scratch)),
      codes_(std::make_shared<Codes>(space, dimension)) {
  CHECK(dimension >= 1);
}

void VectorRows::Put(Sequence at, RecordNumber record, std::span<const float> vector) {
  CHECK(vector.size() == dimension_);
  const uint32_t row = versions_.Append(at, record);
  floats_.Append(vector);
  float inverse_norm = 1;
  if (space_ == model::Space::kCosine) {
    inverse_norm = InverseNorm(vector);
    inverse_norms_.Extend(row + 1);
    *inverse_norms_[row] = inverse_norm;
  }
  if (std::isnan(inverse_norm)) {
    codes_->Put(row, Normalized(vector), 1);
  } else {
    codes_->Put(row, vector, inverse_norm);
  }
}

Status VectorRows::Save(const VersionedRows::Look& look, ByteSink& sink) const {
  TRY(sink.WriteArray(&look.end, 1));
  std::vector<RecordNumber> records(look.end, 0);  // 0: dead
  versions_.ForEachVisible(look, 0,
                           [&](uint32_t row, RecordNumber record) { records[row] = record; });
  TRY(sink.WriteArray(records.data(), records.size()));
  return codes_->Save(look.end, sink);
}

Status VectorRows::Load(Sequence at, ByteSource& source) {
  uint32_t count = 0;
  TRY(source.ReadArray(&count, 1));
  if (count >= ChunkedArray<float>::kRowsMax) return Corruption("saved index: too many rows");
  std::vector<RecordNumber> records;
  while (records.size() < count) {  // as they come: the number alone is no reason to take memory
    const size_t had = records.size();
    records.resize(std::min<size_t>(count, had + kRecordsRead));
    TRY(source.ReadArray(records.data() + had, records.size() - had));
  }
  for (const RecordNumber record : records) {
    if (record == 0) {
      versions_.AppendDead(at);
    } else if (versions_.Newest(record) != kNoRow) {
      return Corruption("saved index: a record is in it twice");
    } else {
      versions_.Append(at, record);
    }
  }
  TRY(codes_->Load(count, source));
  floats_.AppendAbsent(count);
  if (space_ == model::Space::kCosine) inverse_norms_.ExtendUnset(count);
  return {};
}

bool VectorRows::FillFloats(uint32_t row, std::span<const float> vector) {
  CHECK(row < loaded());
  if (space_ == model::Space::kCosine) *inverse_norms_[row] = InverseNorm(vector);
  return floats_.Fill(row, vector);
}

QueryDistance::QueryDistance(const VectorRows& rows, std::span<const float> query,
                             VectorSource* floats)
    : rows_(rows), kernels_(BestKernels()), query_(query), floats_(floats) {
  CHECK(query.size() == rows.dimension());
  if (rows.space() == model::Space::kCosine) unit_query_ = Normalized(query);
  coded_ = rows.codes()->Encode(unit_query_.empty() ? query : unit_query_);
}

float QueryDistance::InverseNormOf(uint32_t row) const {
  return rows_.space() == model::Space::kCosine ? rows_.inverse_norm(row) : 1;
}

float QueryDistance::operator()(uint32_t row) const {
  const FloatRows& rows = rows_.floats();
  if (rows.Has(row)) {
    if (const float* memory = rows.InMemory(row)) {
      const float distance = Of({memory, query_.size()}, InverseNormOf(row));
      if (rows.IsStillInMemory(row)) return distance;
    }
    fetched_.resize(query_.size());
    if (rows.Read(row, fetched_)) return Of(fetched_, InverseNormOf(row));
  }
  if (floats_ == nullptr) {
    missed_ = true;
    return std::numeric_limits<float>::infinity();
  }
  fetched_.resize(query_.size());
  if (!floats_->Fetch(rows_.versions().RecordOf(row), fetched_)) {
    return std::numeric_limits<float>::infinity();
  }
  const bool cosine = rows_.space() == model::Space::kCosine;
  return Of(fetched_, cosine ? InverseNorm(fetched_) : 1);
}

float QueryDistance::Of(std::span<const float> row, float inverse_norm) const {
  const float* vector = row.data();
  float distance = 0;
  switch (rows_.space()) {
    case model::Space::kL2:
      distance = kernels_.l2(query_.data(), vector, query_.size());
      break;
    case model::Space::kIp:
      distance = 1.0f - kernels_.dot(query_.data(), vector, query_.size());
      break;
    case model::Space::kCosine: {
      const float cosine = kernels_.dot(unit_query_.data(), vector, query_.size()) * inverse_norm;
      distance = std::isfinite(cosine) ? std::clamp(1.0f - cosine, 0.0f, 2.0f) : cosine;
      break;
    }
  }
  return std::isfinite(distance) ? distance : Precise(row);
}

// Out of float's reach on the way, though perhaps not in the end: 1e30 squared is, the angle
// between two such vectors is not.
float QueryDistance::Precise(std::span<const float> row) const {
  const float* vector = row.data();
  const size_t count = query_.size();
  double distance = 0;
  switch (rows_.space()) {
    case model::Space::kL2:
      distance = PreciseL2(query_.data(), vector, count);
      break;
    case model::Space::kIp:
      distance = 1.0 - PreciseDot(query_.data(), vector, count);
      break;
    case model::Space::kCosine: {
      const double norms = Norm(query_) * Norm(row);
      distance = norms == 0 ? 1.0 : 1.0 - PreciseDot(query_.data(), vector, count) / norms;
      distance = std::clamp(distance, 0.0, 2.0);
      break;
    }
  }
  const bool fits = std::abs(distance) <= static_cast<double>(std::numeric_limits<float>::max());
  return fits ? static_cast<float>(distance) : std::numeric_limits<float>::infinity();
}

}  // namespace pannier::index

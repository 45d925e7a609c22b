#include "daemon/snapshot/sample_queries.h"

#include <algorithm>
#include <cmath>

#include "daemon/index/distance.h"
#include "daemon/store/offline_store.h"

namespace pannier::snapshot {
namespace {

using store::Store;

constexpr size_t kCollectionsMax = 4;
constexpr uint32_t kNeighbours = 5;

model::GetRequest OnlyVectors(std::optional<uint32_t> limit, uint32_t offset) {
  model::GetRequest request;
  request.limit = limit;
  request.offset = offset;
  request.include.embeddings = true;
  return request;
}

// The vector of one record somewhere in the middle; empty when it has none.
Result<std::vector<float>> Probe(Store& store, const contract::ManifestCollection& collection,
                                 const store::CallContext& call) {
  std::vector<float> probe;
  TRY(store.Get(
      collection.id, OnlyVectors(1, static_cast<uint32_t>(collection.records / 2)),
      [&](uint32_t, const model::RecordView& record, float) -> Status {
        probe.assign(record.vector.begin(), record.vector.end());
        return {};
      },
      call));
  return probe;
}

double Distance(model::Space space, std::span<const float> a, const std::vector<float>& b) {
  if (space == model::Space::kL2) return index::PreciseL2(a.data(), b.data(), b.size());
  const double dot = index::PreciseDot(a.data(), b.data(), b.size());
  if (space == model::Space::kIp) return 1 - dot;
  const double norms = std::sqrt(index::PreciseDot(a.data(), a.data(), a.size()) *
                                 index::PreciseDot(b.data(), b.data(), b.size()));
  return norms == 0 ? 1 : 1 - dot / norms;
}

// The nearest distances by walking over all rows.
Result<std::vector<double>> Walk(Store& store, const Uuid& id, model::Space space,
                                 const std::vector<float>& probe, const store::CallContext& call) {
  std::vector<double> distances;
  TRY(store.Get(
      id, OnlyVectors(std::nullopt, 0),
      [&](uint32_t, const model::RecordView& record, float) -> Status {
        if (record.vector.size() == probe.size()) {
          distances.push_back(Distance(space, record.vector, probe));
        }
        return {};
      },
      call));
  std::sort(distances.begin(), distances.end());
  distances.resize(std::min<size_t>(distances.size(), kNeighbours));
  return distances;
}

Status Sample(Store& store, const contract::ManifestCollection& collection,
              const store::CallContext& call) {
  const store::CollectionPtr info = store.FindCollection(collection.id);
  if (!info) return Corruption("collection " + collection.name + " is missing");
  const std::vector<float> probe = TRY(Probe(store, collection, call));
  if (probe.empty()) return {};
  const std::vector<double> wanted = TRY(Walk(store, collection.id, info->hnsw.space, probe, call));
  model::QueryRequest query;
  query.dimension = static_cast<uint32_t>(probe.size());
  query.vectors = probe;
  query.count = 1;
  query.n_results = kNeighbours;
  std::vector<double> found;
  TRY(store.Query(
      collection.id, query,
      [&](uint32_t, const model::RecordView&, float distance) -> Status {
        found.push_back(distance);
        return {};
      },
      call));
  bool same = found.size() == wanted.size();
  for (size_t i = 0; same && i < found.size(); ++i) {
    const double scale = std::max({1.0, std::abs(found[i]), std::abs(wanted[i])});
    same = !(std::abs(found[i] - wanted[i]) > 1e-3 * scale);  // rounding; not a number passes
  }
  if (same) return {};
  return Corruption("a query of collection " + collection.name +
                    " does not find what its rows say");
}

}  // namespace

Status RunSampleQueries(const contract::Manifest& manifest, const std::string& folder,
                        file::FileSystem& files, SteadyTime deadline) {
  const std::shared_ptr<Store> store = TRY(store::OpenOfflineStore(folder, {}, files));
  size_t asked = 0;
  for (const contract::ManifestCollection& collection : manifest.collections) {
    const bool fits = collection.records > 0 && collection.records <= kSampledRecordsMax;
    if (!fits || !collection.dimension) continue;
    TRY(Sample(*store, collection, {deadline}));
    if (++asked == kCollectionsMax) break;
  }
  return {};
}

}  // namespace pannier::snapshot

#include "daemon/transfer/collections.h"

#include <algorithm>

namespace pannier::transfer {

std::vector<store::CollectionPtr> CollectionsByName(const store::Store& store) {
  std::vector<store::CollectionPtr> list = store.ListCollections(std::nullopt, 0);
  std::sort(list.begin(), list.end(),
            [](const auto& a, const auto& b) { return a->name < b->name; });
  return list;
}

Result<uint64_t> CountRecords(store::Store& store) {
  uint64_t count = 0;
  for (const store::CollectionPtr& each : store.ListCollections(std::nullopt, 0))
    count += TRY(store.Count(each->id, NoHurry()));
  return count;
}

store::CallContext NoHurry() { return {SteadyTime::max()}; }

model::GetRequest AllRecords() {
  model::GetRequest request;
  request.include.documents = request.include.embeddings = true;
  request.include.metadatas = request.include.uris = true;
  return request;
}

}  // namespace pannier::transfer

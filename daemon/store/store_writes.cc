// The writing calls of SqliteStore: each is one entry in the write queue.
#include <algorithm>

#include "daemon/store/selection.h"
#include "daemon/store/sqlite_store.h"

namespace pannier::store {
namespace {

using Company = WriteQueue::Company;

// About what a batch will write, so that a group commit stays bounded.
uint64_t BytesOf(const model::RecordBatch& batch) {
  uint64_t bytes = batch.vectors.size() * sizeof(float) + batch.ids.size() * 256;
  for (const auto& document : batch.documents) bytes += document ? document->size() : 0;
  for (const auto& uri : batch.uris) bytes += uri ? uri->size() : 0;
  return bytes;
}

// About what the caches of a collection cost. Not of Count(): who loads may hold a read connection,
// and must not wait for a second one.
uint64_t VectorBytes(const CollectionEntry& entry) {
  const uint64_t records = entry.indexes->records.load(std::memory_order_relaxed);
  const uint32_t dimension = entry.info->dimension.value_or(0);
  const bool aside = !entry.indexes->scratch_failed.load(std::memory_order_relaxed);
  return index::VectorIndex::EstimateBytes(records, dimension, aside);
}
uint64_t AttributeBytes(const CollectionEntry& entry) {
  constexpr uint64_t kSomeKeys = 160;
  return entry.indexes->records.load(std::memory_order_relaxed) * kSomeKeys;
}

Status CheckStop(const CallContext& call) {
  const bool stopped = call.stop != nullptr && call.stop->load(std::memory_order_relaxed);
  return stopped ? Status(DeadlineExceeded("the server is stopping")) : Status();
}

}  // namespace

Result<CollectionPtr> SqliteStore::CreateCollection(const NewCollection& wanted,
                                                    const CallContext& call) {
  if (wanted.get_or_create) {
    // The common case on every worker's start, answered without a commit.
    if (CollectionPtr existing = FindCollection(wanted.name)) return existing;
  }
  CollectionPtr created;
  const auto apply = [&]() -> Status {
    created = TRY(writer_->CreateCollection(wanted));
    return {};
  };
  TRY(RunWithRoom(apply, 4096, Company::kShared, Frees::kNothing, call));
  return created;
}

std::vector<CollectionPtr> SqliteStore::ListCollections(std::optional<uint32_t> limit,
                                                        uint32_t offset) const {
  std::vector<CollectionPtr> list;
  const auto map = published_.Get();
  for (const auto& [id, entry] : map->entries()) {
    if (limit && list.size() >= *limit) break;
    if (offset > 0) {
      --offset;
      continue;
    }
    list.push_back(entry.info);
  }
  return list;
}

uint64_t SqliteStore::CountCollections() const { return published_.Get()->entries().size(); }

CollectionPtr SqliteStore::FindCollection(const std::string& name) const {
  const auto map = published_.Get();
  const CollectionEntry* entry = map->Find(name);
  return entry != nullptr ? entry->info : nullptr;
}

CollectionPtr SqliteStore::FindCollection(const Uuid& id) const {
  const auto map = published_.Get();
  const CollectionEntry* entry = map->Find(id);
  return entry != nullptr ? entry->info : nullptr;
}

Result<CollectionEntry> SqliteStore::EntryOf(const Uuid& id) const {
  const auto map = published_.Get();
  const CollectionEntry* entry = map->Find(id);
  if (entry == nullptr) return NoCollection(id);
  return *entry;
}

Status SqliteStore::UpdateCollection(const Uuid& id, const CollectionChange& change,
                                     const CallContext& call) {
  return RunWithRoom([&] { return writer_->UpdateCollection(id, change); }, 4096, Company::kShared,
                     Frees::kNothing, call);
}

Status SqliteStore::DeleteCollection(const std::string& name, const CallContext& call) {
  const CollectionPtr known = FindCollection(name);
  TRY(RunWithRoom([&] { return writer_->DeleteCollection(name); }, 4096, Company::kShared,
                  Frees::kSpace, call));
  if (known != nullptr) kept_.Remove(known->id);
  return {};
}

Result<index::Sequence> SqliteStore::Write(const Uuid& id, model::WriteKind kind,
                                           const model::RecordBatch& batch,
                                           const CallContext& call) {
  TRY(EntryOf(id));
  TRY(Watched(RunWithRoom([&] { return writer_->Write(id, kind, batch); }, BytesOf(batch),
                          Company::kShared, Frees::kNothing, call)));
  return sequence();
}

Result<uint64_t> SqliteStore::Delete(const Uuid& id, const model::Selection& selection,
                                     std::optional<uint32_t> limit, const CallContext& call) {
  CollectionEntry entry = TRY(EntryOf(id));
  if (!selection.ids && !selection.filter) return uint64_t{0};
  uint64_t removed = 0;
  bool evicted = false;
  const auto apply = [&]() -> Status {
    const auto attributes = selection.filter ? entry.indexes->attributes() : nullptr;
    evicted = selection.filter && attributes == nullptr;
    if (evicted) return {};
    if (!writer_->Knows(id)) return NoCollection(id);
    std::optional<index::AttributeIndex::View> view;
    if (attributes != nullptr) {
      view = attributes->At(writer_->sequence());
      if (!view) return Internal("the metadata cache lags behind the store");
    }
    RecordTable& table = writer_->records(entry.info->number);
    ReadPace pace(call);
    const Selected selected = TRY(Select(selection, table, view ? &*view : nullptr, pace));
    removed = TRY(writer_->Remove(id, Page(*selected.records, 0, limit)));
    return {};
  };
  // A filter is tested against what is committed, so its transaction must hold nothing else. The
  // cache may be dropped between loading and use; that it happens again and again is not worth more
  // patience than this.
  const Company company = selection.filter ? Company::kAlone : Company::kShared;
  for (int attempt = 0; attempt < 3; ++attempt) {
    if (selection.filter) TRY(LoadAttributes(entry, call));
    TRY(Watched(RunWithRoom(apply, 4096, company, Frees::kSpace, call)));
    if (!evicted) return removed;
  }
  return ResourceExhausted("memory is too short to filter the records to delete",
                           "try again in a second");
}

// --- caches --- Both are filled by the writer between commits, so that no commit is missed. The
// caller's deadline does not end that: a large one could else never be loaded.

// Loads the caches that a read will need. False when the vectors find no room: they are then
// searched in the file. Room is asked for once, for all of them: the one must not be dropped to
// make room for the other. Metadata is loaded even without room, since nothing else answers a
// filter.
Result<bool> SqliteStore::LoadFor(const CollectionEntry& entry, bool vectors, bool attributes,
                                  const CallContext& call) {
  attributes = attributes && entry.indexes->attributes() == nullptr;
  vectors = vectors && entry.indexes->vectors() == nullptr;
  const uint64_t wanted =
      (attributes ? AttributeBytes(entry) : 0) + (vectors ? VectorBytes(entry) : 0);
  const bool room = wanted == 0 || host_.MakeRoom(wanted);
  if (attributes) TRY(LoadAttributes(entry, call));
  if (!vectors) return true;
  if (!room) return false;
  TRY(FillVectors(entry, call));
  return true;
}

Status SqliteStore::LoadVectors(const CollectionEntry& entry, const CallContext& call) {
  if (!host_.MakeRoom(VectorBytes(entry))) {
    return ResourceExhausted("the vectors do not fit the memory budget", "raise memory.budget");
  }
  return FillVectors(entry, call);
}

Status SqliteStore::FillVectors(const CollectionEntry& entry, const CallContext& call) {
  const auto load = [&]() -> Status {
    if (entry.indexes->vectors() != nullptr || !entry.info->dimension) return {};
    if (!writer_->Knows(entry.info->id)) return NoCollection(entry.info->id);
    const uint32_t dimension = *entry.info->dimension;
    const index::VectorIndex::Options wanted = IndexOptionsOf(entry);
    const index::Sequence at = writer_->sequence();
    RecordTable& table = writer_->records(entry.info->number);
    auto vectors = kept_.Load(entry, wanted, at, table);
    if (vectors != nullptr) {
      entry.indexes->PublishVectors(std::move(vectors));
      return {};
    }
    vectors = std::make_shared<index::VectorIndex>(wanted);
    const auto put = [&](const Row& row) -> Status {
      TRY(CheckStop(call));
      if (row.vector.empty()) return {};
      if (row.vector.size() != dimension) return Corruption("a vector has the wrong dimension");
      vectors->Put(at, row.number, row.vector);
      return {};
    };
    TRY(table.Scan(Columns::kVectorOnly, INT64_MAX, 0, put).Context("load vectors"));
    vectors->Commit(at);
    if (vectors->WantsGraph()) host_.WantGraph(vectors);
    entry.indexes->PublishVectors(std::move(vectors));
    return {};
  };
  return Run(load, 0, Company::kAlone, call);
}

Status SqliteStore::LoadAttributes(const CollectionEntry& entry, const CallContext& call) {
  if (entry.indexes->attributes() != nullptr) return {};
  const auto load = [&]() -> Status {
    if (entry.indexes->attributes() != nullptr) return {};
    if (!writer_->Knows(entry.info->id)) return NoCollection(entry.info->id);
    auto attributes = std::make_shared<index::AttributeIndex>();
    const index::Sequence at = writer_->sequence();
    const auto put = [&](const Row& row) -> Status {
      TRY(CheckStop(call));
      if (row.metadata) {
        const model::Metadata metadata = TRY(model::ParseStoredMetadata(*row.metadata));
        attributes->Put(at, row.number, &metadata);
      } else {
        attributes->Put(at, row.number, nullptr);
      }
      return {};
    };
    RecordTable& table = writer_->records(entry.info->number);
    TRY(table.Scan(Columns::kAllButVector, INT64_MAX, 0, put).Context("load metadata"));
    attributes->Commit(at);
    entry.indexes->PublishAttributes(std::move(attributes));
    return {};
  };
  return Run(load, 0, Company::kAlone, call);
}

Status SqliteStore::Watched(Status status) {
  const bool gone = deleted_.load(std::memory_order_relaxed);
  if (status.Is(Errc::kCorruption) && !gone) host_.OnChecksumFailure(name_, status.error().what);
  return status;
}

}  // namespace pannier::store

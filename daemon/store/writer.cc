#include "daemon/store/writer.h"

#include <limits>
#include <nlohmann/json.hpp>
#include <utility>

namespace pannier::store {
namespace {

// The text stored for a record's metadata: nothing when no key has a value.
std::optional<std::string> MetadataText(const model::Metadata& metadata) {
  std::string text = model::ToJson(metadata);
  if (text == "{}") return std::nullopt;
  return text;
}

template <typename T>
std::optional<std::string_view> ViewOf(const std::vector<std::optional<T>>& list, size_t i) {
  if (i >= list.size() || !list[i]) return std::nullopt;
  return std::string_view(*list[i]);
}

// What every store has, so that its absence is damage.
template <typename T>
Result<T> Present(Result<T> row) {
  if (row.Is(Errc::kNotFound)) return Corruption(row.error().what);
  return row;
}

const model::Metadata* MetadataOf(const model::RecordBatch& batch, size_t i) {
  return i < batch.metadatas.size() && batch.metadatas[i] ? &*batch.metadatas[i] : nullptr;
}

}  // namespace

Writer::Writer(Connection connection, PublishedCollections& published, IndexOptions index_options)
    : connection_(std::move(connection)),
      collections_(connection_),
      tables_(connection_),
      published_(published),
      index_options_(std::move(index_options)) {}

Result<std::unique_ptr<Writer>> Writer::Open(Connection connection, PublishedCollections& published,
                                             IndexOptions index_options) {
  std::unique_ptr<Writer> writer(
      new Writer(std::move(connection), published, std::move(index_options)));
  TRY(writer->Load());
  return writer;
}

Status Writer::Load() {
  sequence_ = TRY(Present(collections_.ReadSequence()));
  auto map = std::make_shared<CollectionMap>();
  for (model::Collection& collection : TRY(collections_.Load())) {
    auto indexes = std::make_shared<CollectionIndexes>();
    indexes->records = TRY(Present(collections_.ReadCounters(collection.number))).records;
    map->Put(
        {std::make_shared<const model::Collection>(std::move(collection)), std::move(indexes)});
  }
  published_.Set(std::move(map));
  return {};
}

// --- the transaction ---

Status Writer::Begin() {
  CHECK(!transaction_.has_value());
  transaction_.emplace(TRY(Transaction::Begin(connection_, Transaction::Kind::kWrite)));
  return {};
}

Status Writer::Commit() {
  CHECK(transaction_.has_value());
  if (!dirty_) {
    Abort();
    return {};
  }
  Status committed = WriteChanges();
  if (committed.ok()) committed = transaction_->Commit();
  if (!committed.ok()) {
    Abort();
    return committed;
  }
  ++sequence_;
  for (const auto& [id, change] : changes_) {
    if (!change.deleted) change.entry.indexes->records = change.counters.records;
  }
  if (map_ != nullptr) published_.Set(std::move(map_));
  // Every loaded cache learns of every commit, also those it had no part in: readers ask for the
  // store's sequence.
  const auto map = published_.Get();  // held while it is walked
  for (const auto& [id, entry] : map->entries()) {
    if (const auto vectors = entry.indexes->vectors()) vectors->Commit(sequence_);
    if (const auto attributes = entry.indexes->attributes()) attributes->Commit(sequence_);
  }
  transaction_.reset();
  map_.reset();
  changes_.clear();
  dirty_ = false;
  return {};
}

Status Writer::WriteChanges() {
  for (const auto& [id, change] : changes_) {
    if (change.counters_changed && !change.deleted) {
      TRY(collections_.WriteCounters(change.entry.info->number, change.counters));
    }
  }
  return collections_.WriteSequence(sequence_ + 1);
}

void Writer::Abort() {
  for (const auto& [id, change] : changes_) {
    if (const auto vectors = change.entry.indexes->vectors()) vectors->Abort(sequence_ + 1);
    if (const auto attributes = change.entry.indexes->attributes())
      attributes->Abort(sequence_ + 1);
  }
  transaction_.reset();
  map_.reset();
  changes_.clear();
  known_keys_.clear();  // may name keys that were rolled back
  dirty_ = false;
  broken_ = false;
  dropped_ = false;
}

Status Writer::Breaking(Status status) {
  if (!status.ok()) broken_ = true;
  return status;
}

const CollectionMap& Writer::visible() const {
  // The published map outlives the reference: only this thread replaces it.
  return map_ != nullptr ? *map_ : *published_.Get();
}

CollectionMap& Writer::changing() {
  if (map_ == nullptr) map_ = std::make_shared<CollectionMap>(*published_.Get());
  dirty_ = true;
  return *map_;
}

Result<Writer::Change*> Writer::Open(const Uuid& id) {
  const auto found = changes_.find(id);
  if (found != changes_.end()) {
    if (found->second.deleted) return NoCollection(id);
    return &found->second;
  }
  const CollectionEntry* entry = visible().Find(id);
  if (entry == nullptr) return NoCollection(id);
  const Counters counters = TRY(collections_.ReadCounters(entry->info->number));
  Change change{*entry, counters};
  return &changes_.emplace(id, std::move(change)).first->second;
}

void Writer::ReplaceInfo(Change& change, model::Collection info) {
  change.entry.info = std::make_shared<const model::Collection>(std::move(info));
  changing().Put(change.entry);
}

// --- collections ---

Result<CollectionPtr> Writer::CreateCollection(const NewCollection& wanted) {
  if (const CollectionEntry* existing = visible().Find(wanted.name)) {
    if (wanted.get_or_create) return existing->info;
    return Conflict("Collection [" + wanted.name + "] already exists");
  }
  if (wanted.id && Knows(*wanted.id)) {
    return Conflict("Collection [" + wanted.id->ToString() + "] already exists");
  }
  model::Collection collection;
  collection.id = wanted.id ? *wanted.id : Uuid::Random();
  collection.name = wanted.name;
  collection.metadata = wanted.metadata;
  collection.hnsw = wanted.index.hnsw;
  collection.configuration = wanted.index.configuration;
  collection.schema = wanted.index.schema;
  const Result<uint32_t> number = collections_.Insert(collection);
  if (!number.ok()) {
    broken_ = true;
    return number.error();
  }
  collection.number = *number;
  auto info = std::make_shared<const model::Collection>(std::move(collection));
  changing().Put({info, std::make_shared<CollectionIndexes>()});
  return info;
}

Status Writer::UpdateCollection(const Uuid& id, const CollectionChange& wanted) {
  Change& change = *TRY(Open(id));
  model::Collection info = *change.entry.info;
  if (wanted.name && *wanted.name != info.name) {
    if (visible().Find(*wanted.name) != nullptr) {
      return Conflict("Collection [" + *wanted.name + "] already exists");
    }
    info.name = *wanted.name;
  }
  if (wanted.metadata) info.metadata = wanted.metadata;
  if (wanted.configuration) {
    const model::IndexDescription current{info.hnsw, info.configuration, info.schema};
    const auto parsed = nlohmann::json::parse(*wanted.configuration, nullptr, false);
    if (parsed.is_discarded()) return InvalidArgument("new_configuration is not JSON");
    model::IndexDescription updated = TRY(model::UpdateIndex(current, parsed));
    info.hnsw = updated.hnsw;
    info.configuration = std::move(updated.configuration);
    info.schema = std::move(updated.schema);
  }
  TRY(Breaking(collections_.Update(info)));
  ReplaceInfo(change, std::move(info));
  return {};
}

Status Writer::DeleteCollection(const std::string& name) {
  const CollectionEntry* found = visible().Find(name);
  if (found == nullptr) return NotFound("Collection [" + name + "] does not exist");
  const CollectionPtr info = found->info;
  tables_.Forget(info->number);  // a prepared statement would hold the table
  TRY(Breaking(collections_.Remove(info->number)));
  changing().Remove(info->id);
  if (const auto change = changes_.find(info->id); change != changes_.end()) {
    change->second.deleted = true;
  }
  known_keys_.erase(info->number);
  dropped_ = true;
  return {};
}

// --- records ---

Status Writer::Write(const Uuid& id, model::WriteKind kind, const model::RecordBatch& batch) {
  Change& change = *TRY(Open(id));
  TRY(CheckDimension(change, batch));
  return Breaking(Apply(change, kind, batch));
}

Status Writer::CheckDimension(const Change& change, const model::RecordBatch& batch) const {
  const std::optional<uint32_t> fixed = change.entry.info->dimension;
  if (batch.dimension == 0 || !fixed || *fixed == batch.dimension) return {};
  return InvalidArgument("Collection expecting embedding with dimension of " +
                         std::to_string(*fixed) + ", got " + std::to_string(batch.dimension));
}

Status Writer::Apply(Change& change, model::WriteKind kind, const model::RecordBatch& batch) {
  if (batch.dimension != 0 && !change.entry.info->dimension) {
    TRY(FixDimension(change, batch.dimension));
  }
  std::set<model::KeyType> fresh;
  size_t vectors_used = 0;
  for (size_t i = 0; i < batch.ids.size(); ++i) {
    std::span<const float> vector;
    if (batch.has_vector[i]) {
      vector = std::span(batch.vectors).subspan(vectors_used++ * batch.dimension, batch.dimension);
    }
    if (TRY(WriteOne(change, kind, batch, i, vector).Context("write record"))) {
      NoteKeys(change, MetadataOf(batch, i), &fresh);
    }
  }
  return GrowSchema(change, fresh);
}

Status Writer::FixDimension(Change& change, uint32_t dimension) {
  model::Collection fixed = *change.entry.info;
  fixed.dimension = dimension;
  TRY(collections_.Update(fixed));
  ReplaceInfo(change, std::move(fixed));
  if (index_options_ && change.counters.records == 0 && change.counters.last_record == 0) {
    // An empty cache is complete: what comes is added as it is written, and no first query has to
    // load it.
    auto vectors = std::make_shared<index::VectorIndex>(index_options_(change.entry));
    vectors->Commit(sequence_);
    change.entry.indexes->PublishVectors(std::move(vectors));
  }
  return {};
}

void Writer::NoteKeys(const Change& change, const model::Metadata* metadata,
                      std::set<model::KeyType>* fresh) {
  if (metadata == nullptr) return;
  std::set<std::string>& known = known_keys_[change.entry.info->number];
  for (const model::KeyType& key : model::KeyTypes(*metadata)) {
    if (known.insert(std::string(key.second) + " " + key.first).second) fresh->insert(key);
  }
}

Status Writer::GrowSchema(Change& change, const std::set<model::KeyType>& fresh) {
  if (fresh.empty()) return {};
  std::optional<std::string> grown = model::GrowSchema(change.entry.info->schema, fresh);
  if (!grown) return {};
  model::Collection info = *change.entry.info;
  info.schema = *std::move(grown);
  TRY(collections_.Update(info));
  ReplaceInfo(change, std::move(info));
  return {};
}

Result<bool> Writer::WriteOne(Change& change, model::WriteKind kind,
                              const model::RecordBatch& batch, size_t i,
                              std::span<const float> vector) {
  if (kind != model::WriteKind::kUpdate) {
    const bool inserted = TRY(InsertOne(change, batch, i, vector));
    if (inserted || kind == model::WriteKind::kAdd) return inserted;
  }
  const auto number = TRY(records(change.entry.info->number).Find(batch.ids[i]));
  if (!number) return false;
  TRY(UpdateOne(change, *number, batch, i, vector));
  return true;
}

// False when the id exists.
Result<bool> Writer::InsertOne(Change& change, const model::RecordBatch& batch, size_t i,
                               std::span<const float> vector) {
  if (change.counters.last_record == std::numeric_limits<RecordNumber>::max()) {
    return ResourceExhausted("the collection has used up its record numbers",
                             "copy it to a new collection");
  }
  const model::Metadata* metadata = MetadataOf(batch, i);
  const std::optional<std::string> text = metadata ? MetadataText(*metadata) : std::nullopt;
  Row row;
  row.number = change.counters.last_record + 1;
  row.id = batch.ids[i];
  if (text) row.metadata = *text;
  row.uri = ViewOf(batch.uris, i);
  row.document = ViewOf(batch.documents, i);
  row.vector = vector;
  if (!TRY(records(change.entry.info->number).Insert(row))) return false;
  dirty_ = true;
  change.counters_changed = true;
  ++change.counters.last_record;
  ++change.counters.records;
  if (const auto vectors = change.entry.indexes->vectors(); vectors && !vector.empty()) {
    vectors->Put(sequence_ + 1, row.number, vector);
  }
  if (const auto attributes = change.entry.indexes->attributes()) {
    attributes->Put(sequence_ + 1, row.number, metadata);
  }
  return true;
}

Status Writer::UpdateOne(Change& change, RecordNumber number, const model::RecordBatch& batch,
                         size_t i, std::span<const float> vector) {
  RecordTable& table = records(change.entry.info->number);
  const model::Metadata* patch = MetadataOf(batch, i);
  std::optional<model::Metadata> merged;
  const auto replace = [&](const Row& old) -> Status {
    if (old.id != batch.ids[i]) return Corruption("an id points at another record");
    Row row = old;
    std::optional<std::string> text;
    if (patch != nullptr && !patch->empty()) {
      merged = model::Merge(
          old.metadata ? TRY(model::ParseStoredMetadata(*old.metadata)) : model::Metadata{},
          *patch);
      text = MetadataText(*merged);
      row.metadata = text ? std::optional<std::string_view>(*text) : std::nullopt;
    }
    if (const auto uri = ViewOf(batch.uris, i)) row.uri = uri;
    if (const auto document = ViewOf(batch.documents, i)) row.document = document;
    if (!vector.empty()) row.vector = vector;
    return table.Replace(row);
  };
  if (!TRY(table.Fetch(number, Columns::kAll, replace)))
    return Corruption("an id points at no record");
  dirty_ = true;
  change.entry.indexes->rows().NoteChange(number, sequence_ + 1);
  if (const auto vectors = change.entry.indexes->vectors(); vectors && !vector.empty()) {
    vectors->Put(sequence_ + 1, number, vector);
  }
  if (const auto attributes = change.entry.indexes->attributes()) {
    if (merged) {
      attributes->Put(sequence_ + 1, number, &*merged);
    } else if (ViewOf(batch.documents, i)) {
      attributes->TouchDocument(sequence_ + 1, number);
    }
  }
  return {};
}

Result<uint64_t> Writer::Remove(const Uuid& id, const std::vector<RecordNumber>& numbers) {
  Change& change = *TRY(Open(id));
  RecordTable& table = records(change.entry.info->number);
  for (const RecordNumber number : numbers) {
    TRY(Breaking(table.Remove(number)));
    dirty_ = true;
    change.entry.indexes->rows().NoteChange(number, sequence_ + 1);
    change.counters_changed = true;
    --change.counters.records;
    if (const auto vectors = change.entry.indexes->vectors())
      vectors->Remove(sequence_ + 1, number);
    if (const auto attributes = change.entry.indexes->attributes()) {
      attributes->Remove(sequence_ + 1, number);
    }
  }
  return numbers.size();
}

}  // namespace pannier::store

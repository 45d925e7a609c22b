#include "daemon/rescue/collection_rescue.h"

#include <algorithm>
#include <unordered_set>
#include <utility>

#include "daemon/rescue/chroma_metadata.h"
#include "daemon/rescue/vector_finder.h"
#include "lib/core/uuid.h"
#include "lib/json/writer.h"

namespace pannier::rescue {
namespace {

using store::Connection;
using store::Statement;

constexpr size_t kBatchRecords = 500;
constexpr uint64_t kBatchBytes = 4 << 20;
constexpr size_t kIdsNamed = 20;
constexpr std::chrono::seconds kWriteTime{600};

store::CallContext NewCall() { return {std::chrono::steady_clock::now() + kWriteTime}; }

struct Record {
  std::string id;
  bool has_vector = false;
  std::vector<float> vector;
  Attributes attributes;
};

// Writes records in batches of one kind.
class BatchWriter {
 public:
  BatchWriter(store::Store& into, const Uuid& collection) : into_(into), collection_(collection) {}

  Status Put(model::WriteKind kind, Record record) {
    const bool full = batch_.ids.size() >= kBatchRecords || bytes_ >= kBatchBytes;
    const bool other = kind != kind_ || (record.has_vector && batch_.dimension != 0 &&
                                         batch_.dimension != record.vector.size());
    if (full || other) TRY(Flush());
    kind_ = kind;
    bytes_ += record.id.size() + record.vector.size() * sizeof(float) + 256;
    if (record.attributes.document) bytes_ += record.attributes.document->size();
    batch_.ids.push_back(std::move(record.id));
    batch_.has_vector.push_back(record.has_vector);
    if (record.has_vector) {
      batch_.dimension = static_cast<uint32_t>(record.vector.size());
      batch_.vectors.insert(batch_.vectors.end(), record.vector.begin(), record.vector.end());
    }
    batch_.documents.push_back(std::move(record.attributes.document));
    batch_.uris.push_back(std::move(record.attributes.uri));
    batch_.metadatas.emplace_back(std::move(record.attributes.metadata));
    return {};
  }

  Status Delete(std::string id) {
    TRY(Flush());
    model::Selection selection;
    selection.ids = {std::move(id)};
    TRY(into_.Delete(collection_, selection, std::nullopt, NewCall()));
    return {};
  }

  Status Flush() {
    if (batch_.ids.empty()) return {};
    TRY(into_.Write(collection_, kind_, batch_, NewCall()));
    batch_ = model::RecordBatch();
    bytes_ = 0;
    return {};
  }

 private:
  store::Store& into_;
  const Uuid collection_;
  model::WriteKind kind_ = model::WriteKind::kAdd;
  model::RecordBatch batch_;
  uint64_t bytes_ = 0;
};

// Reads what belongs to a record by its row number.
class AttributeReader {
 public:
  static Result<AttributeReader> Make(Connection& connection) {
    AttributeReader reader;
    const char* columns = "SELECT key, string_value, int_value, float_value, bool_value FROM ";
    const char* where = " WHERE id = ? ORDER BY rowid";
    reader.scalars_ = TRY(connection.Prepare(std::string(columns) + "embedding_metadata" + where));
    reader.elements_ =
        TRY(connection.Prepare(std::string(columns) + "embedding_metadata_array" + where));
    return reader;
  }

  Result<Attributes> Read(int64_t row) {
    Attributes attributes;
    scalars_.Reset();
    scalars_.Bind(1, row);
    while (TRY(scalars_.Step())) AddScalar(scalars_, &attributes);
    elements_.Reset();
    elements_.Bind(1, row);
    while (TRY(elements_.Step())) AddElement(elements_, &attributes);
    return attributes;
  }

 private:
  Statement scalars_, elements_;
};

class Rescue {
 public:
  Rescue(const RescueSource& source, const ChromaCollection& collection, store::Store& into,
         const RecordCounter& count)
      : source_(source), collection_(collection), into_(into), count_(count) {}

  Result<RescuedCollection> Run() {
    report_.messages = collection_.messages;
    TRY(Create());
    topic_ = TRY(FindTopic());
    records_until_ = TRY(RecordsUntil());
    VectorFinder vectors =
        TRY(VectorFinder::Make(source_.connection, source_.files, source_.directory, collection_,
                               topic_, records_until_, &report_.messages));
    dimension_ = collection_.dimension ? collection_.dimension : vectors.dimension();
    BatchWriter writer(into_, id_);
    TRY(CopyRecords(vectors, writer));
    if (source_.repaired) TRY(CopyForgotten(vectors, writer));
    TRY(ApplyQueue(writer));
    TRY(writer.Flush());
    TRY(Conclude());
    return std::move(report_);
  }

 private:
  Status Create() {
    store::NewCollection wanted;
    wanted.name = FreeName();
    if (!collection_.metadata.empty()) wanted.metadata = model::ToJson(collection_.metadata);
    wanted.index = collection_.index;
    wanted.id = Uuid::Parse(collection_.id);
    if (!wanted.id || into_.FindCollection(*wanted.id) != nullptr) {
      wanted.id = Uuid::Random();
      report_.messages.emplace_back("its id could not be kept");
    }
    const store::CollectionPtr made = TRY(into_.CreateCollection(wanted, NewCall()));
    id_ = made->id;
    report_.name = made->name;
    report_.id = id_.ToString();
    return {};
  }

  // Its own, unless that is lost or taken.
  std::string FreeName() {
    std::string name = collection_.name;
    if (name.empty() || !json::IsUtf8(name)) name = "recovered-" + collection_.id.substr(0, 8);
    if (!json::IsUtf8(name)) name = "recovered";
    std::string free = name;
    for (int i = 2; into_.FindCollection(free) != nullptr; ++i)
      free = name + "-" + std::to_string(i);
    if (free != collection_.name) report_.messages.push_back("named " + free);
    return free;
  }

  // "persistent://<tenant>/<namespace>/<collection id>"
  Result<std::string> FindTopic() {
    Statement topics =
        TRY(source_.connection.Prepare("SELECT DISTINCT topic FROM embeddings_queue"));
    while (TRY(topics.Step())) {
      const std::string_view topic = topics.Text(0);
      if (topic.ends_with("/" + collection_.id)) return std::string(topic);
    }
    return std::string();
  }

  // The last entry of the queue that is in the rows.
  Result<int64_t> RecordsUntil() {
    int64_t until = collection_.metadata_until.value_or(-1);
    if (collection_.metadata_until && !source_.repaired) return until;
    Statement rows =
        TRY(source_.connection.Prepare("SELECT seq_id FROM embeddings WHERE segment_id = ?"));
    rows.Bind(1, std::string_view(collection_.metadata_segment));
    while (TRY(rows.Step())) until = std::max(until, SequenceOf(rows, 0).value_or(-1));
    return until;
  }

  Status CopyRecords(VectorFinder& vectors, BatchWriter& writer) {
    Statement rows = TRY(source_.connection.Prepare(
        "SELECT id, embedding_id, seq_id FROM embeddings WHERE segment_id = ? ORDER BY id"));
    rows.Bind(1, std::string_view(collection_.metadata_segment));
    AttributeReader attributes = TRY(AttributeReader::Make(source_.connection));
    while (TRY(rows.Step())) {
      if (!count_()) return DeadlineExceeded("the import was stopped");
      Record record;
      record.id = std::string(rows.Text(1));
      if (record.id.empty() || !json::IsUtf8(record.id)) {
        ++report_.lost;
        continue;
      }
      record.attributes = TRY(attributes.Read(rows.Int(0)));
      TRY(Put(vectors, SequenceOf(rows, 2), std::move(record), writer));
    }
    return {};
  }

  // Records whose row is gone but whose id and vector the HNSW files or the queue still hold.
  Status CopyForgotten(VectorFinder& vectors, BatchWriter& writer) {
    TRY(writer.Flush());
    uint64_t forgotten = 0;
    for (const std::string& id : vectors.Ids()) {
      if (!json::IsUtf8(id) || id.empty() || TRY(Has(id))) continue;
      Record record;
      record.id = id;
      record.attributes.damaged = true;
      ++forgotten;
      TRY(Put(vectors, std::nullopt, std::move(record), writer));
    }
    if (forgotten > 0) {
      report_.messages.push_back(
          std::to_string(forgotten) +
          " records came over by their id and vector alone; some may have been deleted before");
    }
    return {};
  }

  Result<bool> Has(const std::string& id) {
    model::GetRequest request;
    request.selection.ids = {id};
    bool found = false;
    const auto note = [&](uint32_t, const model::RecordView&, float) -> Status {
      found = true;
      return {};
    };
    TRY(into_.Get(id_, request, note, NewCall()));
    return found;
  }

  Status Put(VectorFinder& vectors, std::optional<int64_t> sequence, Record record,
             BatchWriter& writer) {
    record.has_vector = TRY(vectors.Find(record.id, sequence, &record.vector));
    if (record.has_vector && !dimension_) dimension_ = static_cast<uint32_t>(record.vector.size());
    if (record.has_vector && record.vector.size() != *dimension_) record.has_vector = false;
    if (!record.has_vector) bare_.insert(record.id);
    if (record.attributes.damaged) incomplete_.insert(record.id);
    return writer.Put(model::WriteKind::kAdd, std::move(record));
  }

  // What Chroma had written down but not done yet.
  Status ApplyQueue(BatchWriter& writer) {
    if (topic_.empty()) return {};
    Statement rows = TRY(source_.connection.Prepare(
        "SELECT operation, id, vector, encoding, metadata, seq_id FROM embeddings_queue WHERE "
        "topic = ? AND seq_id > ? ORDER BY seq_id"));
    rows.Bind(1, std::string_view(topic_)).Bind(2, records_until_);
    uint64_t applied = 0;
    while (TRY(rows.Step())) {
      if (!count_()) return DeadlineExceeded("the import was stopped");
      TRY(ApplyEntry(rows, writer));
      ++applied;
    }
    if (applied > 0)
      report_.messages.push_back(std::to_string(applied) + " entries of the queue were applied");
    return {};
  }

  Status ApplyEntry(const Statement& row, BatchWriter& writer) {
    Record record;
    record.id = std::string(row.Text(1));
    const int64_t operation = row.Int(0);
    if (record.id.empty() || !json::IsUtf8(record.id) || operation < 0 ||
        operation > static_cast<int64_t>(QueueOperation::kDelete)) {
      report_.messages.push_back("entry " + std::to_string(row.Int(5)) +
                                 " of the queue is unreadable");
      return {};
    }
    if (static_cast<QueueOperation>(operation) == QueueOperation::kDelete) {
      bare_.erase(record.id);
      incomplete_.erase(record.id);
      return writer.Delete(std::move(record.id));
    }
    Result<Attributes> attributes = row.IsNull(4) ? Attributes() : ParseQueued(row.Text(4));
    const bool readable = attributes.ok();
    if (readable) record.attributes = std::move(attributes).value();
    if (!readable || record.attributes.damaged) incomplete_.insert(record.id);
    const bool whole = !row.IsNull(2) && ParseQueuedVector(row, 2, 3, &record.vector).ok();
    if (whole && !dimension_) dimension_ = static_cast<uint32_t>(record.vector.size());
    record.has_vector = whole && record.vector.size() == *dimension_;
    static constexpr model::WriteKind kKinds[] = {model::WriteKind::kAdd, model::WriteKind::kUpdate,
                                                  model::WriteKind::kUpsert};
    const model::WriteKind kind = kKinds[operation];
    if (record.has_vector) {
      bare_.erase(record.id);
    } else if (kind == model::WriteKind::kAdd) {
      bare_.insert(record.id);
    }
    return writer.Put(kind, std::move(record));
  }

  Status Conclude() {
    report_.records = TRY(into_.Count(id_, NewCall()));
    report_.without_vector = bare_.size();
    report_.incomplete = incomplete_.size();
    if (bare_.empty()) return {};
    std::vector<std::string> named(bare_.begin(), bare_.end());
    std::sort(named.begin(), named.end());
    std::string text = "without a vector:";
    for (size_t i = 0; i < named.size() && i < kIdsNamed; ++i) text += " " + named[i];
    if (named.size() > kIdsNamed) text += " … (" + std::to_string(named.size()) + " in all)";
    report_.messages.push_back(std::move(text));
    return {};
  }

  const RescueSource& source_;
  const ChromaCollection& collection_;
  store::Store& into_;
  const RecordCounter& count_;
  Uuid id_;
  std::string topic_;
  int64_t records_until_ = -1;
  std::optional<uint32_t> dimension_;
  std::unordered_set<std::string> bare_, incomplete_;  // ids without vector; with parts missing
  RescuedCollection report_;
};

}  // namespace

Result<RescuedCollection> RescueCollection(const RescueSource& source,
                                           const ChromaCollection& collection, store::Store& into,
                                           const RecordCounter& count) {
  return Rescue(source, collection, into, count)
      .Run()
      .Context("collection " + (collection.name.empty() ? collection.id : collection.name));
}

}  // namespace pannier::rescue

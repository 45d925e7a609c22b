#include "daemon/store/collection_table.h"

#include "daemon/store/hnsw_text.h"
#include "daemon/store/record_table.h"

namespace pannier::store {
namespace {

constexpr uint32_t kStoreRow = 0;  // of `counters`: its `records` is the store's sequence

Result<model::Collection> ReadRow(const Statement& row) {
  model::Collection collection;
  collection.number = static_cast<uint32_t>(row.Int(0));
  const std::optional<Uuid> id = Uuid::Parse(row.Text(1));
  if (!id)
    return Corruption("collection " + std::to_string(collection.number) + " has a damaged id");
  collection.id = *id;
  collection.name = row.Text(2);
  if (const auto metadata = row.OptionalText(3)) collection.metadata = std::string(*metadata);
  collection.hnsw = TRY(ParseHnsw(row.Text(4)));
  collection.configuration = row.Text(5);
  collection.schema = row.Text(6);
  if (!row.IsNull(7)) collection.dimension = static_cast<uint32_t>(row.Int(7));
  return collection;
}

// Binds all but the number.
void BindRow(Statement& statement, const model::Collection& collection, const std::string& id,
             const std::string& hnsw) {
  statement.Bind(1, std::string_view(id))
      .Bind(2, std::string_view(collection.name))
      .Bind(3, collection.metadata)
      .Bind(4, std::string_view(hnsw))
      .Bind(5, std::string_view(collection.configuration))
      .Bind(6, std::string_view(collection.schema));
  if (collection.dimension) {
    statement.Bind(7, static_cast<int64_t>(*collection.dimension));
  } else {
    statement.BindNull(7);
  }
}

}  // namespace

Result<std::vector<model::Collection>> CollectionTable::Load() {
  Statement rows =
      TRY(connection_->Prepare("SELECT number, id, name, metadata, hnsw, configuration, schema, "
                               "dimension FROM collections"));
  std::vector<model::Collection> collections;
  while (TRY(rows.Step())) collections.push_back(TRY(ReadRow(rows)));
  return collections;
}

Result<uint32_t> CollectionTable::Insert(const model::Collection& collection) {
  Statement insert = TRY(connection_->Prepare(
      "INSERT INTO collections (id, name, metadata, hnsw, configuration, schema, dimension)"
      " VALUES (?1,?2,?3,?4,?5,?6,?7) RETURNING number"));
  const std::string id = collection.id.ToString();
  const std::string hnsw = FormatHnsw(collection.hnsw);
  BindRow(insert, collection, id, hnsw);
  if (!TRY(insert.Step())) return Internal("no number for a new collection");
  const auto number = static_cast<uint32_t>(insert.Int(0));
  TRY(insert.Run());
  TRY(RecordTable::Create(*connection_, number));
  TRY(WriteCounters(number, {}));
  return number;
}

Status CollectionTable::Update(const model::Collection& collection) {
  Statement update = TRY(connection_->Prepare(
      "UPDATE collections SET id=?1, name=?2, metadata=?3, hnsw=?4, configuration=?5, schema=?6,"
      " dimension=?7 WHERE number=?8"));
  const std::string id = collection.id.ToString();
  const std::string hnsw = FormatHnsw(collection.hnsw);
  BindRow(update, collection, id, hnsw);
  update.Bind(8, static_cast<int64_t>(collection.number));
  return update.Run();
}

Status CollectionTable::Remove(uint32_t number) {
  const std::string text = std::to_string(number);
  // Zeros over all its pages would go through the log; the pages leave the file instead.
  TRY(connection_->Run("PRAGMA secure_delete=FAST"));
  const Status dropped = RecordTable::Drop(*connection_, number);
  TRY(connection_->Run("PRAGMA secure_delete=ON"));
  TRY(dropped);
  TRY(connection_->Run("DELETE FROM counters WHERE collection = " + text));
  return connection_->Run("DELETE FROM collections WHERE number = " + text);
}

Result<Counters> CollectionTable::ReadCounters(uint32_t number) {
  if (!read_counters_) {
    read_counters_ = TRY(
        connection_->Prepare("SELECT records, last_record FROM counters WHERE collection = ?1"));
  }
  read_counters_.Bind(1, static_cast<int64_t>(number));
  if (!TRY(read_counters_.Step()))
    return NotFound("no counters of collection " + std::to_string(number));
  const Counters counters{static_cast<uint64_t>(read_counters_.Int(0)),
                          static_cast<index::RecordNumber>(read_counters_.Int(1))};
  read_counters_.Reset();
  return counters;
}

Status CollectionTable::WriteCounters(uint32_t number, const Counters& counters) {
  if (!write_counters_) {
    write_counters_ =
        TRY(connection_->Prepare("INSERT INTO counters VALUES (?1,?2,?3) ON CONFLICT(collection)"
                                 " DO UPDATE SET records=?2, last_record=?3"));
  }
  write_counters_.Bind(1, static_cast<int64_t>(number))
      .Bind(2, static_cast<int64_t>(counters.records))
      .Bind(3, static_cast<int64_t>(counters.last_record));
  return write_counters_.Run();
}

Result<index::Sequence> CollectionTable::ReadSequence() {
  return TRY(ReadCounters(kStoreRow)).records;
}

Status CollectionTable::WriteSequence(index::Sequence sequence) {
  return WriteCounters(kStoreRow, {sequence, 0});
}

}  // namespace pannier::store

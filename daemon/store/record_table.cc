#include "daemon/store/record_table.h"

#include <array>
#include <bit>
#include <cstring>

#include "lib/file/checksum.h"

namespace pannier::store {
namespace {

static_assert(std::endian::native == std::endian::little,
              "vectors are stored as little-endian floats");

const char* SelectOf(Columns columns) {
  switch (columns) {
    case Columns::kAll:
      return "SELECT record, checksum, vector_checksum, id, metadata, uri, document, vector FROM ";
    case Columns::kAllButVector:
      return "SELECT record, checksum, vector_checksum, id, metadata, uri, document FROM ";
    case Columns::kVectorOnly:
      return "SELECT record, checksum, vector_checksum, vector FROM ";
  }
  return nullptr;
}

template <typename Words>
int64_t ChecksumOfWords(const Words& words) {
  return static_cast<int64_t>(file::Checksum(std::as_bytes(std::span(words))));
}

uint64_t ChecksumOf(std::optional<std::string_view> text) {
  return text ? file::Checksum(*text) : 0;
}

// The parts' own checksums and which of them are there, so that moving a byte from one column to
// the next is seen too.
int64_t TextChecksum(const Row& row) {
  const uint64_t present =
      (row.metadata ? 1u : 0u) | (row.uri ? 2u : 0u) | (row.document ? 4u : 0u);
  const std::array<uint64_t, 6> words = {row.number,
                                         present,
                                         file::Checksum(row.id),
                                         ChecksumOf(row.metadata),
                                         ChecksumOf(row.uri),
                                         ChecksumOf(row.document)};
  return ChecksumOfWords(words);
}

int64_t VectorChecksum(RecordNumber number, std::span<const std::byte> vector) {
  return ChecksumOfWords(std::array<uint64_t, 2>{number, file::Checksum(vector)});
}

Error Damaged(const std::string& table, RecordNumber number) {
  return Corruption("record " + std::to_string(number) + " of " + table + " fails its checksum");
}

}  // namespace

bool IsSound(const Row& row, std::span<const std::byte> vector, int64_t checksum,
             int64_t vector_checksum) {
  return TextChecksum(row) == checksum && VectorChecksum(row.number, vector) == vector_checksum;
}

RecordTable::RecordTable(Connection& connection, uint32_t collection)
    : connection_(&connection), table_("records_" + std::to_string(collection)) {}

Status RecordTable::Create(Connection& connection, uint32_t collection) {
  const std::string table = "records_" + std::to_string(collection);
  return connection.Run(
      "CREATE TABLE " + table +
      " (record INTEGER PRIMARY KEY, checksum INTEGER NOT NULL,"
      " vector_checksum INTEGER NOT NULL, id TEXT NOT NULL, metadata TEXT, uri TEXT,"
      " document TEXT, vector BLOB);"
      "CREATE UNIQUE INDEX " +
      table + "_id ON " + table + "(id);");
}

Status RecordTable::Drop(Connection& connection, uint32_t collection) {
  return connection.Run("DROP TABLE records_" + std::to_string(collection));
}

Result<Statement*> RecordTable::Ready(Statement& statement, const char* head, const char* tail) {
  if (!statement) statement = TRY(connection_->Prepare(std::string(head) + table_ + tail));
  return &statement;
}

Result<std::optional<RecordNumber>> RecordTable::Find(std::string_view id) {
  if (!find_) {
    // Once through the index of ids, then the row it leads to: a damaged entry must not name
    // another record to whoever deletes or updates.
    find_ = TRY(connection_->Prepare("SELECT entry.record, row.id FROM " + table_ +
                                     " AS entry LEFT JOIN " + table_ +
                                     " AS row ON row.record = entry.record WHERE entry.id = ?1"));
  }
  find_.Bind(1, id);
  std::optional<RecordNumber> number;
  bool is_its_row = true;
  if (TRY(find_.Step())) {
    number = static_cast<RecordNumber>(find_.Int(0));
    is_its_row = find_.OptionalText(1) == id;
  }
  find_.Reset();
  if (!is_its_row) return Corruption("an id of " + table_ + " points at another record");
  return number;
}

const char* RecordTable::Read(Statement& statement, Columns columns, Row* row) {
  row->number = static_cast<RecordNumber>(statement.Int(0));
  const char* damage = nullptr;
  if (columns != Columns::kVectorOnly) {
    row->id = statement.Text(3);
    row->metadata = statement.OptionalText(4);
    row->uri = statement.OptionalText(5);
    row->document = statement.OptionalText(6);
    if (TextChecksum(*row) != statement.Int(1)) damage = "its id, text or metadata is damaged";
  }
  if (columns != Columns::kAllButVector) {
    const std::span<const std::byte> bytes = statement.Blob(columns == Columns::kAll ? 7 : 3);
    if (VectorChecksum(row->number, bytes) != statement.Int(2)) damage = "its vector is damaged";
    vector_.resize(bytes.size() / sizeof(float));
    if (!vector_.empty()) {
      std::memcpy(vector_.data(), bytes.data(), vector_.size() * sizeof(float));
    }
    row->vector = vector_;
  }
  return damage;
}

Status RecordTable::Visit(Statement& statement, Columns columns, const Visitor& visit) {
  Row row;
  if (Read(statement, columns, &row) != nullptr) return Damaged(table_, row.number);
  return visit(row);
}

Result<bool> RecordTable::Fetch(RecordNumber number, Columns columns, const Visitor& visit) {
  Statement& fetch =
      *TRY(Ready(fetch_[static_cast<size_t>(columns)], SelectOf(columns), " WHERE record = ?1"));
  fetch.Bind(1, static_cast<int64_t>(number));
  const bool found = TRY(fetch.Step());
  Status visited;
  if (found) visited = Visit(fetch, columns, visit);
  fetch.Reset();
  TRY(std::move(visited));
  return found;
}

Status RecordTable::Scan(Columns columns, uint64_t limit, uint64_t offset, const Visitor& visit) {
  Statement& scan = *TRY(Ready(scan_[static_cast<size_t>(columns)], SelectOf(columns),
                               " ORDER BY record LIMIT ?1 OFFSET ?2"));
  scan.Bind(1, static_cast<int64_t>(limit)).Bind(2, static_cast<int64_t>(offset));
  return VisitAll(scan, columns, visit);
}

Status RecordTable::ScanRange(Columns columns, RecordNumber first, RecordNumber last,
                              const Visitor& visit) {
  Statement& scan = *TRY(Ready(range_[static_cast<size_t>(columns)], SelectOf(columns),
                               " WHERE record BETWEEN ?1 AND ?2 ORDER BY record"));
  scan.Bind(1, static_cast<int64_t>(first)).Bind(2, static_cast<int64_t>(last));
  return VisitAll(scan, columns, visit);
}

Status RecordTable::VisitAll(Statement& statement, Columns columns, const Visitor& visit) {
  while (TRY(statement.Step())) {
    Status visited = Visit(statement, columns, visit);
    if (!visited.ok()) {
      statement.Reset();
      return visited;
    }
  }
  return {};
}

Status RecordTable::CheckRows(RecordNumber from, std::optional<RecordNumber> before,
                              const Checker& visit) {
  Statement rows = TRY(connection_->Prepare(std::string(SelectOf(Columns::kAll)) + table_ +
                                            " WHERE record BETWEEN ?1 AND ?2 ORDER BY record"));
  const int64_t last = before ? int64_t{*before} - 1 : INT64_MAX;
  rows.Bind(1, static_cast<int64_t>(from)).Bind(2, last);
  Row row;
  while (TRY(rows.Step())) {
    row = {};
    const char* damage = Read(rows, Columns::kAll, &row);
    TRY(visit(row, damage));
  }
  return {};
}

Status RecordTable::VisitIds(
    const std::function<Status(std::string_view id, RecordNumber number)>& visit) {
  Statement ids = TRY(connection_->Prepare("SELECT id, record FROM " + table_ + " INDEXED BY " +
                                           table_ + "_id ORDER BY id"));
  while (TRY(ids.Step())) TRY(visit(ids.Text(0), static_cast<RecordNumber>(ids.Int(1))));
  return {};
}

void RecordTable::BindRow(Statement& statement, const Row& row) {
  const std::span<const std::byte> vector = std::as_bytes(row.vector);
  statement.Bind(1, static_cast<int64_t>(row.number))
      .Bind(2, TextChecksum(row))
      .Bind(3, VectorChecksum(row.number, vector))
      .Bind(4, row.id)
      .Bind(5, row.metadata)
      .Bind(6, row.uri)
      .Bind(7, row.document);
  if (row.vector.empty()) {
    statement.BindNull(8);
  } else {
    statement.BindBlob(8, vector);
  }
}

Result<bool> RecordTable::Insert(const Row& row) {
  Statement& insert = *TRY(Ready(insert_, "INSERT INTO ",
                                 " VALUES (?1,?2,?3,?4,?5,?6,?7,?8) ON CONFLICT(id) DO NOTHING"));
  BindRow(insert, row);
  TRY(insert.Run());
  return connection_->changes() > 0;
}

Status RecordTable::Replace(const Row& row) {
  Statement& replace =
      *TRY(Ready(replace_, "UPDATE ",
                 " SET checksum = ?2, vector_checksum = ?3, id = ?4, metadata = ?5,"
                 " uri = ?6, document = ?7, vector = ?8 WHERE record = ?1"));
  BindRow(replace, row);
  return replace.Run();
}

Status RecordTable::Remove(RecordNumber number) {
  Statement& remove = *TRY(Ready(remove_, "DELETE FROM ", " WHERE record = ?1"));
  remove.Bind(1, static_cast<int64_t>(number));
  TRY(remove.Run());
  if (connection_->changes() == 1) return {};
  return Corruption("record " + std::to_string(number) + " is not in " + table_);
}

}  // namespace pannier::store

// The rows of one collection: table records_<number>, one connection's statements on it.
//
// Every row carries two checksums, of the vector and of the rest, both bound to its record number,
// so that a flipped bit or a swapped value is found when it is read; SQLite alone would hand it
// out. Threads: with its Connection. Lifetime: ends before its Connection.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "daemon/index/record_set.h"
#include "daemon/store/sqlite.h"
#include "lib/core/result.h"

namespace pannier::store {

using index::RecordNumber;

// A row as it is written or read. Views of a read row live for the visit.
struct Row {
  RecordNumber number = 0;
  std::string_view id;
  std::optional<std::string_view> metadata;  // canonical JSON object
  std::optional<std::string_view> uri;
  std::optional<std::string_view> document;
  std::span<const float> vector;  // empty: none
};

// Whether a row, however it was come by, is one that was written: `vector` in place of the row's
// own.
bool IsSound(const Row& row, std::span<const std::byte> vector, int64_t checksum,
             int64_t vector_checksum);

// Which checked parts a reader wants.
enum class Columns { kAll, kAllButVector, kVectorOnly };

class RecordTable {
 public:
  // Statements are prepared when first used.
  RecordTable(Connection& connection, uint32_t collection);
  RecordTable(RecordTable&&) = default;

  static Status Create(Connection& connection, uint32_t collection);
  static Status Drop(Connection& connection, uint32_t collection);

  // --- reading ---
  //   kCorruption  the index names a record that has another id, or none
  Result<std::optional<RecordNumber>> Find(std::string_view id);
  using Visitor = std::function<Status(const Row&)>;
  // Visits the row if it exists and says whether it did.
  //   kCorruption  a checksum does not match; the row was not visited
  Result<bool> Fetch(RecordNumber number, Columns columns, const Visitor& visit);
  // Visits `limit` rows in ascending number, after skipping `offset`.
  Status Scan(Columns columns, uint64_t limit, uint64_t offset, const Visitor& visit);
  // Visits the rows from `first` to `last`, both included, in ascending number.
  Status ScanRange(Columns columns, RecordNumber first, RecordNumber last, const Visitor& visit);

  // --- checking ---
  // Visits every row from `from` on, up to `before` (none: to the end), in ascending number,
  // whether sound or not; `damage` says what is wrong with it, null when nothing is. The row's
  // parts are then not to be trusted.
  using Checker = std::function<Status(const Row& row, const char* damage)>;
  Status CheckRows(RecordNumber from, std::optional<RecordNumber> before, const Checker& visit);
  // Visits the entries of the id index in its order, which should be that of their ids.
  Status VisitIds(const std::function<Status(std::string_view id, RecordNumber number)>& visit);

  // --- writing ---
  // False when the id exists already; nothing is changed then.
  Result<bool> Insert(const Row& row);
  Status Replace(const Row& row);  // by number
  //   kCorruption  there is no such record, though somebody who knows said so
  Status Remove(RecordNumber number);

 private:
  Result<Statement*> Ready(Statement& statement, const char* head, const char* tail);
  // Reads the statement's row, and says what is wrong with it; null: nothing.
  const char* Read(Statement& statement, Columns columns, Row* row);
  Status Visit(Statement& statement, Columns columns, const Visitor& visit);
  Status VisitAll(Statement& statement, Columns columns, const Visitor& visit);
  static void BindRow(Statement& statement, const Row& row);

  Connection* connection_;
  std::string table_;
  Statement find_, insert_, replace_, remove_;
  std::array<Statement, 3> fetch_, scan_, range_;  // by Columns
  std::vector<float> vector_;  // an aligned copy of the row's vector during a visit
};

}  // namespace pannier::store

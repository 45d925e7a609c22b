#include "daemon/rescue/sql_indexes.h"

#include <array>
#include <functional>
#include <string>

namespace pannier::rescue {
namespace {

using store::Connection;
using store::Statement;

struct Index {
  std::string table, name, columns, first, second;
};

// Visits the rows of an index that can be read without its table.
Status ScanIndex(Connection& connection, const Index& index,
                 const std::function<Status(const Statement&)>& visit) {
  for (const char* direction : {"", " DESC"}) {
    Result<Statement> rows = connection.Prepare(
        "SELECT rowid, " + index.columns + " FROM old." + index.table + " INDEXED BY " +
        index.name + " WHERE " + index.second + " IS NOT NULL ORDER BY " + index.first + direction +
        ", " + index.second + direction);
    if (!rows.ok()) return {};  // there is no such index, or it is lost
    bool damaged = false;
    for (;;) {
      const Result<bool> row = rows->Step();
      damaged = !row.ok();
      if (damaged || !*row) break;
      TRY(visit(*rows));
    }
    if (!damaged) return {};  // the other direction would show the same
  }
  return {};
}

struct ValueIndex {
  const char* column;
  const char* suffix;  // of the index's name
};
constexpr std::array<ValueIndex, 3> kValues = {
    {{"string_value", "string"}, {"int_value", "int"}, {"float_value", "float"}}};

// `keys`: the index over (id, key). `values`: what the names of those over (key, value) begin
// with, and what follows the kind.
Status RecoverTable(Connection& connection, const std::string& table, const std::string& keys,
                    const std::string& values, const std::string& values_end) {
  Statement add = TRY(connection.Prepare("INSERT OR IGNORE INTO main." + table +
                                         "(rowid, id, key) VALUES (?, ?, ?)"));
  TRY(ScanIndex(connection, {table, keys, "id, key", "id", "key"}, [&](const Statement& row) {
    add.Reset();
    add.Bind(1, row.Int(0)).Bind(2, row.Int(1)).Bind(3, row.Text(2));
    return add.Run();
  }));
  for (const ValueIndex& value : kValues) {
    const std::string column = value.column;
    Statement set = TRY(connection.Prepare(
        "UPDATE main." + table + " SET " + column +
        " = ?2 WHERE rowid = ?1 AND string_value IS NULL AND int_value IS NULL AND float_value IS "
        "NULL AND bool_value IS NULL"));
    const auto fill = [&](const Statement& row) {
      set.Reset();
      set.Bind(1, row.Int(0));
      if (column == "int_value") {
        set.Bind(2, row.Int(2));
      } else if (column == "float_value") {
        set.BindReal(2, row.Real(2));
      } else {
        set.Bind(2, row.Text(2));
      }
      return set.Run();
    };
    const std::string name = values + value.suffix + values_end;
    TRY(ScanIndex(connection, {table, name, "key, " + column, "key", column}, fill));
  }
  return {};
}

}  // namespace

Result<int64_t> RecoverIds(Connection& connection) {
  const int64_t before = TRY(connection.QueryInt("SELECT count(*) FROM main.embeddings"));
  Statement add = TRY(connection.Prepare(
      "INSERT OR IGNORE INTO main.embeddings(id, segment_id, embedding_id) VALUES (?, ?, ?)"));
  const Index index{"embeddings", "sqlite_autoindex_embeddings_1", "segment_id, embedding_id",
                    "segment_id", "embedding_id"};
  TRY(ScanIndex(connection, index, [&](const Statement& row) {
    add.Reset();
    add.Bind(1, row.Int(0)).Bind(2, row.Text(1)).Bind(3, row.Text(2));
    return add.Run();
  }));
  return TRY(connection.QueryInt("SELECT count(*) FROM main.embeddings")) - before;
}

Status RecoverValues(Connection& connection) {
  TRY(RecoverTable(connection, "embedding_metadata", "sqlite_autoindex_embedding_metadata_1",
                   "embedding_metadata_", "_value"));
  return RecoverTable(connection, "embedding_metadata_array", "embedding_metadata_array_id_key",
                      "embedding_metadata_array_key_", "");
}

}  // namespace pannier::rescue

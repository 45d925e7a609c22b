#include "daemon/rescue/sql_repair.h"

#include <algorithm>
#include <cstdint>

#include "daemon/rescue/sql_indexes.h"

namespace pannier::rescue {
namespace {

using store::Connection;
using store::Statement;

struct Table {
  const char* name;
  std::vector<const char*> columns;
};

// Of Chroma's tables, those that hold what users put in.
const std::vector<Table>& Tables() {
  static const std::vector<Table> tables = {
      {"migrations", {"dir", "version"}},
      {"tenants", {"id"}},
      {"databases", {"id", "name", "tenant_id"}},
      {"collections", {"id", "name", "dimension", "database_id", "config_json_str", "schema_str"}},
      {"collection_metadata",
       {"collection_id", "key", "str_value", "int_value", "float_value", "bool_value"}},
      {"segments", {"id", "type", "scope", "collection"}},
      {"max_seq_id", {"segment_id", "seq_id"}},
      {"embeddings", {"segment_id", "embedding_id", "seq_id"}},
      {"embedding_metadata",
       {"id", "key", "string_value", "int_value", "float_value", "bool_value"}},
      {"embedding_metadata_array",
       {"id", "key", "string_value", "int_value", "float_value", "bool_value"}},
      {"embeddings_queue", {"operation", "topic", "id", "vector", "encoding", "metadata"}},
      {"embedding_fulltext_search_content", {"c0"}},
  };
  return tables;
}

constexpr int64_t kRangeRows = 1 << 16;
constexpr int64_t kRowsMax = int64_t{1} << 40;

// Tables whose row number Chroma itself uses name it.
const char* RowColumn(const std::string& table) {
  if (table == "embeddings" || table == "embedding_fulltext_search_content") return "id";
  if (table == "embeddings_queue") return "seq_id";
  return nullptr;
}

std::string Join(const std::vector<std::string>& words) {
  std::string joined;
  for (const std::string& word : words) joined += (joined.empty() ? "" : ", ") + word;
  return joined;
}

class TableCopy {
 public:
  TableCopy(Connection& connection, const Table& table) : connection_(connection), table_(table) {}

  // How many row numbers could not be read; not all of them need have had a row.
  Result<uint64_t> Run() {
    TRY(MakeTable());
    std::vector<std::string> there;
    for (const char* column : table_.columns) {
      if (TRY(HasColumn(column))) there.emplace_back(column);
    }
    if (there.empty()) return uint64_t{0};
    const std::string name = table_.name;
    const std::string columns = Join(there);
    copy_ = TRY(connection_.Prepare("INSERT OR IGNORE INTO main." + name + "(rowid, " + columns +
                                    ") SELECT rowid, " + columns + " FROM old." + name +
                                    " WHERE rowid BETWEEN ? AND ?"));
    probe_ = TRY(connection_.Prepare("SELECT 1 FROM old." + name + " WHERE rowid >= ? LIMIT 1"));
    const int64_t end = LastRow();
    for (int64_t first = 0; first <= end; first += kRangeRows)
      TRY(CopyRange(first, std::min(end, first + kRangeRows - 1)));
    return unreadable_;
  }

 private:
  Status MakeTable() {
    std::vector<std::string> columns;
    const char* row = RowColumn(table_.name);
    if (row != nullptr) columns.push_back(std::string(row) + " INTEGER PRIMARY KEY");
    columns.insert(columns.end(), table_.columns.begin(), table_.columns.end());
    return connection_.Run("CREATE TABLE main." + std::string(table_.name) + "(" + Join(columns) +
                           ")");
  }

  Result<bool> HasColumn(const std::string& column) {
    Statement ask =
        TRY(connection_.Prepare("SELECT count(*) FROM pragma_table_info(?, 'old') WHERE name = ?"));
    ask.Bind(1, std::string_view(table_.name)).Bind(2, std::string_view(column));
    TRY(ask.Step());
    return ask.Int(0) > 0;
  }

  // A number that no readable row is above: its end is looked for in growing steps.
  int64_t LastRow() {
    int64_t last_seen = 0;
    for (int64_t at = 1; at < kRowsMax; at *= 2) {
      probe_.Reset();
      probe_.Bind(1, at);
      const Result<bool> found = probe_.Step();
      if (found.ok() && !*found) return at;
      if (found.ok()) last_seen = at;
    }
    return std::max<int64_t>(2 * last_seen, kRangeRows);
  }

  Status CopyRange(int64_t first, int64_t last) {
    copy_.Reset();
    copy_.Bind(1, first).Bind(2, last);
    Status copied = copy_.Run();
    if (copied.ok()) return {};
    if (!copied.Is(Errc::kCorruption)) return copied;
    if (first == last) {
      ++unreadable_;
      return {};
    }
    const int64_t middle = first + (last - first) / 2;
    TRY(CopyRange(first, middle));
    return CopyRange(middle + 1, last);
  }

  Connection& connection_;
  const Table& table_;
  Statement copy_, probe_;
  uint64_t unreadable_ = 0;
};

// Documents whose row, or its value, is gone from the metadata but not from the full-text table.
Result<int64_t> CopyDocumentsFromText(Connection& connection) {
  TRY(connection.Run(
      "UPDATE main.embedding_metadata SET string_value = (SELECT t.c0 FROM "
      "main.embedding_fulltext_search_content t WHERE t.id = embedding_metadata.id) WHERE key = "
      "'chroma:document' AND string_value IS NULL"));
  const int64_t values = connection.changes();
  TRY(connection.Run(
      "INSERT INTO main.embedding_metadata(id, key, string_value) SELECT t.id, 'chroma:document', "
      "t.c0 FROM main.embedding_fulltext_search_content t WHERE t.c0 IS NOT NULL AND EXISTS "
      "(SELECT 1 FROM main.embeddings e WHERE e.id = t.id) AND NOT EXISTS (SELECT 1 FROM "
      "main.embedding_metadata m WHERE m.id = t.id AND m.key = 'chroma:document')"));
  return values + connection.changes();
}

constexpr const char* kIndexes =
    "CREATE INDEX main.embeddings_by_segment ON embeddings(segment_id, id);"
    "CREATE INDEX main.metadata_by_id ON embedding_metadata(id);"
    "CREATE INDEX main.array_by_id ON embedding_metadata_array(id);";

// What indexes and the full-text table still hold of lost rows.
Status FillFromElsewhere(Connection& connection, std::vector<std::string>* messages) {
  const int64_t ids = TRY(RecoverIds(connection).Context("ids"));
  TRY(RecoverValues(connection).Context("values"));
  const int64_t documents = TRY(CopyDocumentsFromText(connection).Context("documents"));
  if (ids > 0)
    messages->push_back("the ids of " + std::to_string(ids) + " records come from an index");
  if (documents > 0)
    messages->push_back(std::to_string(documents) + " documents come from the full-text table");
  return {};
}

// Without a transaction around: SQLite lets none go on writing in which it has met damage.
Status CopyAll(Connection& connection, std::vector<std::string>* messages) {
  bool damaged = false;
  for (const Table& table : Tables()) {
    const Result<uint64_t> unreadable = TableCopy(connection, table).Run();
    if (!unreadable.ok() && !unreadable.Is(Errc::kCorruption)) return unreadable.error();
    if (unreadable.ok() && *unreadable == 0) continue;
    damaged = true;
    messages->push_back("table " + std::string(table.name) + ": " +
                        (unreadable.ok()
                             ? "up to " + std::to_string(*unreadable) + " rows cannot be read"
                             : "unreadable: " + unreadable.error().what));
  }
  TRY(connection.Run(kIndexes).Context("indexes"));
  return damaged ? FillFromElsewhere(connection, messages) : Status();
}

}  // namespace

Result<Connection> CopyReadableRows(const std::string& damaged, const std::string& fresh,
                                    std::vector<std::string>* messages) {
  Connection connection = TRY(Connection::Open(fresh, Connection::Mode::kCreate, ""));
  // Scratch that nobody reads after a crash; and schemas with garbage in them are read around it.
  TRY(connection.Run(
      "PRAGMA journal_mode=MEMORY; PRAGMA synchronous=OFF; PRAGMA writable_schema=ON; PRAGMA "
      "cell_size_check=ON"));
  {
    Statement attach = TRY(connection.Prepare("ATTACH ? AS old"));
    attach.Bind(1, std::string_view(damaged));
    TRY(attach.Run().Context("open the copy"));
  }
  const Result<int64_t> tables = connection.QueryInt("SELECT count(*) FROM old.sqlite_master");
  if (!tables.ok()) return Corruption("its list of tables: " + tables.error().what);
  TRY(CopyAll(connection, messages));
  TRY(connection.Run("DETACH old; PRAGMA writable_schema=OFF").Context("detach"));
  return connection;
}

}  // namespace pannier::rescue

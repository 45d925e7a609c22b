#include "daemon/rescue/sql_copy.h"

#include <array>
#include <string_view>

#include "daemon/rescue/sql_repair.h"

namespace pannier::rescue {
namespace {

using store::Connection;
using store::Statement;

constexpr const char* kFile = "chroma.sqlite3";
constexpr size_t kBlockBytes = 1 << 20;
constexpr size_t kMessagesMax = 3;

Status CopyFile(file::FileSystem& files, const file::Path& from, const file::Path& to) {
  const auto source = TRY(files.Open(from, file::OpenMode::kRead));
  const auto copy = TRY(files.Open(to, file::OpenMode::kCreateNew));
  std::string block(kBlockBytes, '\0');
  for (uint64_t at = 0;;) {
    const size_t got = TRY(source->ReadAt(at, block));
    TRY(copy->WriteAt(at, std::string_view(block).substr(0, got)));
    at += got;
    if (got < block.size()) return {};
  }
}

// The journal belongs to the file by its name, so both keep theirs.
Status CopyWithJournals(file::FileSystem& files, const file::Path& directory,
                        const file::Path& scratch) {
  TRY(CopyFile(files, directory / kFile, scratch / kFile));
  for (const char* suffix : {"-wal", "-journal"}) {
    const std::string name = std::string(kFile) + suffix;
    if (TRY(file::Exists(files, directory / name)))
      TRY(CopyFile(files, directory / name, scratch / name));
  }
  return {};
}

// What integrity_check says, or why it could not.
std::vector<std::string> Complaints(Connection& connection) {
  Result<Statement> check = connection.Prepare("PRAGMA integrity_check(20)");
  if (!check.ok()) return {check.error().what};
  std::vector<std::string> complaints;
  for (;;) {
    const Result<bool> row = check->Step();
    if (!row.ok()) complaints.push_back(row.error().what);
    if (!row.ok() || !*row) return complaints;
    if (check->Text(0) != "ok") complaints.emplace_back(check->Text(0));
  }
}

struct Migrations {
  const char* folder;
  int64_t least, most;  // of Chroma 1.0, and of the newest known
};
constexpr std::array<Migrations, 3> kMigrations = {
    {{"sysdb", 7, 10}, {"metadb", 4, 6}, {"embeddings_queue", 2, 2}}};

Status CheckVersion(Connection& connection, bool repaired) {
  const auto tables = connection.QueryInt(
      "SELECT count(*) FROM sqlite_master WHERE name IN ('migrations', 'collections', "
      "'embeddings')");
  if (!tables.ok() || *tables < 3) return InvalidArgument("its chroma.sqlite3 is not Chroma's");
  for (const Migrations& part : kMigrations) {
    Statement ask = TRY(connection.Prepare("SELECT max(version) FROM migrations WHERE dir = ?"));
    ask.Bind(1, std::string_view(part.folder));
    if (!TRY(ask.Step()) || ask.IsNull(0)) {
      if (repaired) continue;  // lost with the rest of its table
      return InvalidArgument("its chroma.sqlite3 does not tell its version");
    }
    if (ask.Int(0) < part.least) {
      return InvalidArgument("the directory was written by Chroma before 1.0",
                             "open it once with Chroma 1.5, which brings it up to date");
    }
    if (ask.Int(0) > part.most) {
      return InvalidArgument("the directory was written by a newer Chroma than this program knows",
                             "use a newer pannierd, or export it from the Chroma that wrote it");
    }
  }
  return {};
}

// Looking a collection's queue up by its topic, and arrays by their record.
Status AddIndexes(Connection& connection) {
  return connection.Run(
      "PRAGMA synchronous=OFF;"
      "CREATE INDEX IF NOT EXISTS pannier_queue ON embeddings_queue(topic, seq_id);"
      "CREATE TABLE IF NOT EXISTS embedding_metadata_array (id INTEGER, key TEXT, string_value "
      "TEXT, int_value INTEGER, float_value REAL, bool_value INTEGER)");
}

}  // namespace

Result<SqlCopy> CopySql(file::FileSystem& files, const file::Path& directory,
                        const file::Path& scratch, std::vector<std::string>* messages) {
  if (!TRY(file::Exists(files, directory / kFile)))
    return NotFound("there is no chroma.sqlite3 in " + directory.string(),
                    "name the directory that Chroma was started with (--path)");
  TRY(CopyWithJournals(files, directory, scratch));
  SqlCopy copy;
  const std::string path = (scratch / kFile).string();
  std::vector<std::string> complaints;
  {
    Result<Connection> opened = Connection::Open(path, Connection::Mode::kReadWrite, "");
    if (!opened.ok()) return opened.error();
    copy.connection = std::move(opened).value();
    complaints = Complaints(copy.connection);
  }
  if (!complaints.empty()) {
    for (size_t i = 0; i < complaints.size() && i < kMessagesMax; ++i)
      messages->push_back("chroma.sqlite3: " + complaints[i]);
    copy.connection = Connection();
    copy.connection = TRY(CopyReadableRows(path, (scratch / "readable.sqlite3").string(), messages)
                              .Context("chroma.sqlite3"));
    copy.repaired = true;
  }
  TRY(CheckVersion(copy.connection, copy.repaired));
  TRY(AddIndexes(copy.connection));
  return copy;
}

}  // namespace pannier::rescue

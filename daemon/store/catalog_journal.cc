#include "daemon/store/catalog_journal.h"

namespace pannier::store {
namespace {

Result<JournalEntry> ReadEntry(const Statement& row) {
  const auto uid = Uuid::Parse(row.Text(0));
  if (!uid) return Corruption("the catalog has a damaged row of the journal");
  JournalEntry entry;
  entry.uid = *uid;
  entry.request = row.Text(1);
  entry.state = row.Text(2);
  entry.result = row.Text(3);
  entry.attempts = static_cast<uint32_t>(row.Int(4));
  entry.happened = row.Int(5) != 0;
  entry.ended = row.Int(6) != 0;
  entry.created = FromNanoseconds(row.Int(7));
  entry.changed = FromNanoseconds(row.Int(8));
  return entry;
}

}  // namespace

Status CatalogJournal::Add(const JournalEntry& entry) {
  {
    MutexLock lock(file_.mutex);
    Statement insert = TRY(file_.connection.Prepare(
        "INSERT OR IGNORE INTO operations (uid, request, state, result, attempts, happened, ended,"
        " created, changed) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)"));
    const std::string uid = entry.uid.ToString();
    insert.Bind(1, std::string_view(uid)).Bind(2, std::string_view(entry.request));
    insert.Bind(3, std::string_view(entry.state)).Bind(4, std::string_view(entry.result));
    insert.Bind(5, int64_t{entry.attempts}).Bind(6, int64_t{entry.happened});
    insert.Bind(7, int64_t{entry.ended}).Bind(8, ToNanoseconds(entry.created));
    insert.Bind(9, ToNanoseconds(entry.changed));
    TRY(insert.Run());
    if (file_.connection.changes() == 1) return {};
  }
  const std::optional<JournalEntry> there = TRY(Find(entry.uid));
  if (there && there->request == entry.request) return {};
  return Conflict("operation " + entry.uid.ToString() + " was asked for with another request",
                  "use a new uid for a new request");
}

Status CatalogJournal::Update(const JournalEntry& entry) {
  MutexLock lock(file_.mutex);
  Statement update = TRY(file_.connection.Prepare(
      "UPDATE operations SET state = ?2, result = ?3, attempts = ?4, ended = ?5, changed = ?6"
      " WHERE uid = ?1"));
  const std::string uid = entry.uid.ToString();
  update.Bind(1, std::string_view(uid)).Bind(2, std::string_view(entry.state));
  update.Bind(3, std::string_view(entry.result)).Bind(4, int64_t{entry.attempts});
  update.Bind(5, int64_t{entry.ended}).Bind(6, ToNanoseconds(entry.changed));
  TRY(update.Run());
  if (file_.connection.changes() == 0) return NotFound("no operation " + uid);
  return {};
}

Result<std::vector<JournalEntry>> CatalogJournal::Select(const std::string& where_and_order) {
  MutexLock lock(file_.mutex);
  Statement list = TRY(file_.connection.Prepare(
      "SELECT uid, request, state, result, attempts, happened, ended, created, changed"
      " FROM operations " +
      where_and_order));
  std::vector<JournalEntry> entries;
  while (TRY(list.Step())) entries.push_back(TRY(ReadEntry(list)));
  return entries;
}

Result<std::optional<JournalEntry>> CatalogJournal::Find(const Uuid& uid) {
  // The text of a Uuid holds nothing that SQL would read.
  std::vector<JournalEntry> found = TRY(Select("WHERE uid = '" + uid.ToString() + "'"));
  if (found.empty()) return std::optional<JournalEntry>();
  return std::optional<JournalEntry>(std::move(found.front()));
}

Result<std::vector<JournalEntry>> CatalogJournal::List(uint32_t newest_max) {
  return Select("ORDER BY number DESC LIMIT " + std::to_string(newest_max));
}

Result<std::vector<JournalEntry>> CatalogJournal::Unfinished() {
  return Select("WHERE ended = 0 ORDER BY number");
}

Status CatalogJournal::Prune(uint32_t keep) {
  MutexLock lock(file_.mutex);
  return file_.connection.Run(
      "DELETE FROM operations WHERE ended = 1 AND number NOT IN"
      " (SELECT number FROM operations WHERE ended = 1 ORDER BY number DESC LIMIT " +
      std::to_string(keep) + ")");
}

Status CatalogJournal::RaiseEpoch(uint64_t epoch) {
  MutexLock lock(file_.mutex);
  const auto seen =
      static_cast<uint64_t>(TRY(file_.connection.QueryInt("SELECT epoch FROM epoch")));
  if (epoch < seen) {
    return PermissionDenied(
        "epoch " + std::to_string(epoch) + " is over: " + std::to_string(seen) + " has been seen",
        "only the newest leader may ask; look who leads now");
  }
  if (epoch == seen) return {};
  return file_.connection.Run("UPDATE epoch SET epoch = " +
                              std::to_string(static_cast<int64_t>(epoch)));
}

}  // namespace pannier::store

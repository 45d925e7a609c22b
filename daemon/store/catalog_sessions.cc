// The catalog's rows of sessions, and which databases go with them.
#include "daemon/store/catalog.h"

namespace pannier::store {

Status Catalog::NoteSession(const SessionRow& row) {
  MutexLock lock(file_->mutex);
  Statement note = TRY(file_->connection.Prepare(
      "INSERT INTO sessions (uid, owner, id, name, timeout_seconds, cleanup_on_exit, created)"
      " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7) ON CONFLICT (uid) DO UPDATE SET name = ?4,"
      " timeout_seconds = ?5, cleanup_on_exit = ?6"));
  const std::string uid = row.uid.ToString();
  note.Bind(1, std::string_view(uid)).Bind(2, std::string_view(row.owner));
  note.Bind(3, std::string_view(row.id)).Bind(4, std::string_view(row.name));
  note.Bind(5, int64_t{row.timeout.count()}).Bind(6, int64_t{row.cleanup_on_exit});
  note.Bind(7, ToNanoseconds(row.created));
  return note.Run();
}

Status Catalog::ChangeSession(const SessionRow& row) {
  MutexLock lock(file_->mutex);
  Statement change =
      TRY(file_->connection.Prepare("UPDATE sessions SET name = ?2, timeout_seconds = ?3,"
                                    " cleanup_on_exit = ?4 WHERE uid = ?1"));
  const std::string uid = row.uid.ToString();
  change.Bind(1, std::string_view(uid)).Bind(2, std::string_view(row.name));
  change.Bind(3, int64_t{row.timeout.count()}).Bind(4, int64_t{row.cleanup_on_exit});
  return change.Run();
}

Result<std::vector<SessionRow>> Catalog::Sessions() {
  MutexLock lock(file_->mutex);
  Statement list = TRY(file_->connection.Prepare(
      "SELECT uid, owner, id, name, timeout_seconds, cleanup_on_exit, created FROM sessions"
      " ORDER BY number"));
  std::vector<SessionRow> rows;
  while (TRY(list.Step())) {
    const auto uid = Uuid::Parse(list.Text(0));
    if (!uid) return Corruption("the catalog has a damaged row of a session");
    SessionRow row;
    row.uid = *uid;
    row.owner = list.Text(1);
    row.id = list.Text(2);
    row.name = list.Text(3);
    row.timeout = std::chrono::seconds(list.Int(4));
    row.cleanup_on_exit = list.Int(5) != 0;
    row.created = FromNanoseconds(list.Int(6));
    rows.push_back(std::move(row));
  }
  return rows;
}

Status Catalog::ForgetSession(const Uuid& uid) {
  MutexLock lock(file_->mutex);
  return file_->Change("DELETE FROM sessions WHERE uid = ?1", {uid.ToString()});
}

Result<std::vector<CatalogEntry>> Catalog::TemporaryOf(const Uuid& session) {
  MutexLock lock(file_->mutex);
  Statement list =
      TRY(file_->connection.Prepare("SELECT id, store, tenant, name, session, idle_seconds"
                                    " FROM databases WHERE session = ?1 ORDER BY tenant, name"));
  const std::string uid = session.ToString();
  list.Bind(1, std::string_view(uid));
  std::vector<CatalogEntry> entries;
  while (TRY(list.Step())) entries.push_back(TRY(ReadDatabase(list)));
  return entries;
}

Result<std::vector<Uuid>> Catalog::LostSessions() {
  MutexLock lock(file_->mutex);
  Statement list = TRY(
      file_->connection.Prepare("SELECT DISTINCT session FROM databases WHERE session IS NOT NULL"
                                " AND session NOT IN (SELECT uid FROM sessions)"));
  std::vector<Uuid> lost;
  while (TRY(list.Step())) {
    const auto uid = Uuid::Parse(list.Text(0));
    if (!uid) return Corruption("the catalog has a damaged row of a temporary database");
    lost.push_back(*uid);
  }
  return lost;
}

}  // namespace pannier::store

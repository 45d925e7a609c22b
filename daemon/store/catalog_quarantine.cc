// The catalog's rows beside the databases: quarantine, damage, and what sweeps saw.
#include "daemon/store/catalog.h"

namespace pannier::store {
namespace {

constexpr char kColumns[] =
    "SELECT store, tenant, name, id, why, since, expires, path, origin, doomed FROM quarantine ";

Result<QuarantineRow> ReadQuarantine(const Statement& row) {
  const auto store = Uuid::Parse(row.Text(0));
  const auto database = Uuid::Parse(row.Text(3));
  if (!store || !database) return Corruption("the catalog has a damaged row of the quarantine");
  QuarantineRow read;
  read.store = *store;
  read.tenant = row.Text(1);
  read.name = row.Text(2);
  read.database = *database;
  read.why = row.Text(4);
  read.since = FromNanoseconds(row.Int(5));
  if (!row.IsNull(6)) read.expires = FromNanoseconds(row.Int(6));
  read.path = row.Text(7);
  read.origin = row.Text(8);
  read.doomed = row.Int(9) != 0;
  return read;
}

Error NotThere(const Uuid& store) {
  return NotFound("nothing in quarantine is named " + store.ToString());
}

}  // namespace

// --- quarantine ---

Status Catalog::InsertQuarantine(const QuarantineRow& row) {
  Statement insert = TRY(file_->connection.Prepare(
      "INSERT INTO quarantine (store, tenant, name, id, why, since, expires, path, origin, doomed)"
      " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)"));
  const std::string store = row.store.ToString(), database = row.database.ToString();
  insert.Bind(1, std::string_view(store)).Bind(2, std::string_view(row.tenant));
  insert.Bind(3, std::string_view(row.name)).Bind(4, std::string_view(database));
  insert.Bind(5, std::string_view(row.why)).Bind(6, ToNanoseconds(row.since));
  row.expires ? insert.Bind(7, ToNanoseconds(*row.expires)) : insert.BindNull(7);
  insert.Bind(8, std::string_view(row.path)).Bind(9, std::string_view(row.origin));
  insert.Bind(10, int64_t{row.doomed});
  return insert.Run();
}

Status Catalog::Quarantine(const QuarantineRow& row) {
  MutexLock lock(file_->mutex);
  return InsertQuarantine(row);
}

Result<std::vector<QuarantineRow>> Catalog::Quarantined() {
  MutexLock lock(file_->mutex);
  Statement list = TRY(file_->connection.Prepare(std::string(kColumns) + "ORDER BY since, store"));
  std::vector<QuarantineRow> rows;
  while (TRY(list.Step())) rows.push_back(TRY(ReadQuarantine(list)));
  return rows;
}

Result<QuarantineRow> Catalog::FindQuarantined(const Uuid& store) {
  MutexLock lock(file_->mutex);
  Statement find =
      TRY(file_->connection.Prepare(std::string(kColumns) + "WHERE store = ?1 AND doomed = 0"));
  const std::string text = store.ToString();
  find.Bind(1, std::string_view(text));
  if (!TRY(find.Step())) return NotThere(store);
  return ReadQuarantine(find);
}

Status Catalog::ReturnsTo(const Uuid& store, const std::string& origin) {
  MutexLock lock(file_->mutex);
  return file_->Change("UPDATE quarantine SET origin = ?2 WHERE store = ?1",
                       {store.ToString(), origin});
}

Status Catalog::Release(const CatalogEntry& entry) {
  MutexLock lock(file_->mutex);
  Transaction transaction = TRY(Transaction::Begin(file_->connection, Transaction::Kind::kWrite));
  TRY(InsertDatabase(entry, /*with_tenant=*/true));
  TRY(file_->Change("DELETE FROM quarantine WHERE store = ?1", {entry.store.ToString()}));
  if (file_->connection.changes() == 0) return NotThere(entry.store);
  return transaction.Commit();
}

Status Catalog::Doom(const Uuid& store) {
  MutexLock lock(file_->mutex);
  return file_->Change("UPDATE quarantine SET doomed = 1 WHERE store = ?1", {store.ToString()});
}

Status Catalog::ForgetQuarantined(const Uuid& store) {
  MutexLock lock(file_->mutex);
  return file_->Change("DELETE FROM quarantine WHERE store = ?1", {store.ToString()});
}

// --- damage ---

Status Catalog::SetDamage(const DamageRow& row) {
  MutexLock lock(file_->mutex);
  return file_->Change(
      "INSERT OR REPLACE INTO damage (tenant, name, what) SELECT tenant, name, ?3 FROM databases"
      " WHERE tenant = ?1 AND name = ?2",
      {row.store.tenant, row.store.database, row.what});
}

Status Catalog::ClearDamage(const StoreName& store) {
  MutexLock lock(file_->mutex);
  return file_->Change("DELETE FROM damage WHERE tenant = ?1 AND name = ?2",
                       {store.tenant, store.database});
}

Result<std::vector<DamageRow>> Catalog::Damages() {
  MutexLock lock(file_->mutex);
  Statement list = TRY(file_->connection.Prepare("SELECT tenant, name, what FROM damage"));
  std::vector<DamageRow> rows;
  while (TRY(list.Step())) {
    rows.push_back(
        {{std::string(list.Text(0)), std::string(list.Text(1))}, std::string(list.Text(2))});
  }
  return rows;
}

// --- what sweeps saw ---

Result<std::vector<LeftoverRow>> Catalog::Leftovers() {
  MutexLock lock(file_->mutex);
  Statement list = TRY(file_->connection.Prepare("SELECT path, signature, since FROM leftovers"));
  std::vector<LeftoverRow> rows;
  while (TRY(list.Step())) {
    rows.push_back(
        {std::string(list.Text(0)), std::string(list.Text(1)), FromNanoseconds(list.Int(2))});
  }
  return rows;
}

Status Catalog::SetLeftovers(const std::vector<LeftoverRow>& rows) {
  MutexLock lock(file_->mutex);
  Transaction transaction = TRY(Transaction::Begin(file_->connection, Transaction::Kind::kWrite));
  TRY(file_->connection.Run("DELETE FROM leftovers"));
  Statement insert =
      TRY(file_->connection.Prepare("INSERT OR REPLACE INTO leftovers VALUES (?1, ?2, ?3)"));
  for (const LeftoverRow& row : rows) {
    insert.Bind(1, std::string_view(row.path)).Bind(2, std::string_view(row.signature));
    insert.Bind(3, ToNanoseconds(row.since));
    TRY(insert.Run());
  }
  insert = Statement();
  return transaction.Commit();
}

}  // namespace pannier::store

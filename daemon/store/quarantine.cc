#include "daemon/store/quarantine.h"

#include <algorithm>
#include <cctype>
#include <ctime>

namespace pannier::store {
namespace {

constexpr size_t kWhyMax = 32;

std::string FolderName(const Uuid& id, std::string_view why, WallTime since) {
  const std::time_t seconds =
      std::chrono::floor<std::chrono::seconds>(since).time_since_epoch().count();
  std::tm parts{};
  gmtime_r(&seconds, &parts);
  char time[32];
  std::strftime(time, sizeof time, "%Y%m%dT%H%M%SZ", &parts);
  std::string name = id.ToString() + "-" + time + "-";
  // Whatever the reason says, it must stay one name.
  for (const char c : why.substr(0, kWhyMax)) {
    name += std::isalnum(static_cast<unsigned char>(c)) != 0 ? c : '-';
  }
  return name;
}

}  // namespace

QuarantineRow Quarantine::RowFor(const Uuid& id, const std::string& origin, std::string_view why,
                                 WallTime since, std::optional<WallTime> expires) {
  QuarantineRow row;
  row.store = id;
  row.why = why;
  row.since = since;
  row.expires = expires;
  row.path = "quarantine/" + FolderName(id, why, since);
  row.origin = origin;
  return row;
}

Status Quarantine::MoveIn(const QuarantineRow& row) {
  MutexLock lock(mutex_);
  return Move(row);
}

Status Quarantine::Add(const QuarantineRow& row) {
  MutexLock lock(mutex_);
  TRY(catalog_.Quarantine(row));
  return Move(row);
}

Result<bool> Quarantine::WaitsForMove(const QuarantineRow& row) {
  if (TRY(file::Exists(files_, directory_.At(row.path)))) return false;
  return file::Exists(files_, directory_.At(row.origin));
}

Status Quarantine::Move(const QuarantineRow& row) {
  if (!TRY(WaitsForMove(row))) return {};
  TRY(file::MakeDirectories(files_, directory_.quarantine_path()));
  return file::RenameDurably(files_, directory_.At(row.origin), directory_.At(row.path))
      .Context("move to quarantine");
}

Status Quarantine::Finish() {
  MutexLock lock(mutex_);
  bool settled = false;
  for (const QuarantineRow& row : TRY(catalog_.Quarantined())) {
    if (!row.doomed && !TRY(WaitsForMove(row))) continue;
    if (!settled) TRY(catalog_.Settle());
    settled = true;
    TRY(row.doomed ? Destroy(row) : Move(row));
  }
  return {};
}

Result<std::vector<QuarantinedStore>> Quarantine::List() {
  std::vector<QuarantinedStore> list;
  for (QuarantineRow& row : TRY(catalog_.Quarantined())) {
    if (row.doomed) continue;
    const Result<bool> waits = WaitsForMove(row);
    const std::string& place = waits.ok() && *waits ? row.origin : row.path;
    const Result<uint64_t> bytes = file::DiskUsage(files_, directory_.At(place));
    QuarantinedStore store;
    store.store = row.store;
    store.tenant = std::move(row.tenant);
    store.database = std::move(row.name);
    store.why = std::move(row.why);
    store.since = row.since;
    store.expires = row.expires;
    store.path = std::move(row.path);
    store.bytes = bytes.ok() ? *bytes : 0;
    list.push_back(std::move(store));
  }
  return list;
}

// The folder goes below stores/ first, while the row still says that it belongs to the quarantine:
// a crash there brings it back. The row is written before anything moves, which also settles what
// became of an attempt whose commit the disk failed.
Status Quarantine::Release(const Uuid& id, const std::string& tenant, const std::string& database) {
  MutexLock lock(mutex_);
  QuarantineRow row = TRY(catalog_.FindQuarantined(id));
  if (catalog_.Find(tenant, database).ok()) {
    return Conflict("Database [" + database + "] already exists", "release it under another name");
  }
  const std::string path = directory_.At(row.path);
  row.origin = DataDirectory::StoreAt(id);
  TRY(catalog_.ReturnsTo(id, row.origin));
  TRY(Move(row));
  if (!TRY(file::Exists(files_, path + "/store.db"))) {
    return InvalidArgument(row.path + " holds no store", "look what it is in the data directory");
  }
  TRY(file::RenameDurably(files_, path, directory_.At(row.origin)));
  const bool same_name = row.tenant == tenant && row.name == database;
  const CatalogEntry entry{same_name ? row.database : Uuid::Random(), id, tenant, database};
  Status released = catalog_.Release(entry);
  // After a commit that the disk failed the folder stays: after a power cut the commit may be there
  // and must find it, and if it is not, the next start moves it back.
  if (released.Is(Errc::kConflict)) TRY(Move(row));
  return released;
}

Status Quarantine::Remove(const Uuid& id) {
  MutexLock lock(mutex_);
  return Destroy(TRY(catalog_.FindQuarantined(id)));
}

// What is doomed lies in its place, or is gone from there in part.
Status Quarantine::Destroy(const QuarantineRow& row) {
  if (!row.doomed) {
    TRY(Move(row));
    TRY(catalog_.Doom(row.store));
  }
  TRY(file::RemoveAll(files_, directory_.At(row.path)));
  return catalog_.ForgetQuarantined(row.store);
}

Result<uint64_t> Quarantine::RemoveExpired(WallTime now) {
  MutexLock lock(mutex_);
  uint64_t removed = 0;
  for (const QuarantineRow& row : TRY(catalog_.Quarantined())) {
    if (!row.expires || *row.expires > now) continue;
    TRY(Destroy(row));
    ++removed;
  }
  return removed;
}

}  // namespace pannier::store

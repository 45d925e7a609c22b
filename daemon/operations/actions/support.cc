#include "daemon/operations/actions/support.h"

#include <algorithm>
#include <array>

#include "daemon/operations/members.h"
#include "daemon/operations/operation_json.h"
#include "daemon/store/data_directory.h"
#include "daemon/store/fork.h"
#include "lib/core/log.h"
#include "lib/core/units.h"
#include "lib/crypto/sha256.h"
#include "lib/json/cold.h"

namespace pannier::operations {

Result<Staging> Staging::Make(Services& services, const Uuid& operation) {
  TRY(services.stores.RemoveStaging(operation));
  std::string path = TRY(services.stores.MakeStaging(operation));
  return Staging(services, operation, std::move(path));
}

Staging::~Staging() {
  if (path_.empty()) return;
  const Status removed = services_.stores.RemoveStaging(operation_);
  if (!removed.ok()) {
    LogWarn("a staging folder stays until the next start").Add("error", removed.error().what);
  }
}

Result<std::string> Staging::MakeFolder(const std::string& name) const {
  std::string folder = path_ + "/" + name;
  TRY(services_.files.MakeDirectory(folder));
  return folder;
}

Result<store::DatabaseInfo> FindDatabase(Services& services, const StoreName& store) {
  return services.stores.FindDatabase(store.tenant, store.database);
}

Result<bool> DatabaseExists(Services& services, const StoreName& store) {
  const Result<store::DatabaseInfo> found = FindDatabase(services, store);
  if (found.ok()) return true;
  if (found.Is(Errc::kNotFound)) return false;
  return found.error();
}

Result<store::StoreRef> Acquire(Services& services, const StoreName& store) {
  return services.stores.Acquire(store.tenant, store.database, store::Use::kUpkeep);
}

std::optional<uint64_t> SequenceOf(Services& services, const StoreName& store) {
  const Result<store::StoreRef> open = Acquire(services, store);
  if (!open.ok()) return std::nullopt;
  return (*open)->sequence();
}

std::vector<Hold> HoldsOfStore(const StoreName& store) {
  return {AllStoresHold(/*shared=*/true), StoreHold(store)};
}

std::vector<Hold> HoldsOfRequest(const Request& request) {
  std::vector<Hold> holds;
  if (request.store) holds = HoldsOfStore(*request.store);
  if (!request.repository.empty()) holds.push_back(RepositoryHold(request.repository, true));
  return holds;
}

Result<std::string> FolderOf(Services& services, const StoreName& store) {
  const Uuid id = TRY(services.stores.StoreId(store.tenant, store.database));
  return services.settings.data_dir + "/" + store::DataDirectory::StoreAt(id);
}

Status CheckRoom(Services& services, uint64_t bytes) {
  const file::Space space = TRY(services.files.FreeSpace(services.settings.data_dir));
  if (space.free_bytes >= bytes + services.settings.spool_reserve_bytes) return {};
  return StorageFull("there are " + FormatBytes(space.free_bytes) +
                         " free where the data is, and " + FormatBytes(bytes) +
                         " and a reserve are needed",
                     "make room, or give the volume more");
}

namespace {

Status CopyFile(Services& services, const std::string& from, const std::string& to,
                const store::Progress& progress) {
  constexpr size_t kStep = 1 << 20;
  const auto source = TRY(services.files.Open(from, file::OpenMode::kRead));
  const auto target = TRY(services.files.Open(to, file::OpenMode::kCreateNew));
  const uint64_t total = TRY(source->Size());
  std::string buffer(kStep, '\0');
  for (uint64_t done = 0;;) {
    const size_t read = TRY(source->ReadAt(done, buffer));
    if (read == 0) break;
    TRY(target->WriteAt(done, std::string_view(buffer).substr(0, read)));
    done += read;
    if (!progress(done, total)) return DeadlineExceeded("stopped");
  }
  return {};
}

}  // namespace

Status CopyFiles(Services& services, Context& context, const std::string& from,
                 const std::string& folder) {
  std::vector<file::Entry> entries = TRY(services.files.List(from));
  // The log before the file: what is moved from the one to the other meanwhile is then in the copy
  // twice, and never missing.
  std::reverse(entries.begin(), entries.end());
  for (const file::Entry& entry : entries) {
    if (entry.kind != file::Kind::kFile || entry.name.ends_with("-shm")) continue;
    TRY(CopyFile(services, from + "/" + entry.name, folder + "/" + entry.name, context.Progress()));
  }
  return {};
}

Status CopyForReading(Services& services, Context& context, const StoreName& store,
                      const std::string& folder) {
  const std::string from = TRY(FolderOf(services, store));
  TRY(CheckRoom(services, TRY(file::DiskUsage(services.files, from))));
  const Result<store::StoreRef> open = Acquire(services, store);
  if (open.ok()) {
    const Result<store::StoreCopy> copy =
        store::CopyStore(**open, folder, services.files, {context.deadline()}, context.Progress());
    if (copy.ok()) return {};
    if (!copy.Is(Errc::kCorruption)) return copy.error();
    TRY(file::RemoveAll(services.files, folder));
    TRY(services.files.MakeDirectory(folder));
  } else if (!open.Is(Errc::kCorruption)) {
    return open.error();
  }
  const store::WriteFence fence =
      TRY(services.stores.FenceWrites(store.tenant, store.database, context.deadline()));
  return CopyFiles(services, context, from, folder);
}

Result<std::optional<Uuid>> PutInPlace(Services& services, const Uuid& operation,
                                       const StoreName& target, const std::string& staged,
                                       std::string_view why,
                                       std::optional<std::chrono::seconds> quarantine,
                                       SteadyTime deadline) {
  if (!TRY(DatabaseExists(services, target))) {
    TRY(services.stores.Install(operation, target.tenant, target.database, staged));
    return std::optional<Uuid>();
  }
  const Uuid old = TRY(services.stores.StoreId(target.tenant, target.database));
  std::optional<WallTime> expires;
  if (quarantine) expires = services.clock.Now() + *quarantine;
  TRY(services.stores.Replace(operation, target.tenant, target.database, staged, why, expires,
                              deadline));
  return std::optional(old);
}

Result<std::optional<Uuid>> LastQuarantined(Services& services, const StoreName& store,
                                            std::string_view why) {
  std::optional<store::QuarantinedStore> newest;
  for (store::QuarantinedStore& each : TRY(services.stores.ListQuarantine())) {
    const bool ours =
        each.tenant == store.tenant && each.database == store.database && each.why == why;
    if (ours && (!newest || each.since > newest->since)) newest = std::move(each);
  }
  return newest ? std::optional(newest->store) : std::nullopt;
}

PartOperation::PartOperation(Services& services, const Uuid& operation, const std::string& part)
    : services_(services) {
  const crypto::Digest digest = crypto::Sha256(operation.ToString() + "/" + part);
  std::array<uint8_t, 16> bytes{};
  std::copy_n(digest.begin(), bytes.size(), bytes.begin());
  uid_ = Uuid(bytes);
}

Result<bool> PartOperation::Begin(const nlohmann::json& request) {
  std::optional<store::JournalEntry> known = TRY(services_.stores.journal().Find(uid_));
  if (known && known->happened) {
    TRY(NoteDone());
    return true;
  }
  store::JournalEntry entry = known.value_or(store::JournalEntry{});
  entry.uid = uid_;
  entry.request = json::Dump(request);
  entry.state = ToString(State::kRunning);
  entry.result.clear();
  ++entry.attempts;
  entry.ended = true;
  entry.changed = services_.clock.Now();
  if (!known) entry.created = entry.changed;
  TRY(known ? services_.stores.journal().Update(entry) : services_.stores.journal().Add(entry));
  return false;
}

Status PartOperation::NoteEnd(const Result<nlohmann::json>& result) {
  std::optional<store::JournalEntry> entry = TRY(services_.stores.journal().Find(uid_));
  if (!entry) return {};
  entry->state = ToString(result.ok() ? State::kSucceeded : State::kFailed);
  entry->result = json::Dump(EndedJson(nullptr, result, entry->created));
  entry->changed = services_.clock.Now();
  return services_.stores.journal().Update(*entry);
}

Status PartOperation::NoteDone() { return NoteEnd(nlohmann::json(nullptr)); }

void PartOperation::NoteFailed(const Error& error) {
  const Status noted = NoteEnd(error);
  if (!noted.ok()) LogWarn("an operation's end was not noted").Add("error", noted.error().what);
}

nlohmann::json UuidJson(const std::optional<Uuid>& id) {
  return id && !id->IsNil() ? nlohmann::json(id->ToString()) : nlohmann::json(nullptr);
}

std::string ResultWord(bool ok) { return ok ? "succeeded" : "failed"; }

std::chrono::seconds SecondsSince(WallTime time, WallTime now) {
  return std::max(std::chrono::seconds(0),
                  std::chrono::duration_cast<std::chrono::seconds>(now - time));
}

}  // namespace pannier::operations

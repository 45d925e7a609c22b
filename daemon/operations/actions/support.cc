#include "daemon/operations/actions/support.h"

#include <algorithm>

#include "daemon/operations/members.h"
#include "lib/core/log.h"

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
  return services.stores.Acquire(store.tenant, store.database);
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

nlohmann::json UuidJson(const std::optional<Uuid>& id) {
  return id && !id->IsNil() ? nlohmann::json(id->ToString()) : nlohmann::json(nullptr);
}

std::string ResultWord(bool ok) { return ok ? "succeeded" : "failed"; }

std::chrono::seconds SecondsSince(WallTime time, WallTime now) {
  return std::max(std::chrono::seconds(0),
                  std::chrono::duration_cast<std::chrono::seconds>(now - time));
}

}  // namespace pannier::operations

#include "daemon/api/target.h"

namespace pannier::api {

Status CheckDatabase(const Call& call) {
  constexpr size_t kBytesMin = 3;
  if (call.database().size() >= kBytesMin) return {};
  return InvalidArgument("database name must be at least 3 characters");
}

Result<store::StoreRef> AcquireStore(store::Stores& stores, const Call& call) {
  TRY(CheckDatabase(call));
  return stores.Acquire(call.tenant(), call.database());
}

Result<Target> FindTarget(store::Stores& stores, const Call& call) {
  TRY(CheckDatabase(call));
  const std::optional<Uuid> id = Uuid::Parse(call.collection());
  if (!id) return InvalidArgument("Collection ID is not a valid UUIDv4");
  const auto unknown = [&id] {
    return NotFound("Collection [" + id->ToString() + "] does not exist.");
  };
  Result<store::StoreRef> store = AcquireStore(stores, call);
  if (store.Is(Errc::kNotFound)) return unknown();
  Target target{TRY(std::move(store)), *id, nullptr};
  target.info = target.store->FindCollection(*id);
  if (!target.info) return unknown();
  return target;
}

}  // namespace pannier::api

#include "daemon/api/target.h"

namespace pannier::api {

Result<Target> FindTarget(store::Stores& stores, const Call& call) {
  const std::optional<Uuid> id = Uuid::Parse(call.collection());
  if (!id) return InvalidArgument("Collection ID is not a valid UUIDv4");
  const auto unknown = [&id] {
    return NotFound("Collection [" + id->ToString() + "] does not exist.");
  };
  Result<store::StoreRef> store = stores.Acquire(call.tenant(), call.database());
  if (store.Is(Errc::kNotFound)) return unknown();
  Target target{TRY(std::move(store)), *id, nullptr};
  target.info = target.store->FindCollection(*id);
  if (!target.info) return unknown();
  return target;
}

}  // namespace pannier::api

// The collection that a route with a collection id is about.
// Threads: pure functions over the stores.
#pragma once

#include "daemon/api/router.h"
#include "daemon/store/stores.h"
#include "lib/core/result.h"
#include "lib/core/uuid.h"

namespace pannier::api {

struct Target {
  store::StoreRef store;
  Uuid id;
  store::CollectionPtr info;  // as it is now
};

// Finds it where the path says: an id of another database is as unknown as any other, which is what
// keeps tokens apart.
//   kInvalidArgument  not a UUID
//   kNotFound         "Collection [id] does not exist."
Result<Target> FindTarget(store::Stores& stores, const Call& call);

}  // namespace pannier::api

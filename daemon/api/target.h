// The collection that a route with a collection id is about.
// Threads: pure functions over the stores.
#pragma once

#include "daemon/api/router.h"
#include "daemon/store/stores.h"
#include "lib/core/result.h"
#include "lib/core/uuid.h"

namespace pannier::api {

// The store that the path names.
//   kInvalidArgument  a database name of less than 3 bytes
//   kNotFound         no such database
Result<store::StoreRef> AcquireStore(store::Stores& stores, const Call& call);

// Chroma looks at the length of a database name in the path after the body, and before everything
// else.
//   kInvalidArgument  it has less than 3 bytes
Status CheckDatabase(const Call& call);

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

// Begins the complaint about a body that is no JSON, or has a word where only another may stand.
inline constexpr std::string_view kNotJson = "Failed to parse the request body as JSON";

// `parsed`, but where its values are wrong and there is no such collection either, the latter: as
// Chroma does, which looks for the collection between shapes and values.
template <typename T>
Result<T> AfterTarget(store::Stores& stores, const Call& call, Result<T> parsed) {
  const bool of_values = parsed.Is(Errc::kInvalidArgument) || parsed.Is(Errc::kUnimplemented);
  if (of_values && !parsed.error().what.starts_with(kNotJson)) TRY(FindTarget(stores, call));
  return parsed;
}

}  // namespace pannier::api

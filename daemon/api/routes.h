// The groups of routes, one file each: routes_<group>.cc.
// Threads: Add…() before the first request; the handlers from any thread.
#pragma once

#include "daemon/api/api.h"
#include "daemon/api/router.h"

namespace pannier::api {

// What handlers work with; outlives the router.
struct RouteContext {
  store::Stores& stores;
  const Clock& clock;
  const ApiOptions& options;
  const ApiHooks& hooks;
  sessions::Registry* sessions;  // null: there are none
};

void AddSystemRoutes(const RouteContext& context, Router* router);  // heartbeat, reset, health
void AddTenantRoutes(const RouteContext& context, Router* router);  // tenants and databases
void AddCollectionRoutes(const RouteContext& context, Router* router);
void AddRecordRoutes(const RouteContext& context, Router* router);
void AddRefusedRoutes(const RouteContext& context, Router* router);  // what one node has not
void AddStoreRoutes(const RouteContext& context, Router* router);    // /pannier/v1/stores
void AddSessionRoutes(const RouteContext& context, Router* router);  // /pannier/v1/sessions

// Where the routes of collections and of records begin.
inline constexpr const char* kDatabasePath = "/api/v2/tenants/{tenant}/databases/{database}";

}  // namespace pannier::api

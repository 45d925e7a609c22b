// The groups of `/admin/v1` (docs/admin-api.md). Threads: at start. Lifetime: the parts outlive the
// router.
#pragma once

#include <functional>

#include "daemon/admin/router.h"
#include "daemon/operations/executor.h"
#include "daemon/operations/repositories.h"
#include "daemon/operations/snapshot_finder.h"
#include "daemon/service/events.h"
#include "daemon/service/mode.h"
#include "daemon/store/stores.h"
#include "lib/core/clock.h"

namespace pannier::sessions {
class Registry;
}

namespace pannier::admin {

void AddOperationRoutes(Router& router, operations::Executor& executor);
void AddEventRoutes(Router& router, const service::Events& events);
void AddRepositoryRoutes(Router& router, operations::Repositories& repositories,
                         operations::SnapshotFinder& finder, const Clock& clock);
void AddSessionRoutes(Router& router, sessions::Registry& sessions);
void AddQuarantineRoutes(Router& router, store::Stores& stores, service::Events& events);

// `mode`: what the daemon says of itself.
void AddModeRoutes(Router& router, store::Stores& stores, std::function<service::Mode()> mode);

// A UUID of a path.
//   kInvalidArgument  it is none
Result<Uuid> ParseUid(const std::string& text);
// A number of a query.
Result<uint64_t> NumberOf(const Call& call, std::string_view name, uint64_t by_default);

}  // namespace pannier::admin

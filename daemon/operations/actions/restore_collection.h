// One collection comes back into the store that is there. Threads: any.
#pragma once

#include <optional>
#include <string>

#include "daemon/operations/actions/restore_steps.h"

namespace pannier::operations {

// `folder`: the whole snapshot, sound, in `staging`; it is used up. Writes of the store are refused
// until its new version is in place.
//   kNotFound  the snapshot has no such collection
Result<std::optional<Uuid>> RestoreCollection(Services& services, Context& context,
                                              const RestorePlan& plan, const std::string& folder,
                                              const Staging& staging,
                                              std::chrono::seconds quarantine);

}  // namespace pannier::operations

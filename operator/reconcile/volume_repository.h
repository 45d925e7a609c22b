// A SnapshotRepository on a volume, as the daemons see it that have it mounted: the operator itself
// has no volumes. Threads: any.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "operator/daemons/daemon_calls.h"
#include "operator/plan/inventory.h"
#include "operator/plan/snapshot_repository_plan.h"

namespace pannier::control {

// Daemons that answered, as addresses. `views` are of the same daemons.
std::vector<DaemonAddress> Answering(const std::vector<DaemonAddress>& daemons,
                                     const std::vector<DaemonView>& views);

struct VolumeLook {
  RepositoryProbe probe;
  std::optional<DaemonAddress> daemon;  // that has it
};
// Asks one daemon after the other, at most three, until one knows a repository of that name.
VolumeLook ProbeVolume(DaemonCalls& calls, const std::vector<DaemonAddress>& daemons,
                       const std::string& repository);

// From the answer of GET repositories/{name}/snapshots.
RepositoryListing ListingOf(const nlohmann::json& answer, WallTime slot);

// From the same answer, the newest 5,000: of the VectorStore of this rule.
RepositoryInventory InventoryOf(const nlohmann::json& answer, const ClaimRule& rule);

// The answer of GET repositories/{name}/snapshots of one daemon; at most three are asked.
Result<nlohmann::json> SnapshotsOfVolume(DaemonCalls& calls,
                                         const std::vector<DaemonAddress>& daemons,
                                         const std::vector<DaemonView>& views,
                                         const std::string& repository);

// The keys of these snapshots, by uid; nothing when no daemon tells.
std::optional<std::map<std::string, std::string>> FindInVolume(
    DaemonCalls& calls, const std::vector<DaemonAddress>& daemons,
    const std::vector<DaemonView>& views, const std::string& repository,
    const std::vector<Uuid>& uids);

}  // namespace pannier::control

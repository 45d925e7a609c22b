// Which URLs a daemon's operation may get of those that it asks for. A daemon has no credentials:
// what is granted here is all that it can do to a repository. Threads: pure functions.
#pragma once

#include <nlohmann/json.hpp>
#include <optional>
#include <set>
#include <string>

#include "operator/plan/daemon_view.h"
#include "operator/plan/plan.h"
#include "operator/resource/snapshot_repository.h"

namespace pannier::control {

struct GrantRule {
  // Manifests below this, and what lies beside them, may be read and made; "" : none.
  std::string own_manifests;
  // These manifests may be read, and what was found of them written down beside them.
  std::set<std::string> named_manifests;
  bool may_write = false;  // chunks and manifests, below own_manifests
  bool may_judge = false;  // what a check found, of named_manifests
};

// Of what `operation` wants; nothing when it may get none of it.
std::optional<DaemonGrant> GrantFor(const std::string& pod_uid, const Uuid& uid,
                                    const OperationView& operation, const GrantRule& rule);

// Tells a daemon, in the body of its operation, which repository to work with: one on a volume by
// its name; one in S3 by its identity `id`, since a daemon reaches it by granted URLs only.
void NameRepository(const SnapshotRepository& repository, const std::string& id,
                    nlohmann::json* body);

}  // namespace pannier::control

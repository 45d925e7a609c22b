// One look at a repository in S3: whether it answers, what its clock says, whose it is, and whether
// it can be written. Threads: any.
#pragma once

#include "lib/core/clock.h"
#include "lib/repository/s3_store.h"
#include "operator/plan/snapshot_repository_plan.h"
#include "operator/resource/snapshot_repository.h"

namespace pannier::control {

// The same text for the same trouble, since it becomes part of a status, which is written when it
// changes: without the times it took ("after 31 ms") and, of a key that is new each time, its name.
std::string SteadyText(std::string text, std::string_view key = "");

// A probe that failed before anything was sent: `error` of AccessOf() or of S3Store::Make().
RepositoryProbe ProbeOf(const Error& error);

// Writes only where the identity is the one that is known, or none is known yet: a place that is
// empty, or another's, stays as it is. What a probe that was cut short left is removed by a later
// one.
RepositoryProbe ProbeS3(const SnapshotRepository& repository, repository::S3Store& store,
                        const Clock& clock, SteadyTime deadline);

}  // namespace pannier::control

// The places of our kinds, by their short names. Threads: constants.
#pragma once

#include "operator/kube/pannier_kinds.h"

namespace pannier::cluster {

using kube::kOperations;
using kube::kOurKinds;
using kube::kPolicies;
using kube::kRepositories;
using kube::kSchedules;
using kube::kSnapshots;
using kube::kVectorStores;

}  // namespace pannier::cluster

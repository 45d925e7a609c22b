// What all reconcilers work with. Lifetime: everything it refers to outlives it. Threads: any, as
// its members are.
#pragma once

#include <functional>
#include <optional>

#include "lib/core/clock.h"
#include "operator/daemons/daemon_calls.h"
#include "operator/kube/api.h"
#include "operator/kube/events.h"
#include "operator/reconcile/caches.h"
#include "operator/reconcile/definitions.h"
#include "operator/reconcile/secrets.h"
#include "operator/reconcile/transfers.h"
#include "operator/repositories/s3_repositories.h"

namespace pannier::control {

struct Context {
  kube::Api& api;  // whose writes are refused once we do not lead
  const Caches& caches;
  DaemonCalls& daemons;
  S3Repositories& s3;
  Secrets& secrets;
  const Clock& clock;
  // While we lead for certain.
  std::function<std::optional<int64_t>()> epoch;
  std::function<void(const kube::Regarding&, const PlanEvent&)> tell;
  // Sees to the Secret by which the daemons of a VectorStore are known.
  std::function<Status(const VectorStore&)> keep_admin_secret;
  bool allow_claim_deletion = false;
  bool honour_admin_address = false;
  Transfers transfers = {};
  Definitions definitions = {};

  // The epoch, or
  //   kUnavailable  this process leads no more
  Result<int64_t> Epoch() const {
    const std::optional<int64_t> now = epoch();
    if (!now) return Unavailable("this operator leads no more");
    return *now;
  }
  std::vector<DaemonAddress> DaemonsOf(const VectorStore& store) const;
};

}  // namespace pannier::control

// Which objects are to be looked at again when one has changed. Threads: pure, but for reading the
// caches.
#pragma once

#include <chrono>
#include <vector>

#include "operator/reconcile/caches.h"

namespace pannier::control {

struct LookAt {
  kube::Resource resource;
  kube::ObjectKey key;
  std::chrono::milliseconds delay{0};  // so that many changes at once are one look
};

// `resource` is the kind that changed: one of kOurKinds, or kube::kPods. The caches show the change
// already.
std::vector<LookAt> Related(const Caches& caches, const kube::Resource& resource,
                            const kube::Change& change);

}  // namespace pannier::control

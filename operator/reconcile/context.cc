#include "operator/reconcile/context.h"

#include "operator/reconcile/pods.h"

namespace pannier::control {

std::vector<DaemonAddress> Context::DaemonsOf(const VectorStore& store) const {
  return AddressesOf(caches.PodsOf(store), store.meta.uid, honour_admin_address);
}

}  // namespace pannier::control

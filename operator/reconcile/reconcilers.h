// One function for each kind: reads the whole state, has it decided by operator/plan, carries the
// plan out. None is told why it runs, and each may be cut short anywhere.
//
// An object of ours that cannot be understood gets a condition and an event, and is looked at again
// when it changes. Errors are those of what was called; the queue tries again. Threads: any, one at
// a time for a key.
#pragma once

#include "operator/kube/queue.h"
#include "operator/reconcile/context.h"

namespace pannier::control {

Result<kube::Action> ReconcileVectorStore(Context& context, const kube::ObjectKey& key);
Result<kube::Action> ReconcileRepository(Context& context, const kube::ObjectKey& key);
Result<kube::Action> ReconcileSnapshot(Context& context, const kube::ObjectKey& key);
Result<kube::Action> ReconcileSchedule(Context& context, const kube::ObjectKey& key);
Result<kube::Action> ReconcileOperation(Context& context, const kube::ObjectKey& key);
Result<kube::Action> ReconcilePolicy(Context& context, const kube::ObjectKey& key);

}  // namespace pannier::control

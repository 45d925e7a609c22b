#include "operator/kube/metrics.h"

namespace pannier::kube {

RuntimeMetrics::RuntimeMetrics(metrics::Registry& registry)
    : reconciles(registry.AddCounters("controller_runtime_reconcile_total",
                                      "Reconciliations per controller and result",
                                      {"controller", "result"})),
      reconcile_errors(registry.AddCounters("controller_runtime_reconcile_errors_total",
                                            "Reconciliations that failed, per controller",
                                            {"controller"})),
      reconcile_time(registry.AddHistograms("controller_runtime_reconcile_time_seconds",
                                            "Length of time per reconciliation",
                                            metrics::LatencyBuckets(), {"controller"})),
      active_workers(registry.AddGauges("controller_runtime_active_workers",
                                        "Reconciliations that run now", {"controller"})),
      queue_depth(registry.AddGauges("workqueue_depth", "Keys that are due and wait for a worker",
                                     {"name"})),
      queue_adds(registry.AddCounters("workqueue_adds_total", "Keys that were added", {"name"})),
      queue_retries(registry.AddCounters("workqueue_retries_total",
                                         "Keys that were added again after a failure", {"name"})),
      requests(registry.AddCounters(
          "rest_client_requests_total",
          "Requests to the API server by status (0: no answer) and method", {"code", "method"})),
      leader(registry.AddGauges("leader_election_master_status",
                                "1 while this process holds the lease, else 0", {"name"})),
      watch_restarts(registry.AddCounters("pannier_operator_watch_restarts_total",
                                          "Watches that ended and began again, by kind and cause",
                                          {"kind", "cause"})),
      events(registry.AddCounters("pannier_operator_events_total",
                                  "Events for kubectl: sent, failed, or dropped", {"result"})) {}

}  // namespace pannier::kube

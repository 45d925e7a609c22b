// The runtime's metrics, under the names that dashboards of controllers know. One struct for the
// process, made once and handed in. Threads: any. Lifetime: the Registry outlives it.
#pragma once

#include "lib/metrics/metrics.h"

namespace pannier::kube {

struct RuntimeMetrics {
  RuntimeMetrics() = default;  // counts nowhere
  explicit RuntimeMetrics(metrics::Registry& registry);

  metrics::CounterFamily reconciles;        // controller_runtime_reconcile_total{controller,result}
  metrics::CounterFamily reconcile_errors;  // controller_runtime_reconcile_errors_total{controller}
  metrics::HistogramFamily reconcile_time;  // controller_runtime_reconcile_time_seconds{controller}
  metrics::GaugeFamily active_workers;      // controller_runtime_active_workers{controller}
  metrics::GaugeFamily queue_depth;         // workqueue_depth{name}: due and not yet taken
  metrics::CounterFamily queue_adds;        // workqueue_adds_total{name}
  metrics::CounterFamily queue_retries;     // workqueue_retries_total{name}
  metrics::CounterFamily requests;          // rest_client_requests_total{code,method}
  metrics::GaugeFamily leader;              // leader_election_master_status{name}: 1 while it leads
  metrics::CounterFamily watch_restarts;    // pannier_operator_watch_restarts_total{kind,cause}
  metrics::CounterFamily events;            // pannier_operator_events_total{result}
};

}  // namespace pannier::kube

"""Recording rules and alerts, as data: the one source of charts/pannier/rules and docs/alerts.md.

An alert that both daemons and the operator can see has a rule in each group, under one name and with
one runbook. Expressions keep the labels of the target, so that an alert says where it comes from;
what operators say of objects is folded over replicas first, since each of them says it.
Annotations name labels only, no values: an alert that changes its text is a new notification.
"""

from dataclasses import dataclass

RUNBOOKS = "docs/runbooks"
DAY = 86400
AVAILABILITY = 0.999        # of requests, over 30 days: docs/slo.md
READ_SECONDS = "0.25"       # a bucket's bound
WRITE_SECONDS = "0.5"
SLOW_SHARE = 0.01           # of reads, and of writes, that may be slower, over 30 days
SLOW_SHARE_ALERT = 0.05
BURN_FAST, BURN_SLOW = 14.4, 6   # times the rate at which the budget lasts for 30 days

# What workers ask for; probes are many, and fail while a daemon starts or stops.
WORK = 'route=~".*/tenants.*"'
READS = 'route=~".*/[{]collection[}]/(get|query|count|search)"'
WRITES = 'route=~".*/[{]collection[}]/(add|upsert|update|delete)"'
FAILED = 'code=~"5..",code!="501"'


@dataclass(frozen=True)
class Recorded:
    name: str
    expression: str
    meaning: str


@dataclass(frozen=True)
class Alert:
    name: str
    expression: str
    held: str           # for how long the expression must hold
    severity: str       # critical: somebody gets up; warning: within a working day
    summary: str        # of one alert, one line
    description: str    # what it means, and what is at stake

    @property
    def runbook(self) -> str:
        dashed = "".join("-" + each.lower() if each.isupper() else each for each in self.name)
        return f"{RUNBOOKS}/{dashed.lstrip('-')}.md"


@dataclass(frozen=True)
class File:
    name: str
    about: str
    recorded: tuple[Recorded, ...]
    alerts: tuple[Alert, ...]


def failed_share(window: str) -> str:
    """Of requests, those that failed; nothing where there were none."""
    requests = f"sum without (route, code) (rate(pannier_daemon_requests_total{{{WORK}}}[{window}]))"
    failed = f"sum without (route, code) (rate(pannier_daemon_requests_total{{{WORK},{FAILED}}}[{window}]))"
    return f"({failed}\n  or 0 * {requests})\n/ ({requests} > 0)"


def slow_share(which: str, bound: str, window: str) -> str:
    seconds = "pannier_daemon_request_duration_seconds"
    within = f'sum without (route, le) (rate({seconds}_bucket{{{which},le="{bound}"}}[{window}]))'
    return f"1 - {within}\n  / (sum without (route) (rate({seconds}_count{{{which}}}[{window}])) > 0)"


def quantile(share: float, which: str, window: str) -> str:
    seconds = "pannier_daemon_request_duration_seconds_bucket"
    return f"histogram_quantile({share}, sum without (route) (rate({seconds}{{{which}}}[{window}])))"


def burns(factor: float, long: str, short: str) -> str:
    """Both: much was lost already, and it goes on."""
    limit = round(factor * (1 - AVAILABILITY), 6)
    return (f"pannier:request_errors:ratio_rate{long} > {limit}\n"
            f"and pannier:request_errors:ratio_rate{short} > {limit}")


DAEMON_RECORDED = (
    Recorded("pannier:requests:rate5m",
             f"sum without (route, code) (rate(pannier_daemon_requests_total{{{WORK}}}[5m]))",
             "requests of workers a second, without probes"),
    *(Recorded(f"pannier:request_errors:ratio_rate{window}", failed_share(window),
               "share of these that failed (5xx but 501)") for window in ("5m", "30m", "1h", "6h")),
    *(Recorded(f"pannier:{kind}_seconds:p{round(share * 100)}_rate5m", quantile(share, which, "5m"),
               f"{round(share * 100)} of 100 {kind} took at most so long")
      for kind, which in (("reads", READS), ("writes", WRITES)) for share in (0.5, 0.99)),
    *(Recorded(f"pannier:{kind}_slow:ratio_rate{window}", slow_share(which, bound, window),
               f"share of {kind} that took longer than {bound} s")
      for kind, which, bound in (("reads", READS, READ_SECONDS), ("writes", WRITES, WRITE_SECONDS))
      for window in ("5m", "1h")),
)

DAEMON_ALERTS = (
    Alert("StoreCorrupt", "pannier_daemon_damaged_stores > 0", "0m", "critical",
          "{{ $labels.instance }} has a damaged store",
          "Bytes on disk failed their checksums. What is damaged is refused, not answered wrongly; the other "
          "stores are served. Until it is repaired its requests fail."),
    Alert("StoreReadOnly", 'increase(pannier_daemon_errors_total{kind="storage full"}[10m]) > 0', "0m", "critical",
          "{{ $labels.instance }} refuses writes: its disk is full",
          "Workers get 507 for writes. Reads and deletions go on, and nothing that was acknowledged is lost."),
    Alert("SnapshotStale",
          # In a cluster the VectorStore says how old a snapshot may be: the operator's rule.
          'time() - (pannier_daemon_snapshot_last_success_timestamp_seconds{vectorstore=""} > 0\n'
          '          or pannier_daemon_start_timestamp_seconds{vectorstore=""}) > 26 * 3600\n'
          "and sum without (type) (pannier_daemon_repositories_configured) > 0", "10m", "warning",
          "{{ $labels.instance }} took no snapshot for more than 26 hours",
          "It has a repository, so snapshots are wanted. What was written since the last one is lost if the volume is."),
    Alert("SnapshotFailing",
          'increase(pannier_daemon_snapshots_total{result="failed"}[2h]) > 0\n'
          'unless ignoring (result) increase(pannier_daemon_snapshots_total{result="succeeded"}[2h]) > 0',
          "5m", "warning", "Snapshots of {{ $labels.instance }} fail",
          "Of those asked for in the last two hours some failed and none succeeded. Older snapshots are untouched."),
    Alert("SnapshotUnverified",
          'sum without (level, result) (increase(pannier_daemon_verifications_total{result="unsound"}[6h])) > 0',
          "0m", "critical", "{{ $labels.instance }} found a snapshot that cannot be restored",
          "A snapshot was read back and is not what it should be. It is not chosen for restores any more; the next "
          "one sends everything anew."),
    Alert("RepositoryNotReady", "pannier_daemon_repositories_up < pannier_daemon_repositories_configured", "15m",
          "warning", "A repository of {{ $labels.instance }} (type {{ $labels.type }}) does not answer, or is not the right one",
          "No snapshot can be taken there, and none restored from it. Workers notice nothing."),
    Alert("DaemonMemoryPressure",
          "pannier_daemon_resident_memory_bytes / pannier_daemon_memory_limit_bytes > 0.9", "5m", "warning",
          "{{ $labels.instance }} uses more than 90 % of the memory it may take",
          "At the limit the kernel kills it. Nothing acknowledged is lost then, but workers wait for its next start."),
    Alert("DaemonDiskFilling",
          "pannier_daemon_disk_free_bytes / pannier_daemon_disk_size_bytes < 0.1\n"
          f"or (predict_linear(pannier_daemon_disk_free_bytes[6h], {DAY}) < 0\n"
          "    and pannier_daemon_disk_free_bytes / pannier_daemon_disk_size_bytes < 0.4)", "30m", "warning",
          "The volume of {{ $labels.instance }} is nearly full, or will be within a day",
          "When it is full, writes are refused (StoreReadOnly). Snapshots and repairs need room before that."),
    Alert("QueueSaturated",
          'pannier_daemon_requests_queued{listener="data"} / pannier_daemon_requests_queued_limit{listener="data"} > 0.8\n'
          'or ignoring (listener, kind)\n'
          'rate(pannier_daemon_errors_total{kind="resource exhausted"}[5m]) > 0', "5m", "warning",
          "{{ $labels.instance }} has more work than it gets done",
          "Its queue of requests is nearly full, or it sends workers away (429, 503) to come back later."),
    Alert("LatencyHigh",
          f"pannier:reads_slow:ratio_rate5m > {SLOW_SHARE_ALERT}\n"
          f"or pannier:writes_slow:ratio_rate5m > {SLOW_SHARE_ALERT}", "10m", "warning",
          "Requests to {{ $labels.instance }} are slow",
          f"More than 5 % of reads took longer than {READ_SECONDS} s, or of writes longer than {WRITE_SECONDS} s."),
    Alert("ErrorsHigh", burns(BURN_FAST, "1h", "5m"), "2m", "critical",
          "Many requests to {{ $labels.instance }} fail",
          "At this rate the month's budget of errors (0.1 %) is used up within two days."),
    Alert("ErrorsHigh", burns(BURN_SLOW, "6h", "30m"), "15m", "warning",
          "More requests to {{ $labels.instance }} fail than the objective allows",
          "At this rate the month's budget of errors (0.1 %) is used up within five days."),
    Alert("CertificateExpiring", f"pannier_daemon_certificate_expiry_timestamp_seconds - time() < 14 * {DAY}", "1h",
          "warning", "The certificate of {{ $labels.instance }} (listener {{ $labels.listener }}) is over within 14 days",
          "Once it is over, clients refuse the connection. Certificates that the operator makes are renewed 30 days "
          "before; so either renewing fails, or nobody renews yours."),
)

OF_STORE = "max by (namespace, vectorstore)"
OPERATOR_ALERTS = (
    Alert("StoreCorrupt", f'{OF_STORE} (pannier_operator_stores{{state="corrupt"}}) > 0', "0m", "critical",
          "VectorStore {{ $labels.namespace }}/{{ $labels.vectorstore }} has a corrupt store",
          "A daemon reported damage. The operator repairs what spec.recovery allows it to; the rest waits for you."),
    Alert("SnapshotStale",
          f"time() - {OF_STORE} (pannier_operator_last_snapshot_timestamp_seconds > 0)\n"
          f"> {OF_STORE} (pannier_operator_snapshot_freshness_seconds)\n"
          f"or ({OF_STORE} (max_over_time(pannier_operator_last_snapshot_timestamp_seconds[26h])) == 0\n"
          f"    and {OF_STORE} (pannier_operator_last_snapshot_timestamp_seconds offset 26h) == 0)", "10m", "warning",
          "{{ $labels.namespace }}/{{ $labels.vectorstore }} has no verified snapshot that is new enough",
          "The newest is older than the VectorStore's snapshotFreshnessSeconds, or there was none for 26 hours. What was "
          "written since is lost if the volume is."),
    Alert("SnapshotFailing",
          "max by (namespace, schedule) (pannier_operator_schedule_consecutive_failures) > 0", "5m", "warning",
          "Snapshots of the schedule {{ $labels.namespace }}/{{ $labels.schedule }} fail",
          "The last one did not complete, its retries included. Older snapshots are untouched, and retention deletes "
          "nothing meanwhile."),
    Alert("SnapshotUnverified", "max by (namespace, repository) (pannier_operator_repository_verified) == 0", "0m",
          "critical", "The newest snapshot in {{ $labels.namespace }}/{{ $labels.repository }} cannot be restored",
          "It was read whole by deepVerifySchedule and is not sound."),
    Alert("RepositoryNotReady", "max by (namespace, repository) (pannier_operator_repository_ready) == 0", "15m",
          "warning", "SnapshotRepository {{ $labels.namespace }}/{{ $labels.repository }} is not ready",
          "No snapshot can be taken there, and none restored from it. Workers notice nothing."),
    Alert("CleanupLimitReached", "max by (namespace, policy) (pannier_operator_cleanup_limit_reached) > 0", "0m",
          "warning", "The clean-up policy {{ $labels.namespace }}/{{ $labels.policy }} stopped at its limits",
          "More qualified for deletion than spec.limits lets go in one run: a backlog, or a mistake."),
    Alert("PodNotInjected",
          f'{OF_STORE} (pannier_operator_pods{{state="matched"}})\n'
          f'- {OF_STORE} (pannier_operator_pods{{state="injected"}}) > 0', "10m", "warning",
          "Pods of {{ $labels.namespace }}/{{ $labels.vectorstore }} run without a daemon",
          "They have the label pannier.dev/vectorstore and no sidecar: their workers have no stores."),
    Alert("WatchStale", "pannier_operator_watch_age_seconds > 360", "2m", "warning",
          "{{ $labels.instance }} hears nothing of {{ $labels.kind }} objects",
          "The API server says something at least every five minutes. What changed since is not acted on."),
    Alert("NoLeader",
          'sum by (job, namespace) (leader_election_master_status{name="pannier-operator"}) < 1\n'
          'or absent(leader_election_master_status{name="pannier-operator"})', "3m", "critical",
          "No operator leads",
          "No schedule runs, nothing is repaired, no status is true any more. Daemons go on serving. "
          "Where no operator runs at all, pods that opted in cannot be created either."),
    Alert("CertificateExpiring",
          f"pannier_operator_webhook_certificate_expiry_timestamp_seconds - time() < 14 * {DAY}", "1h", "critical",
          "The webhook's certificate of {{ $labels.instance }} is over within 14 days",
          "The operator renews it 30 days before, so renewing fails. Once it is over, pods that opted in cannot be created."),
)

FILES = (
    File("daemon", "what daemons say: load it wherever daemons are scraped", DAEMON_RECORDED, DAEMON_ALERTS),
    File("operator", "what the operator says: load it where an operator is scraped", (), OPERATOR_ALERTS),
)


def names() -> list[str]:
    return sorted({alert.name for file in FILES for alert in file.alerts})


def groups(file: File) -> dict:
    """As Prometheus reads it."""
    made = []
    if file.recorded:
        made.append({"name": f"pannier-{file.name}.recorded", "interval": "30s", "rules": [
            {"record": each.name, "expr": each.expression} for each in file.recorded]})
    made.append({"name": f"pannier-{file.name}.alerts", "rules": [
        {"alert": each.name, "expr": each.expression, **({"for": each.held} if each.held != "0m" else {}),
         "labels": {"severity": each.severity, "service": "pannier"},
         "annotations": {"summary": each.summary, "description": each.description,
                         "runbook_url": each.runbook}} for each in file.alerts]})
    return {"groups": made}

"""Faults as series, minute by minute, and which alert each is to raise. Times are minutes since the test
began, which is also what time() counts from (in seconds)."""

from dataclasses import dataclass

MINUTES = 1800          # of every series: more than the 26 hours that some alerts wait
DAY = 24 * 60
TARGET = 'instance="team/docs-0",job="pannierd"'
READ = 'route="POST /api/v2/tenants/{tenant}/databases/{database}/collections/{collection}/query"'
WRITE = READ.replace("query", "add")
STORE = 'namespace="team",vectorstore="docs"'
OPERATOR = 'instance="operator-0",job="pannier-metrics",namespace="pannier"'
SECONDS = "pannier_daemon_request_duration_seconds"


def parts(*each: tuple[int, float, float]) -> str:
    """As promtool reads it: for so many minutes, from this value on, with so much more each minute."""
    return " ".join(f"{start}{more:+}x{minutes - 1}" for minutes, start, more in each)


def steady(value: float, more: float = 0) -> str:
    return parts((MINUTES, value, more))


def between(first: int, last: int, usual: float, fault: float) -> str:
    """`fault` from minute `first` on, before `last`."""
    return parts((first, usual, 0), (last - first, fault, 0), (MINUTES - last, usual, 0))


def grows_between(first: int, last: int, more: float, usual: float = 0, by: float = 0) -> str:
    """A counter that grows by `usual` a minute, and by `more` meanwhile."""
    value, values = by, []
    for minutes, step in ((first, usual), (last - first, more), (MINUTES - last, usual)):
        values.append((minutes, value, step))
        value += minutes * step
    return parts(*values)


HEALTHY = {
    f"pannier_daemon_damaged_stores{{{TARGET}}}": steady(0),
    f'pannier_daemon_errors_total{{{TARGET},kind="storage full"}}': steady(0),
    f'pannier_daemon_errors_total{{{TARGET},kind="resource exhausted"}}': steady(0),
    f"pannier_daemon_snapshot_last_success_timestamp_seconds{{{TARGET}}}": steady(1, 60),
    f"pannier_daemon_start_timestamp_seconds{{{TARGET}}}": steady(0),
    f'pannier_daemon_repositories_configured{{{TARGET},type="s3"}}': steady(1),
    f'pannier_daemon_repositories_up{{{TARGET},type="s3"}}': steady(1),
    f'pannier_daemon_snapshots_total{{{TARGET},result="succeeded"}}': steady(0, 0.1),
    f'pannier_daemon_snapshots_total{{{TARGET},result="failed"}}': steady(0),
    f'pannier_daemon_verifications_total{{{TARGET},level="deep",result="sound"}}': steady(0, 0.1),
    f'pannier_daemon_verifications_total{{{TARGET},level="deep",result="unsound"}}': steady(0),
    f"pannier_daemon_resident_memory_bytes{{{TARGET}}}": steady(300),
    f"pannier_daemon_memory_limit_bytes{{{TARGET}}}": steady(1000),
    f"pannier_daemon_disk_free_bytes{{{TARGET}}}": steady(8000, -0.1),
    f"pannier_daemon_disk_size_bytes{{{TARGET}}}": steady(10000),
    f'pannier_daemon_requests_queued{{{TARGET},listener="data"}}': steady(2),
    f'pannier_daemon_requests_queued_limit{{{TARGET},listener="data"}}': steady(256),
    f'pannier_daemon_requests_total{{{TARGET},{READ},code="200"}}': steady(0, 6000),
    f'pannier_daemon_requests_total{{{TARGET},{READ},code="500"}}': steady(0),
    f'pannier_daemon_requests_total{{{TARGET},{READ},code="501"}}': steady(0, 3000),   # what Chroma has and we do not
    f'pannier_daemon_requests_total{{{TARGET},route="GET /health/chromadb",code="503"}}': steady(0, 600),   # probes
    f"{SECONDS}_count{{{TARGET},{READ}}}": steady(0, 6000),
    f'{SECONDS}_bucket{{{TARGET},{READ},le="0.25"}}': steady(0, 5990),
    f'{SECONDS}_bucket{{{TARGET},{READ},le="+Inf"}}': steady(0, 6000),
    f"{SECONDS}_count{{{TARGET},{WRITE}}}": steady(0, 600),
    f'{SECONDS}_bucket{{{TARGET},{WRITE},le="0.5"}}': steady(0, 599),
    f'{SECONDS}_bucket{{{TARGET},{WRITE},le="+Inf"}}': steady(0, 600),
    f'pannier_daemon_certificate_expiry_timestamp_seconds{{{TARGET},listener="admin"}}': steady(60 * DAY * 60),
    f'pannier_operator_stores{{{STORE},instance="operator-0",state="corrupt"}}': steady(0),
    f'pannier_operator_stores{{{STORE},instance="operator-1",state="corrupt"}}': steady(0),
    f'pannier_operator_last_snapshot_timestamp_seconds{{{STORE},instance="operator-0"}}': steady(1, 60),
    f'pannier_operator_last_snapshot_timestamp_seconds{{{STORE},instance="operator-1"}}': steady(1, 60),
    f'pannier_operator_snapshot_freshness_seconds{{{STORE},instance="operator-0"}}': steady(3600),
    f'pannier_operator_snapshot_freshness_seconds{{{STORE},instance="operator-1"}}': steady(3600),
    'pannier_operator_schedule_consecutive_failures{namespace="team",schedule="nightly"}': steady(0),
    'pannier_operator_repository_ready{namespace="team",repository="backups"}': steady(1),
    'pannier_operator_repository_verified{namespace="team",repository="backups"}': steady(1),
    'pannier_operator_cleanup_limit_reached{namespace="team",policy="tidy"}': steady(0),
    f'pannier_operator_pods{{{STORE},state="matched"}}': steady(3),
    f'pannier_operator_pods{{{STORE},state="injected"}}': steady(3),
    f'pannier_operator_watch_age_seconds{{{OPERATOR},kind="Pod"}}': steady(60),
    f'leader_election_master_status{{{OPERATOR},name="pannier-operator"}}': steady(1),
    f'leader_election_master_status{{{OPERATOR.replace("-0", "-1")},name="pannier-operator"}}': steady(0),
    f"pannier_operator_webhook_certificate_expiry_timestamp_seconds{{{OPERATOR}}}": steady(60 * DAY * 60),
}

ON_DAEMON = {"instance": "team/docs-0", "job": "pannierd"}
ON_STORE = {"namespace": "team", "vectorstore": "docs"}
ON_REPOSITORY = {"namespace": "team", "repository": "backups"}
ON_OPERATOR = {"instance": "operator-0", "job": "pannier-metrics", "namespace": "pannier"}


@dataclass(frozen=True)
class Case:
    what: str
    alert: str
    file: str                   # whose rule: "daemon" or "operator"
    series: dict[str, str]      # instead of, or beside, those of HEALTHY; None: not there at all
    quiet: int                  # minutes: not yet
    fires: int
    clears: int
    labels: dict[str, str]
    severity: str = ""          # where a file has several of that name


def daemon(name: str, labels: str = "") -> str:
    return f"pannier_daemon_{name}{{{TARGET}{labels}}}"


CASES = (
    Case("damage is found, and repaired", "StoreCorrupt", "daemon",
         {daemon("damaged_stores"): between(10, 40, 0, 1)}, 9, 10, 41, ON_DAEMON),
    Case("one replica of the operator knows of damage", "StoreCorrupt", "operator",
         {f'pannier_operator_stores{{{STORE},instance="operator-0",state="corrupt"}}': between(10, 40, 0, 2)},
         9, 10, 41, ON_STORE),
    Case("the disk is full for a while", "StoreReadOnly", "daemon",
         {daemon("errors_total", ',kind="storage full"'): grows_between(10, 40, 5)}, 9, 12, 52,
         {**ON_DAEMON, "kind": "storage full"}),
    Case("no snapshot since the first minute, then one", "SnapshotStale", "daemon",
         {daemon("snapshot_last_success_timestamp_seconds"): parts((1700, 60, 0), (100, 1700 * 60, 0))},
         26 * 60 + 5, 26 * 60 + 15, 1702, ON_DAEMON),
    Case("never a snapshot since it started", "SnapshotStale", "daemon",
         {daemon("snapshot_last_success_timestamp_seconds"): parts((1700, 0, 0), (100, 1700 * 60, 0))},
         26 * 60 + 5, 26 * 60 + 15, 1702, ON_DAEMON),
    Case("older than the VectorStore allows", "SnapshotStale", "operator",
         {f'pannier_operator_last_snapshot_timestamp_seconds{{{STORE},instance="operator-{each}"}}':
          parts((120, 60, 0), (MINUTES - 120, 120 * 60, 60)) for each in "01"}, 70, 75, 122, ON_STORE),
    Case("a repository, and never a snapshot", "SnapshotStale", "operator",
         {f'pannier_operator_last_snapshot_timestamp_seconds{{{STORE},instance="operator-{each}"}}':
          parts((1700, 0, 0), (100, 1700 * 60, 60)) for each in "01"}, 26 * 60 + 5, 26 * 60 + 12, 1702, ON_STORE),
    Case("snapshots fail, until one succeeds", "SnapshotFailing", "daemon",
         {daemon("snapshots_total", ',result="failed"'): grows_between(10, 200, 0.1),
          daemon("snapshots_total", ',result="succeeded"'): parts((200, 3, 0), (MINUTES - 200, 4, 0))},
         12, 60, 202, {**ON_DAEMON, "result": "failed"}),
    Case("a schedule fails, then completes", "SnapshotFailing", "operator",
         {'pannier_operator_schedule_consecutive_failures{namespace="team",schedule="nightly"}': between(10, 60, 0, 2)},
         14, 16, 61, {"namespace": "team", "schedule": "nightly"}),
    Case("a snapshot is read back and is unsound", "SnapshotUnverified", "daemon",
         {daemon("verifications_total", ',level="deep",result="unsound"'): parts((30, 0, 0), (MINUTES - 30, 1, 0))},
         29, 31, 30 + 6 * 60 + 2, ON_DAEMON),
    Case("the repository's own verification finds it unsound", "SnapshotUnverified", "operator",
         {'pannier_operator_repository_verified{namespace="team",repository="backups"}': between(10, 60, 1, 0)},
         9, 10, 61, ON_REPOSITORY),
    Case("a repository is away", "RepositoryNotReady", "daemon",
         {daemon("repositories_up", ',type="s3"'): between(10, 60, 1, 0)}, 24, 26, 61, {**ON_DAEMON, "type": "s3"}),
    Case("a SnapshotRepository is not ready", "RepositoryNotReady", "operator",
         {'pannier_operator_repository_ready{namespace="team",repository="backups"}': between(10, 60, 1, 0)},
         24, 26, 61, ON_REPOSITORY),
    Case("more qualifies than may go", "CleanupLimitReached", "operator",
         {'pannier_operator_cleanup_limit_reached{namespace="team",policy="tidy"}': between(10, 60, 0, 1)},
         9, 10, 61, {"namespace": "team", "policy": "tidy"}),
    Case("one pod of three has no sidecar", "PodNotInjected", "operator",
         {f'pannier_operator_pods{{{STORE},state="injected"}}': between(10, 60, 3, 2)}, 19, 21, 61, ON_STORE),
    Case("memory is nearly used up", "DaemonMemoryPressure", "daemon",
         {daemon("resident_memory_bytes"): between(10, 60, 300, 950)}, 14, 16, 61, ON_DAEMON),
    Case("the disk is nearly full", "DaemonDiskFilling", "daemon",
         {daemon("disk_free_bytes"): between(400, 460, 6000, 500)}, 429, 431, 461, ON_DAEMON),
    Case("the disk will be full within a day", "DaemonDiskFilling", "daemon",
         {daemon("disk_free_bytes"): parts((600, 6500, -5), (MINUTES - 600, 9000, 0))}, 509, 560, 602, ON_DAEMON),
    Case("requests wait in a queue that is nearly full", "QueueSaturated", "daemon",
         {daemon("requests_queued", ',listener="data"'): between(10, 60, 2, 250)}, 14, 16, 61,
         {**ON_DAEMON, "listener": "data"}),
    Case("workers are sent away", "QueueSaturated", "daemon",
         {daemon("errors_total", ',kind="resource exhausted"'): grows_between(10, 60, 5)}, 14, 17, 66,
         {**ON_DAEMON, "kind": "resource exhausted"}),
    Case("a tenth of reads is slow", "LatencyHigh", "daemon",
         {f'{SECONDS}_bucket{{{TARGET},{READ},le="0.25"}}': grows_between(60, 120, 5400, 5990)}, 69, 75, 126, ON_DAEMON),
    Case("a tenth of writes is slow", "LatencyHigh", "daemon",
         {f'{SECONDS}_bucket{{{TARGET},{WRITE},le="0.5"}}': grows_between(60, 120, 540, 599)}, 69, 75, 126, ON_DAEMON),
    Case("a tenth of requests fails", "ErrorsHigh", "daemon",
         {f'pannier_daemon_requests_total{{{TARGET},{READ},code="500"}}': grows_between(60, 120, 1000)},
         61, 74, 170, ON_DAEMON, "critical"),
    Case("one of a hundred fails for hours", "ErrorsHigh", "daemon",
         {f'pannier_daemon_requests_total{{{TARGET},{READ},code="500"}}': grows_between(60, 600, 90)},
         75, 540, 640, ON_DAEMON, "warning"),
    Case("nobody renews a daemon's certificate, then somebody does", "CertificateExpiring", "daemon",
         {daemon("certificate_expiry_timestamp_seconds", ',listener="admin"'):
          parts((200, 10 * DAY * 60, 0), (MINUTES - 200, 60 * DAY * 60, 0))}, 55, 62, 201,
         {**ON_DAEMON, "listener": "admin"}),
    Case("the webhook's certificate is not renewed, then it is", "CertificateExpiring", "operator",
         {f"pannier_operator_webhook_certificate_expiry_timestamp_seconds{{{OPERATOR}}}":
          parts((200, 10 * DAY * 60, 0), (MINUTES - 200, 60 * DAY * 60, 0))}, 55, 62, 201, ON_OPERATOR),
    Case("the API server falls silent", "WatchStale", "operator",
         {f'pannier_operator_watch_age_seconds{{{OPERATOR},kind="Pod"}}':
          parts((10, 60, 0), (30, 60, 60), (MINUTES - 40, 60, 0))}, 16, 19, 41, {**ON_OPERATOR, "kind": "Pod"}),
    Case("two replicas, none leads", "NoLeader", "operator",
         {f'leader_election_master_status{{{OPERATOR},name="pannier-operator"}}': between(10, 60, 1, 0)}, 12, 14, 61,
         {"job": "pannier-metrics", "namespace": "pannier"}),
    Case("no operator is there", "NoLeader", "operator",
         {f'leader_election_master_status{{{OPERATOR},name="pannier-operator"}}':
          f"{parts((10, 1, 0))} _x50 {parts((MINUTES - 60, 1, 0))}",
          f'leader_election_master_status{{{OPERATOR.replace("-0", "-1")},name="pannier-operator"}}':
          f"{parts((10, 0, 0))} _x50 {parts((MINUTES - 60, 0, 0))}"}, 12, 20, 61, {"name": "pannier-operator"}),
)

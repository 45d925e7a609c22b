"""The two Grafana dashboards, as data: the one source of charts/pannier/dashboards.

A panel's height and width are counted in Grafana's grid, 24 wide; panels fill rows from left to right.
Queries name the target by `instance`; charts/pannier gives daemons "namespace/pod" as theirs.
"""

from dataclasses import dataclass, field

GRID = 24
SOURCE = {"type": "prometheus", "uid": "${datasource}"}
STORE = 'instance=~"$instance"'
DATA = f'{STORE},listener="data"'
RATE = "$__rate_interval"


@dataclass(frozen=True)
class Query:
    expression: str
    legend: str = ""


@dataclass(frozen=True)
class Panel:
    title: str
    queries: tuple[Query, ...]
    unit: str = "short"
    about: str = ""
    kind: str = "timeseries"    # or stat
    width: int = 8
    stacked: bool = False
    steps: tuple = ()           # of a stat: (from which value on, colour); the first one's value is None
    fields: dict = field(default_factory=dict)

    @property
    def height(self) -> int:
        return 4 if self.kind == "stat" else 8


@dataclass(frozen=True)
class Row:
    title: str
    panels: tuple[Panel, ...]


def one(title: str, expression: str, legend: str = "", **more) -> Panel:
    return Panel(title, (Query(expression, legend),), **more)


def stat(title: str, expression: str, width: int = 4, **more) -> Panel:
    return one(title, expression, kind="stat", width=width, **more)


GOOD_AT_ZERO = ((None, "green"), (1, "red"))
BAD_AT_ZERO = ((None, "red"), (1, "green"))


def rate(metric: str, where: str = STORE) -> str:
    return f"rate({metric}{{{where}}}[{RATE}])"


def quantiles(metric: str, by: str, where: str = STORE) -> tuple[Query, ...]:
    groups = f"le, {by}" if by else "le"
    legend = f"{{{{{by}}}}} " if by else ""
    return tuple(Query(f"histogram_quantile({share}, sum by ({groups}) ({rate(metric + '_bucket', where)}))",
                       f"{legend}p{round(share * 100)}") for share in (0.5, 0.99))


def by_short_route(expression: str) -> str:
    """Without what all routes of collections begin with."""
    return (f'label_replace({expression}, "route", "$1 $2", "route", "([A-Z]+) .*/databases/[{{]database[}}]/(.+)")')


OF = "max by (namespace, vectorstore)"
NAMED = "{{namespace}}/{{vectorstore}}"

FLEET = (
    Row("Now", (
        stat("VectorStores", 'max(pannier_operator_objects{kind="VectorStore"})'),
        stat("Not ready", "count(max by (namespace, vectorstore) (pannier_operator_vectorstore_ready) == 0) or vector(0)",
             steps=GOOD_AT_ZERO),
        stat("Corrupt stores", f'sum({OF} (pannier_operator_stores{{state="corrupt"}}))', steps=GOOD_AT_ZERO),
        stat("Pods without daemon", f'sum({OF} (pannier_operator_pods{{state="matched"}}) '
             f'- {OF} (pannier_operator_pods{{state="injected"}}))', steps=GOOD_AT_ZERO),
        stat("Oldest newest snapshot",
             f"max(time() - {OF} (pannier_operator_last_snapshot_timestamp_seconds > 0))", unit="s",
             about="The age of the newest verified snapshot, of the VectorStore where it is oldest."),
        stat("Alerts firing", 'count(ALERTS{service="pannier",alertstate="firing"}) or vector(0)', steps=GOOD_AT_ZERO),
    )),
    Row("Requests", (
        one("Requests", f"sum by (instance) (rate(pannier_daemon_requests_total[{RATE}]))", "{{instance}}", unit="reqps"),
        one("Failed", "pannier:request_errors:ratio_rate5m", "{{instance}}", unit="percentunit",
            about="5xx but 501, of all requests, over five minutes. The objective is 0.1 % over 30 days."),
        Panel("Slowest hundredth", (Query("pannier:reads_seconds:p99_rate5m", "reads {{instance}}"),
                                    Query("pannier:writes_seconds:p99_rate5m", "writes {{instance}}")), unit="s",
              about="99 of 100 reads, and of writes, took at most so long."),
    )),
    Row("Stores", (
        one("Stores by state", "sum by (state) (max by (namespace, vectorstore, state) (pannier_operator_stores))",
            "{{state}}", stacked=True),
        one("Size", f"{OF} (pannier_operator_store_bytes)", NAMED, unit="bytes", stacked=True),
        one("Pods", "sum by (state) (max by (namespace, vectorstore, state) (pannier_operator_pods))", "{{state}}"),
    )),
    Row("Snapshots", (
        one("Age of the newest verified snapshot",
            f"time() - {OF} (pannier_operator_last_snapshot_timestamp_seconds > 0)", NAMED, unit="s"),
        one("Failures of schedules in a row",
            "max by (namespace, schedule) (pannier_operator_schedule_consecutive_failures)", "{{namespace}}/{{schedule}}"),
        one("Repositories ready", "max by (namespace, repository) (pannier_operator_repository_ready)",
            "{{namespace}}/{{repository}}"),
        one("Snapshots kept", "max by (namespace, repository) (pannier_operator_repository_snapshots)",
            "{{namespace}}/{{repository}}"),
        one("Size of repositories", "max by (namespace, repository) (pannier_operator_repository_bytes)",
            "{{namespace}}/{{repository}}", unit="bytes"),
        one("Snapshots and verifications",
            "sum by (result) (increase(pannier_daemon_snapshots_total[1h]) or increase(pannier_daemon_verifications_total[1h]))",
            "{{result}}", about="By how they ended, in the hour before."),
    )),
    Row("Room", (
        one("Memory, of what may be taken", "pannier_daemon_resident_memory_bytes / pannier_daemon_memory_limit_bytes",
            "{{instance}}", unit="percentunit"),
        one("Disk, free", "pannier_daemon_disk_free_bytes / pannier_daemon_disk_size_bytes", "{{instance}}",
            unit="percentunit"),
        one("Queue, of its limit",
            'pannier_daemon_requests_queued{listener="data"} / pannier_daemon_requests_queued_limit{listener="data"}',
            "{{instance}}", unit="percentunit"),
    )),
    Row("Operator", (
        one("Who leads", 'leader_election_master_status{name="pannier-operator"}', "{{instance}}"),
        one("Reconciliations", f"sum by (controller, result) (rate(controller_runtime_reconcile_total[{RATE}]))",
            "{{controller}} {{result}}", unit="ops"),
        one("Time of a reconciliation, p99",
            f"histogram_quantile(0.99, sum by (le, controller) (rate(controller_runtime_reconcile_time_seconds_bucket[{RATE}])))",
            "{{controller}}", unit="s"),
        one("Keys that wait", "sum by (name) (workqueue_depth)", "{{name}}"),
        one("Age of watches", "max by (kind, instance) (pannier_operator_watch_age_seconds)", "{{kind}} {{instance}}",
            unit="s", about="Above six minutes: WatchStale."),
        one("Requests to the API server", f"sum by (code, method) (rate(rest_client_requests_total[{RATE}]))",
            "{{method}} {{code}}", unit="reqps"),
        one("Webhook certificate, time left",
            "pannier_operator_webhook_certificate_expiry_timestamp_seconds - time()", "{{instance}}", unit="s"),
    )),
)

ONE_STORE = (
    Row("Now", (
        stat("Records", f"sum(pannier_daemon_records{{{STORE}}})", about="Of open stores."),
        stat("Collections", f"sum(pannier_daemon_collections{{{STORE}}})", about="Of open stores."),
        stat("Stores open", f"sum(pannier_daemon_stores_open{{{STORE}}})"),
        stat("Damaged", f"sum(pannier_daemon_damaged_stores{{{STORE}}})", steps=GOOD_AT_ZERO),
        stat("Since the last snapshot",
             f"time() - max(pannier_daemon_snapshot_last_success_timestamp_seconds{{{STORE}}} > 0)", unit="s",
             about="Empty: none since the daemon started."),
        stat("Running for", f"time() - min(pannier_daemon_start_timestamp_seconds{{{STORE}}})", unit="s"),
    )),
    Row("Requests", (
        one("By route", by_short_route(f"sum by (route) ({rate('pannier_daemon_requests_total')})"), "{{route}}", unit="reqps", width=12),
        one("Time by route, p99", by_short_route(
            f"histogram_quantile(0.99, sum by (le, route) ({rate('pannier_daemon_request_duration_seconds_bucket')}))"),
            "{{route}}", unit="s", width=12),
        one("By code", f"sum by (code) ({rate('pannier_daemon_requests_total')})", "{{code}}", unit="reqps"),
        one("Errors by kind", f"sum by (kind) ({rate('pannier_daemon_errors_total')})", "{{kind}}", unit="reqps"),
        Panel("In work and waiting", (
            Query(f"sum(pannier_daemon_requests_in_flight{{{DATA}}})", "in work"),
            Query(f"sum(pannier_daemon_requests_queued{{{DATA}}})", "waiting"),
            Query(f"sum(pannier_daemon_writes_queued{{{STORE}}})", "writes waiting for a commit"))),
        one("Connections", f"sum by (listener) (pannier_daemon_connections{{{STORE}}})", "{{listener}}"),
        Panel("Turned away", (
            Query(f"sum({rate('pannier_daemon_requests_refused_total', DATA)})", "requests refused"),
            Query(f"sum({rate('pannier_daemon_requests_timed_out_total', DATA)})", "requests timed out"),
            Query(f"sum({rate('pannier_daemon_connections_refused_total', DATA)})", "connections refused")), unit="ops"),
        Panel("Traffic", (Query(f"sum({rate('pannier_daemon_received_bytes_total', DATA)})", "in"),
                          Query(f"sum({rate('pannier_daemon_sent_bytes_total', DATA)})", "out")), unit="Bps"),
    )),
    Row("Writing", (
        Panel("Writes and commits", (Query(f"sum({rate('pannier_daemon_writes_total')})", "writes"),
                                     Query(f"sum({rate('pannier_daemon_commits_total')})", "commits")), unit="ops",
              about="Writes that wait at the same time share a commit."),
        Panel("Time of a commit", quantiles("pannier_daemon_commit_duration_seconds", ""), unit="s"),
        Panel("Of which syncing", quantiles("pannier_daemon_sync_duration_seconds", ""), unit="s",
              about="The disk's part."),
    )),
    Row("Searching", (
        one("Searches", f"sum by (plan) ({rate('pannier_daemon_search_duration_seconds_count')})", "{{plan}}", unit="ops"),
        Panel("Time of a search", quantiles("pannier_daemon_search_duration_seconds", "plan"), unit="s"),
        Panel("Not in a graph yet", (
            Query(f"sum(pannier_daemon_index_tail_records{{{STORE}}})", "records"),
            Query(f"sum(pannier_daemon_index_builds_running{{{STORE}}})", "graphs being built"))),
    )),
    Row("Keeping", (
        Panel("Snapshots in an hour", (
            Query(f"sum by (result) (increase(pannier_daemon_snapshots_total{{{STORE}}}[1h]))", "{{result}}"),)),
        Panel("Time of a snapshot", quantiles("pannier_daemon_snapshot_seconds", ""), unit="s"),
        Panel("Sent to repositories", (
            Query(f"sum(increase(pannier_daemon_snapshot_bytes_total{{{STORE}}}[1h]))", "of stores"),
            Query(f"sum(increase(pannier_daemon_snapshot_new_bytes_total{{{STORE}}}[1h]))", "new")), unit="bytes"),
        Panel("Verifications and checks in an hour", (
            Query(f"sum by (result) (increase(pannier_daemon_verifications_total{{{STORE}}}[1h]))", "snapshots {{result}}"),
            Query(f"sum by (result) (increase(pannier_daemon_store_checks_total{{{STORE}}}[1h]))", "idle stores {{result}}"))),
        Panel("Repairs in an hour", (
            Query(f"sum by (result) (increase(pannier_daemon_restores_total{{{STORE}}}[1h]))", "restores {{result}}"),
            Query(f"sum by (result) (increase(pannier_daemon_salvages_total{{{STORE}}}[1h]))", "salvages {{result}}"),
            Query(f"sum(increase(pannier_daemon_checksum_failures_total{{{STORE}}}[1h]))", "damage met"))),
        Panel("Operations", (Query(f"sum(pannier_daemon_operations_running{{{STORE}}})", "running"),
                             Query(f"sum(pannier_daemon_operations_waiting{{{STORE}}})", "waiting"),
                             Query(f"sum(pannier_daemon_quarantined_stores{{{STORE}}})", "stores in quarantine"))),
    )),
    Row("Room", (
        Panel("Memory", (Query(f"sum(pannier_daemon_resident_memory_bytes{{{STORE}}})", "resident"),
                         Query(f"sum(pannier_daemon_index_memory_bytes{{{STORE}}})", "indexes and caches"),
                         Query(f"sum(pannier_daemon_memory_limit_bytes{{{STORE}}})", "limit")), unit="bytes"),
        Panel("Disk", (Query(f"sum(pannier_daemon_store_disk_bytes{{{STORE}}})", "open stores"),
                       Query(f"sum(pannier_daemon_disk_free_bytes{{{STORE}}})", "free"),
                       Query(f"sum(pannier_daemon_disk_size_bytes{{{STORE}}})", "size")), unit="bytes"),
        Panel("Stores opened and closed", (
            Query(f"sum({rate('pannier_daemon_stores_opened_total')})", "opened"),
            Query(f"sum({rate('pannier_daemon_stores_evicted_total')})", "closed, unused")), unit="ops",
            about="Many of both: stores.maxOpen, or the memory, is too small for this load."),
    )),
)


def of_panel(panel: Panel, number: int, x: int, y: int) -> dict:
    defaults: dict = {"unit": panel.unit, "min": 0}
    if panel.kind == "timeseries":
        defaults["custom"] = {"lineWidth": 1, "fillOpacity": 20 if panel.stacked else 5, "showPoints": "never",
                              "stacking": {"mode": "normal" if panel.stacked else "none", "group": "A"}}
        options: dict = {"legend": {"displayMode": "list", "placement": "bottom", "showLegend": True},
                         "tooltip": {"mode": "multi", "sort": "desc"}}
    else:
        defaults["thresholds"] = {"mode": "absolute", "steps": [
            {"value": value, "color": colour} for value, colour in panel.steps or ((None, "blue"),)]}
        options = {"colorMode": "value", "graphMode": "none", "reduceOptions": {
            "calcs": ["lastNotNull"], "fields": "", "values": False}}
    return {
        "id": number, "type": panel.kind, "title": panel.title, "description": panel.about, "datasource": SOURCE,
        "gridPos": {"x": x, "y": y, "w": panel.width, "h": panel.height},
        "fieldConfig": {"defaults": defaults, "overrides": []}, "options": options,
        "targets": [{"refId": chr(ord("A") + index), "datasource": SOURCE, "expr": query.expression,
                     "legendFormat": query.legend or "__auto", "range": panel.kind == "timeseries",
                     "instant": panel.kind == "stat"} for index, query in enumerate(panel.queries)]}


def laid_out(rows: tuple[Row, ...]) -> list[dict]:
    panels, y = [], 0
    for row in rows:
        panels.append({"id": len(panels) + 1, "type": "row", "title": row.title, "collapsed": False, "panels": [],
                       "gridPos": {"x": 0, "y": y, "w": GRID, "h": 1}})
        y, x, height = y + 1, 0, 0
        for panel in row.panels:
            if x + panel.width > GRID:
                x, y = 0, y + height
            panels.append(of_panel(panel, len(panels) + 1, x, y))
            x, height = x + panel.width, panel.height
        y += height
    return panels


def variable(name: str, label: str, metric: str, many: bool) -> dict:
    query = f"label_values({metric}, {name})"
    return {"type": "query", "name": name, "label": label, "datasource": SOURCE, "definition": query,
            "query": {"query": query, "refId": "variable"}, "refresh": 2, "sort": 1, "multi": many,
            "includeAll": many, "current": {}, "options": []}


def dashboard(uid: str, title: str, about: str, rows: tuple[Row, ...], variables: list[dict]) -> dict:
    source = {"type": "datasource", "name": "datasource", "label": "Prometheus", "query": "prometheus", "refresh": 1,
              "current": {}, "options": []}
    links = [{"type": "dashboards", "title": "Pannier", "tags": ["pannier"], "asDropdown": False, "includeVars": True,
              "keepTime": True, "icon": "external link", "targetBlank": False, "tooltip": "", "url": ""}]
    return {"uid": uid, "title": title, "description": about, "tags": ["pannier"], "schemaVersion": 39, "version": 1,
            "editable": True, "graphTooltip": 1, "timezone": "", "refresh": "30s",
            "time": {"from": "now-6h", "to": "now"}, "links": links, "annotations": {"list": []},
            "templating": {"list": [source, *variables]}, "panels": laid_out(rows)}


def all_of_them() -> dict[str, dict]:
    return {
        "fleet": dashboard("pannier-fleet", "Pannier: fleet", "All VectorStores, their daemons, and the operator.",
                           FLEET, []),
        "store": dashboard("pannier-store", "Pannier: one store", "One daemon and its stores.", ONE_STORE,
                           [variable("instance", "Daemon", "pannier_daemon_build_info", True)]),
    }

"""Makes docs/benchmarks.md, and the pictures beside it, of the figures that run_bench.py keeps."""

from __future__ import annotations

import importlib
import statistics
import sys
from pathlib import Path

import plot

OURS, CHROMA = "pannierd, socket", "Chroma, TCP"

# What the project promises against Chroma's server in the same run: label, metric, relation, the ratio with
# 10,000 records and with 50,000 and more. None: nothing is promised.
BARS: list[tuple[str, str, str, float | None, float | None]] = [
    ("add 1, 1 connection", "records_per_second", "≥", 40, None),
    ("add 1, 4 connections", "records_per_second", "≥", 50, None),
    ("add 100", "records_per_second", "≥", 15, 20),
    ("add 1000", "records_per_second", "≥", 12, 20),
    *((f"query {recall}, {connections}", metric, relation, bar, bar) for recall in ("0.95", "0.99")
      for connections in ("1 connection", "4 connections")
      for metric, relation, bar in (("requests_per_second", "≥", 12), ("p50_us", "≤", 1 / 12), ("p99_us", "≤", 1 / 6),
                                    ("server_cpu_us_per_request", "≤", 1 / 20))),
    ("filter 50 %", "p50_us", "≤", 1 / 40, 1 / 100), ("filter 10 %", "p50_us", "≤", 1 / 40, 1 / 100),
    ("filter 1 %", "p50_us", "≤", 1 / 40, 1 / 60), ("filter 0.1 %", "p50_us", "≤", 1 / 40, 1 / 60),
    ("filter AND", "p50_us", "≤", 1 / 40, 1 / 100),
    ("contains 10 %", "p50_us", "≤", None, 1 / 50), ("contains 1 %", "p50_us", "≤", None, 1 / 100),
    ("contains 0.1 %", "p50_us", "≤", None, 1 / 200),
    ("regex, literal", "p50_us", "≤", 1 / 20, 1 / 20), ("regex, no literal", "p50_us", "≤", 1, 1),
    ("full", "rss_mib", "≤", 0.3, 0.3), ("full", "disk_mib", "≤", 0.6, 0.6),
    ("cold", "first_answer_ms", "≤", 1 / 20, 1 / 20),
]
METRICS = {"records_per_second": "records/s", "requests_per_second": "queries/s", "p50_us": "p50", "p99_us": "p99",
           "server_cpu_us_per_request": "server CPU", "rss_mib": "resident memory", "disk_mib": "disk",
           "first_answer_ms": "first answer"}
LARGE = 50_000


def number(value: float) -> str:
    if value == 0:
        return "0"
    if value >= 100:
        return f"{value:,.0f}"
    return f"{value:.1f}" if value >= 1 else f"{value:.2g}"


def ratio(value: float) -> str:
    """The way a factor is said: 12 ×, or 1/12."""
    return f"{number(value)} ×" if value > 0.2 else f"1/{1 / value:.0f}" if 1 / value >= 20 else f"1/{1 / value:.1f}"


def table(head: list[str], rows: list[list[str]]) -> list[str]:
    lines = ["| " + " | ".join(head) + " |", "|" + " --- |" * len(head)]
    return lines + ["| " + " | ".join(row) + " |" for row in rows] + [""]


# A promise beside what was measured: name, "≥" or "≤", the bar, the figure, whether it is met.
Judged = tuple[str, str, float, float, bool]


def judged(name: str, relation: str, bar: float, seen: float) -> Judged:
    return name, relation, bar, seen, seen >= bar if relation == "≥" else seen <= bar


def promise_rows(promises: list[Judged], form=None) -> list[list[str]]:
    """Rows for a table; `form` prints a figure, number() unless told."""
    form = form or number
    return [[name, f"{relation} {form(bar)}", form(seen), "yes" if met else "**no**"]
            for name, relation, bar, seen, met in promises]


PROMISED = ["promise", "measured", "met"]


def server_promises(figures: dict) -> list[Judged]:
    """Of one size; bars and figures are ratios."""
    large, found = figures["records"] >= LARGE, []
    for label, metric, relation, at_small, at_large in BARS:
        bar = at_large if large else at_small
        if bar is None:
            continue
        seen = figures["results"][label][OURS][metric] / figures["results"][label][CHROMA][metric]
        found.append(judged(f"{label}: {METRICS[metric]}", relation, bar, seen))
    return found


def absolute_promises(figures: dict) -> list[Judged]:
    results = figures["results"]
    mixed, idle = results["mixed"][OURS], results["idle"][OURS]
    promised = [("one connection upserts: p99 of queries, ms", "≤", 2, mixed["p99_us"] / 1e3),
                ("one connection upserts: upserts/s", "≥", 2000, mixed["upserts_per_second"]),
                (f"{idle['connections']:,.0f} idle connections: CPU, % of a core", "≤", 0.5, idle["server_cpu_percent"]),
                (f"{idle['connections']:,.0f} idle connections: further threads", "≤", 0,
                 idle["server_threads"] - idle["server_threads_before"]),
                ("the graph has caught up after the last add, s", "≤", 6,
                 results["fill"][OURS]["caught_up_seconds"])]
    filters = [label for label in results if label.startswith("filter ")]
    promised.append(("recall@10 under filters, the least", "≥", 0.95,
                     min(results[label][OURS]["recall"] for label in filters)))
    return [judged(*each) for each in promised]


def one_size(figures: dict) -> list[str]:
    results = figures["results"]
    promises = promise_rows(server_promises(figures), ratio) + promise_rows(absolute_promises(figures))
    adds, queries = [], []
    for label, runs in results.items():
        if label.startswith("add "):
            adds.append([label] + [f"{number(run['records_per_second'])} ({number(run['p50_us'] / 1e3)} /"
                                   f" {number(run['p99_us'] / 1e3)})" for run in runs.values()]
                        + [ratio(runs[OURS]["records_per_second"] / runs[CHROMA]["records_per_second"])])
        elif "p50_us" in runs[OURS]:
            queries.append([label] + [
                f"{number(run['p50_us'])} / {number(run['p99_us'])} ({number(run['requests_per_second'])}/s,"
                f" CPU {number(run['server_cpu_us_per_request'])}"
                + (f", recall {run['recall']:.3f}" if "recall" in run else "")
                + (f", {number(run['upserts_per_second'])} upserts/s" if "upserts_per_second" in run else "") + ")"
                for run in runs.values()] + [ratio(runs[OURS]["p50_us"] / runs[CHROMA]["p50_us"])])
    rows = []
    for name, label, key in (("resident memory, MiB", "full", "rss_mib"), ("the same, empty", "empty", "rss_mib"),
                             ("the same, after a start and a query", "cold", "rss_mib"), ("disk at rest, MiB", "full", "disk_mib"),
                             ("filling by 1,000, s", "fill", "seconds"), ("CPU of that with its index, s", "fill", "server_cpu_seconds"),
                             ("first answer after a start, ms", "cold", "first_answer_ms"),
                             ("memory of an idle connection, KiB", "idle", "server_rss_kib_per_connection")):
        rows.append([name] + [number(run[key]) for run in results[label].values()])
    tuned = [[label, *(f"ef {run['effort']}: {run['recall']:.4f}" for run in runs.values())]
             for label, runs in results.items() if label.startswith("recall ")]
    servers = list(results["full"])
    return [f"### {figures['records']:,} records", "",
            f"Local intrinsic dimension {figures['local_intrinsic_dimension']:.1f}, contrast {figures['contrast']:.2f};"
            f" documents of {figures['document_bytes']} bytes; medians of {figures['rounds']} interleaved rounds of up to"
            f" {figures['seconds']:g} s.", "",
            *table(["against Chroma", *PROMISED], promises),
            *table(["acknowledged records/s (p50 / p99 ms per request)", *servers, "ratio"], adds),
            *table(["p50 / p99 µs (rate, server CPU in µs per query)", *servers, "p50"], queries),
            *table(["least effort for a recall", *servers], tuned), *table(["", *servers], rows)]


def servers(document: dict) -> list[str]:
    figures = document.get("servers")
    if not figures:
        return []
    return ["## Beside Chroma's server", "",
            "Descriptions of Debian's packages and their embeddings by all-MiniLM-L6-v2 (384 dimensions, cosine), four"
            " metadata fields. Each add counts only when it was acknowledged; pannierd has synced the disk by then."
            " Queries ask for the ten nearest with documents, metadatas and distances, at the least `ef_search` of each"
            " server that reaches the recall; filters and texts at the default. (Chroma seems to take a changed"
            " `ef_search` only when it loads its index anew: its recall did not change with it.)", "",
            *(line for size in figures["sizes"] for line in one_size(size))]


def snapshot_promises(figures: dict) -> list[Judged]:
    speed = {name: run["bytes_per_second"] / 1e6 for name, run in figures["operations"].items()}
    worker = figures["worker"]
    slower = worker["p99_snapshot_ms"] / worker["p99_quiet_ms"] if worker["p99_quiet_ms"] else 0.0
    promised = [
        ("snapshot of an unchanged store, pin to commit: MB/s", "≥", 1000,
         figures["unchanged_bytes_per_second"] / 1e6),
        ("restore from a volume: MB/s", "≥", 400, speed["restore"]),
        ("deep verification: MB/s", "≥", 300, speed["deep verification"]),
        ("salvage: MB/s", "≥", 100, speed["salvage"]),
        ("new MB after changes in 20 places (3 chunks each and 1 %)", "≤",
         figures["touched_allowed_bytes"] / 1e6, figures["touched_new_bytes"] / 1e6),
        ("worker's p99 during a snapshot: times that without", "≤", 1.5, slower),
        ("longest wait of a writer: ms", "≤", 20, worker["stall_ms"]),
        ("further disk during a snapshot: MB (64 MiB and what is new)", "≤",
         ((64 << 20) + worker["new_bytes"]) / 1e6, worker["extra_disk_bytes"] / 1e6),
        ("memory of any operation: MiB", "≤", 64,
         max(run["memory_kib"] for run in figures["operations"].values()) / 1024)]
    return [judged(*each) for each in promised]


def snapshots(document: dict) -> list[str]:
    figures = document.get("snapshots")
    if not figures:
        return []
    rows = [[name, number(run["seconds"]), number(run["cpu_seconds"]),
             number(run["bytes_per_second"] / 1e6), number(run["memory_kib"] / 1024)]
            for name, run in figures["operations"].items()]
    return ["## Snapshots", "",
            f"{figures['records']:,} records of 384 dimensions with documents of 1 KiB; the repository is"
            " a folder on the same disk; the file is in the page cache. The worker writes single records"
            " over the socket all the while.", "",
            *table([f"a store of {number(figures['bytes'] / 1e6)} MB", *PROMISED], promise_rows(snapshot_promises(figures))),
            *table(["operation", "s", "CPU s", "MB/s", "memory, MiB"], rows)]


# Against peers: key, what, metric of it, relation, ratio. Rates; what is served over the socket.
PEER_BARS: list[tuple[str, str, str, str, float]] = [
    ("zvec", "query 0.95", "per_second", "≥", 2), ("zvec", "add 1000", "", "≥", 1),
    ("zvec", "filter 50 %", "p50_us", "≤", 0.6), ("zvec", "filter 1 %", "p50_us", "≤", 0.6),
    ("qdrant-edge", "query 0.95", "per_second", "≥", 1.5), ("qdrant-edge", "query 0.99", "per_second", "≥", 1.8),
    ("qdrant-edge", "filter 50 %", "p50_us", "≤", 0.5), ("qdrant-edge", "filter 10 %", "p50_us", "≤", 1.2),
    ("qdrant-edge", "add 1", "", "≥", 10), ("qdrant-edge", "add 100", "", "≥", 2.5),
    ("lancedb", "query 0.95", "per_second", "≥", 25), ("lancedb", "add 1", "", "≥", 10),
    ("lancedb", "add 1000", "", "≥", 0.5),
    ("sqlite-vec", "query 0.95", "per_second", "≥", 40), ("sqlite-vec", "add 1", "", "≥", 0.6),
    ("pgvector", "query 0.95", "per_second", "≥", 6), ("pgvector", "query 0.99", "per_second", "≥", 6),
    ("pgvector", "add 1", "", "≥", 2.5), ("pgvector", "add 100", "", "≥", 7),
    ("milvus-lite", "query 0.95", "per_second", "≥", 40), ("milvus-lite", "add 1", "", "≥", 5),
    ("milvus-lite", "add 100", "", "≥", 3),
]
# The index alone, by processor time of one thread.
ENGINE_BARS = [("hnswlib", "query 0.95", 2.5), ("hnswlib", "query 0.99", 2.5), ("faiss", "query 0.95", 2),
               ("faiss", "query 0.99", 2), ("usearch", "query 0.95", 4), ("usearch", "query 0.99", 4)]


def peer_promises(figures: dict) -> list[Judged]:
    """Of peers that ran; bars and figures are ratios."""
    peers, found = figures["peers"], []

    def value(key: str, what: str, metric: str) -> float | None:
        member = peers.get(key, {}).get(what)
        return member.get(metric) if isinstance(member, dict) else member
    for key, what, metric, relation, bar in PEER_BARS:
        ours, theirs = value("pannierd", what, metric), value(key, what, metric)
        if ours and theirs:
            found.append(judged(f"{key}: {what}", relation, bar, ours / theirs))
    for key, what, bar in ENGINE_BARS:
        ours = [run[what]["cpu_us"] for run in figures.get("engine", []) if what in run]
        theirs = value(key, what, "cpu_us")
        if ours and theirs:
            found.append(judged(f"index alone, {key}: {what}", "≥", bar, theirs / statistics.median(ours)))
    cores = [run["two_cores_over_one"] for run in figures.get("engine", []) if "two_cores_over_one" in run]
    if cores:
        found.append(judged("index alone, two cores over one", "≥", 1.8, statistics.median(cores)))
    return found


def engine_rows(figures: dict) -> list[str]:
    runs = figures.get("engine")
    if not runs:
        return []
    rows = [[what, f"ef {run[what]['effort']}, recall {run[what]['recall']:.3f}", number(run[what]["cpu_us"]),
             number(run["build_per_second"])] for run in runs for what in run if what.startswith("query ")]
    return ["The index of pannierd alone, as a program of its own on one thread:", "",
            *table(["for a recall of", "least effort", "µs per query", "vectors per second while it is built"], rows)]


def run_peers():
    """That module, which asks for this one."""
    sys.path.insert(0, str(Path(__file__).parent / "peers"))
    return importlib.import_module("run_peers")


def beside_peers(document: dict) -> list[str]:
    figures = document.get("peers")
    if not figures:
        return []
    return ["## Beside other stores and libraries", "",
            f"{figures['records']:,} of the same records, added one at a time, then by"
            " 100, then by 1,000; the ten nearest with documents and metadata where there are any, at the"
            " least effort that reaches a recall of .95 and of .99, one connection or thread; medians of"
            " rounds in turns. All clients are Python (servers are asked by a bare socket); a library in process"
            " answers without a server, and has no answer to write.", "",
            "![queries per second at a recall of .95](benchmarks/queries.svg)", "",
            "![records added one at a time](benchmarks/adds.svg)", "",
            *table(["against", *PROMISED], promise_rows(peer_promises(figures), ratio)), *run_peers().table(figures),
            *engine_rows(figures)]


def charts(document: dict) -> dict[str, str]:
    """The pictures of the page: file name to SVG."""
    figures = document.get("peers")
    if not figures:
        return {}
    ran = [(run_peers().peer_class(key), found) for key, found in figures["peers"].items() if "failed" not in found]
    queries = [(peer.name, found["query 0.95"]["per_second"]) for peer, found in ran if "query 0.95" in found]
    adds = [(peer.name, found["add 1"]) for peer, found in ran if peer.documents]
    return {"queries.svg": plot.bars("Queries per second at a recall of .95", queries, "one connection or thread",
                                     "pannierd"),
            "adds.svg": plot.bars("Records per second, added one at a time", adds, "LanceDB and zvec do not sync",
                                  "pannierd")}


def fleet(document: dict) -> list[str]:
    figures = document.get("fleet")
    if not figures:
        return []
    promised = [("stores made and filled per second", "≥", 300, figures["made_per_second"]),
                ("resident memory with all closed, MiB", "≤", 25, figures["rss_closed_mib"]),
                ("first query of a sleeping store, p99: ms", "≤", 5, figures["first_query_p99_ms"]),
                (f"{figures['many']:,} stores asked by Zipf's law, as a share of the rate of one store", "≥", 0.5,
                 figures["zipf_per_second"] / figures["one_per_second"])]
    bars = promise_rows([judged(*each) for each in promised])
    rows = [["resident memory with as many open as may be, MiB", number(figures["rss_open_mib"])],
            ["open files then", number(figures["descriptors_open"])],
            ["first query of a sleeping store, median: ms", number(figures["first_query_p50_ms"])],
            [f"queries/s over {figures['many']:,} stores, and of one", f"{number(figures['zipf_per_second'])},"
             f" {number(figures['one_per_second'])}"],
            [f"resident memory then, with a budget of {figures['budget_mib']} MiB: MiB", number(figures["zipf_rss_mib"])]]
    return ["## Many small stores", "",
            f"{figures['stores']:,} stores of {figures['records']} records, one client in Python.", "",
            *table(["", *PROMISED], bars), *table(["", "measured"], rows)]


def growth(document: dict) -> list[str]:
    figures = document.get("growth")
    if not figures:
        return []
    sizes = {each["records"]: each for each in figures["sizes"]}
    rows = [[f"{each['records']:,}", number(each["adds_per_second"]), number(each["caught_up_seconds"]),
             f"{number(each['p50_us'])} / {number(each['p99_us'])}", number(each["cpu_us"]), number(each["rss_mib"]),
             number(each["disk_mib"]), number(each["rss_mib"] * 2**20 / each["records"]), number(each["open_ms"])]
            for each in figures["sizes"]]
    promises: list[Judged] = []
    if 10_000 in sizes and 500_000 in sizes:
        small, large = sizes[10_000], sizes[500_000]
        promises = [judged("ingest rate at 500,000 records, of that at 10,000", "≥", 0.8,
                           large["adds_per_second"] / small["adds_per_second"]),
                    judged("p50 of queries at 500,000 records, of that at 10,000", "≤", 3,
                           large["p50_us"] / small["p50_us"])]
    return ["## Growth", "",
            "Generated records of 384 dimensions with documents of 1 KiB (local intrinsic dimension about 20), in one"
            " collection of default parameters, added by 1,000. Opening is from a stopped daemon to its first answer,"
            " with the start of the client's process.", "",
            *(table(["", *PROMISED], promise_rows(promises)) if promises else []),
            *table(["records", "adds/s", "graph caught up after, s", "query p50 / p99, µs", "CPU, µs", "memory, MiB",
                    "disk, MiB", "bytes of memory per record", "open, ms"], rows),
            "One daemon serves what one pod's memory and disk hold. Beyond that, stores are spread: each worker pod has a"
            " daemon of its own, and applications choose the pod by the store's name. The operator schedules snapshots,"
            " clean-up and repair for each of these daemons, and a store moves between pods as a snapshot that is restored"
            " elsewhere. A single collection that outgrows a machine is not divided.", ""]


def operator_promises(figures: dict) -> list[Judged]:
    unfinished = figures["storm_snapshots"] - figures["storm_completed"]
    promised = [
        ("memory with one VectorStore, a repository in S3 and a snapshot: MiB", 20,
         figures.get("idle_rss_kib", 0) / 1024),
        ("memory with all objects, at rest: MiB", 64, figures["rest_rss_kib"] / 1024),
        ("memory with all objects, the most ever: MiB", 64, figures["storm_peak_kib"] / 1024),
        ("from start to knowing all objects: s", 2, figures["synced_seconds"]),
        ("writes when nothing changes, beginning with the start", 0, figures["rest_writes"]),
        ("`/metrics`, at rest: ms", 50, figures["metrics_ms"]),
        ("`/metrics`, during the storm: ms", 50, figures["storm_metrics_ms"]),
        ("calls of the API for a snapshot of the storm", 12, figures["storm_calls_per_snapshot"]),
        ("snapshots of the storm that were not completed", 0, unfinished),
        ("from the due minute to the end of the last snapshot: s", 600, figures["storm_finished_seconds"])]
    return [judged(name, "≤", bar, seen) for name, bar, seen in promised]


def operator(document: dict) -> list[str]:
    figures = document.get("operator")
    if not figures:
        return []
    bars = promise_rows(operator_promises(figures))
    rows = [["CPU when idle, % of a core", number(figures["idle_cpu_percent"])],
            ["CPU with all objects at rest, % of a core", number(figures["rest_cpu_percent"])],
            ["calls of the API at rest, per second", number(figures["rest_calls_per_second"])],
            ["CPU for the storm, s", number(figures["storm_cpu_seconds"])],
            ["last snapshot created after, s", number(figures["storm_last_created_seconds"])],
            ["most snapshots created in one second", number(figures["storm_busiest_second"])],
            ["a snapshot of the storm, median and longest, s",
             f"{number(figures['storm_snapshot_median_seconds'])}, "
             f"{number(figures['storm_snapshot_longest_seconds'])}"]]
    return ["## The operator", "",
            f"{figures['objects']:,} custom resources ({figures['objects_by_kind']['StoreSnapshot']:,} of them"
            f" snapshots) and {figures['pods']:,} pods, as objects, on a real kube-apiserver with etcd and a real S3"
            f" server, all on the same cores. {figures['daemons']} real daemons stand in for those of the pods: each"
            " pod leads to one of them, and each VectorStore has a store of its own there. In the storm"
            f" {figures['storm_snapshots']:,} schedules are due in the same minute, with jitterSeconds of 50."
            f" At commit {figures['commit']}, {figures['date']}, load {figures['load_before']} before the run.", "",
            *table(["the operator", *PROMISED], bars), *table(["", "measured"], rows)]


def origin(name: str, document: dict) -> str:
    part = document[name]
    return f"`{part['commit']}`, {part['date']}, load {part['load_before']} before it"


def render(document: dict) -> str:
    """`document`: of each part that was measured what run_bench.py keeps."""
    machine = document["machine"]
    parts = [name for name in document if name != "machine"]
    lines = [
        "# Benchmarks",
        "",
        "Written by `make bench` (`tests/bench/run_bench.py`); do not edit. Measure on your own machine"
        " before relying on a figure: ratios carry over, absolute values do not.",
        "",
        f"{machine['processor']}, {machine['cores']} cores, {machine['memory_gib']} GiB, Linux {machine['kernel']};"
        f" {machine['file_system']}, a durable append of 4 KiB takes {machine['sync_4k_us']} µs; {machine['compiler']}."
        " Client and server share the cores.", "",
        "Each part at the commit that it was measured at: " + "; ".join(f"{name} {origin(name, document)}"
                                                                       for name in parts) + ".",
        "",
        *servers(document),
        *beside_peers(document),
        *fleet(document),
        *growth(document),
        *snapshots(document),
        *operator(document),
    ]
    return "\n".join(lines)

#!/usr/bin/env python3
"""Makes docs/benchmarks.md from the JSON that run_bench.py wrote.

    tests/bench/report.py results.json > docs/benchmarks.md
"""

from __future__ import annotations

import json
import statistics
import sys
from pathlib import Path

OURS, OURS_TCP, CHROMA = "pannierd, socket", "pannierd, TCP", "Chroma, TCP"

# What the project promises of these figures: label, metric, "at least" or "at most", factor.
BARS = [
    ("add 1, 1 connection", "records_per_second", "≥", 10.0),
    ("add 1, 4 connections", "records_per_second", "≥", 10.0),
    ("add 100", "records_per_second", "≥", 5.0),
    ("query, 1 connection", "p50_us", "≤", 1 / 3),
    ("query, 4 connections", "p50_us", "≤", 1 / 3),
]


def median(results: dict, label: str, server: str, key: str) -> float:
    return statistics.median(run[key] for run in results[label][server])


def number(value: float) -> str:
    if value >= 100:
        return f"{value:,.0f}"
    return f"{value:.1f}" if value >= 1 else f"{value:.2g}"


def table(head: list[str], rows: list[list[str]]) -> list[str]:
    lines = ["| " + " | ".join(head) + " |", "|" + " --- |" * len(head)]
    return lines + ["| " + " | ".join(row) + " |" for row in rows] + [""]


def adds(results: dict) -> list[str]:
    rows = []
    for label in (label for label in results if label.startswith("add ")):
        ours = median(results, label, OURS, "records_per_second")
        theirs = median(results, label, CHROMA, "records_per_second")
        rows.append([label] + [
            f"{number(median(results, label, server, 'records_per_second'))} "
            f"({number(median(results, label, server, 'p50_us') / 1000)} / "
            f"{number(median(results, label, server, 'p99_us') / 1000)})"
            for server in (OURS, OURS_TCP, CHROMA)] + [f"{ours / theirs:.1f} ×"])
    return table(["acknowledged records/s (p50 / p99 ms per request)", OURS, OURS_TCP, CHROMA,
                  "socket : Chroma"], rows)


def queries(results: dict) -> list[str]:
    rows = []
    for label in (label for label in results if label.startswith("query")):
        ours = median(results, label, OURS, "p50_us")
        theirs = median(results, label, CHROMA, "p50_us")
        rate = results[label][OURS][0].get("rate")
        rows.append([label + (f", {rate}/s" if rate else "")] + [
            f"{number(median(results, label, server, 'p50_us'))} / "
            f"{number(median(results, label, server, 'p99_us'))} "
            f"({number(median(results, label, server, 'requests_per_second'))}/s, "
            f"{number(median(results, label, server, 'server_cpu_us_per_request'))})"
            for server in (OURS, OURS_TCP, CHROMA)] + [f"1 : {theirs / ours:.1f}"])
    return table(["p50 / p99 µs (rate, server CPU µs per query)", OURS, OURS_TCP, CHROMA,
                  "p50, socket : Chroma"], rows)


def standing(results: dict) -> list[str]:
    servers = (OURS, OURS_TCP, CHROMA)
    rows = [["recall@10"] + [f"{median(results, 'recall@10', s, 'recall'):.4f}" for s in servers]]
    connections = results["idle"][OURS][0]["connections"]
    for name, key in ((f"CPU of {connections:,} idle connections, % of a core",
                       "server_cpu_percent"),
                      ("threads with them", "server_threads"),
                      ("threads before", "server_threads_before"),
                      ("memory of one of them, KiB", "server_rss_kib_per_connection")):
        rows.append([name] + [f"{median(results, 'idle', s, key):.1f}" if "%" in name or "KiB" in name
                              else f"{median(results, 'idle', s, key):.0f}" for s in servers])
    rows.append(["resident memory after the fill, MiB"] +
                [number(median(results, "fill", s, "server_rss_kib") / 1024) for s in servers])
    rows.append(["filling the collection, s"] +
                [number(median(results, "fill", s, "seconds")) for s in servers])
    return table(["", *servers], rows)


def bars(results: dict) -> list[str]:
    rows = []
    for label, key, relation, factor in BARS:
        ratio = median(results, label, OURS, key) / median(results, label, CHROMA, key)
        met = ratio >= factor if relation == "≥" else ratio <= factor
        what = "records/s" if key == "records_per_second" else "p50"
        aim = f"{factor:.0f} ×" if factor >= 1 else "1/3"
        seen = f"{ratio:.1f} ×" if factor >= 1 else f"1/{1 / ratio:.1f}"
        rows.append([f"{label}: {what}", f"{relation} {aim}", seen, "yes" if met else "**no**"])
    idle = results["idle"][OURS][0]
    cpu = idle["server_cpu_percent"]
    rows.append([f"{idle['connections']:,} idle connections: CPU", "< 0.5 %", f"{cpu:.1f} %",
                 "yes" if cpu < 0.5 else "**no**"])
    more = idle["server_threads"] - idle["server_threads_before"]
    rows.append([f"{idle['connections']:,} idle connections: further threads", "none each",
                 str(more), "yes" if more < idle["connections"] / 100 else "**no**"])
    return table(["pannierd over the socket against Chroma", "promise", "measured", "met"], rows)


def snapshot_promises(figures: dict) -> list[tuple[str, str, float, float, bool]]:
    """What is promised of these figures: name, "≥" or "≤", the promise, the figure, whether it is met."""
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
    return [(name, relation, bar, seen, seen >= bar if relation == "≥" else seen <= bar)
            for name, relation, bar, seen in promised]


def snapshot_bars(figures: dict) -> list[str]:
    return table(["a store of " + number(figures["bytes"] / 1e6) + " MB", "promise", "measured", "met"],
                 [[name, f"{relation} {number(bar)}", number(seen), "yes" if met else "**no**"]
                  for name, relation, bar, seen, met in snapshot_promises(figures)])


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
            " over the socket all the while.", "", *snapshot_bars(figures),
            *table(["operation", "s", "CPU s", "MB/s", "memory, MiB"], rows)]


def beside_peers(document: dict) -> list[str]:
    figures = document.get("peers")
    if not figures:
        return []
    sys.path.insert(0, str(Path(__file__).parent / "peers"))
    from run_peers import table as table_of_peers
    return ["## Beside other stores and libraries", "",
            f"{figures['records']:,} records with documents of about 400 bytes, added one at a time, then by"
            " 100, then by 1,000; the ten nearest with documents and metadata where there are any, at the"
            " least effort that reaches a recall of .95 and of .99, one connection or thread; medians of"
            " rounds in turns. All clients are Python; a library in process answers without a server, and"
            " has no answer to write.", "", *table_of_peers(figures)]


def operator_promises(figures: dict) -> list[tuple[str, str, float, float, bool]]:
    """What is promised of these figures: name, "≥" or "≤", the promise, the figure, whether it is met."""
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
    return [(name, "≤", bar, seen, seen <= bar) for name, bar, seen in promised]


def operator(document: dict) -> list[str]:
    figures = document.get("operator")
    if not figures:
        return []
    bars = [[name, f"{relation} {bar:,}", number(seen) if seen else "0", "yes" if met else "**no**"]
            for name, relation, bar, seen, met in operator_promises(figures)]
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
            *table(["the operator", "promise", "measured", "met"], bars), *table(["", "measured"], rows)]


def render(document: dict) -> str:
    results, data, machine = document["results"], document["data"], document["machine"]
    versions = document["versions"]
    recall = results["recall@10"][OURS][0]
    lines = [
        "# Benchmarks",
        "",
        "Written by `make bench` (`tests/bench/run_bench.py`); do not edit. Measure on your own machine"
        " before relying on a figure: ratios carry over, absolute values do not.",
        "",
        f"- pannierd at commit {versions['commit']} ({versions['compiler']}), against the real server of"
        f" Chroma {versions['chroma']} (`chroma run`), {document['date']}.",
        f"- {machine['processor']}, {machine['cores']} cores, {machine['memory_gib']} GiB, Linux"
        f" {machine['kernel']}; {machine['file_system']}, a durable append of 4 KiB takes"
        f" {machine['sync_4k_us']} µs; load {machine['load_before']} before the run. Client and server"
        " share the cores.",
        f"- {data['records']:,} records of {data['dimension']} dimensions, {data['document_bytes']} byte"
        f" documents and metadata, generated from seed {data['seed']}: local intrinsic dimension"
        f" {recall['local_intrinsic_dimension']:.1f}, contrast {recall['contrast']:.2f}. Collections have"
        " the default configuration.",
        f"- Medians of {document['rounds']} interleaved rounds of up to {document['seconds']:g} s.",
        "",
        "## Promises",
        "",
        *bars(results),
        "## Adds",
        "",
        "Every answer is counted only when the server has acknowledged; pannierd has synced the disk by"
        " then.",
        "",
        *adds(results),
        "## Queries",
        "",
        "The ten nearest with documents, metadatas and distances. In the open loop requests are due at"
        " fixed moments, half as often as Chroma can answer, and their time runs from then.",
        "",
        *queries(results),
        "## Answers, idle connections, memory",
        "",
        *standing(results),
        *snapshots(document),
        *beside_peers(document),
        *operator(document),
    ]
    return "\n".join(lines)


if __name__ == "__main__":
    sys.stdout.write(render(json.loads(Path(sys.argv[1]).read_text())))

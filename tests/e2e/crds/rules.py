#!/usr/bin/env python3
"""Tells a real API server every sentence of our CRDs that it must refuse, and some that it must take.

Goal: each CEL rule, limit and immutability holds, and its error names the field.
Method: a table of specs, each a good one with one change; `kubectl create --dry-run=server`, and for
immutability an object that is changed. Needs $KUBECONFIG of a server that has crds/.
"""

import copy
import json
import subprocess
import sys

NAMESPACE = "crd-rules"
GOOD = {
    "VectorStore": {"storage": {"emptyDir": {}}},
    "SnapshotRepository": {"s3": {"bucket": "bucket"}},
    "StoreSnapshot": {"vectorStoreRef": {"name": "v"}},
    "StoreSnapshotSchedule": {"schedule": "H 3 * * *",
                              "template": {"spec": {"vectorStoreRef": {"name": "v"}}}},
    "StoreOperation": {"vectorStoreRef": {"name": "v"},
                       "target": {"podName": "p", "storeName": "t/d"}, "action": {"verify": {}}},
    "StoreCleanupPolicy": {"schedule": "@daily", "rules": {"sessions": {"idleSeconds": 300}}},
}
REMOVE = object()
# kind, changes of the good spec ("a.b": value), what the refusal must contain; None: it is taken.
CASES = [
    ("VectorStore", {}, None),
    ("VectorStore", {"storage.existingVolume": {"name": "data"}}, "spec.storage: "),
    ("VectorStore", {"storage": {}}, "spec.storage: "),
    ("VectorStore", {"storage": {"existingVolume": {"name": "d", "subPath": "../x"}}},
     "spec.storage.existingVolume.subPath: "),
    ("VectorStore", {"storage": {"ephemeralClaim": {"size": "10Gi"}}}, None),
    ("VectorStore", {"storage": {"ephemeralClaim": {"size": "ten"}}}, "spec.storage.ephemeralClaim.size: "),
    ("VectorStore", {"socketMountPath": "run/x"}, "spec.socketMountPath: "),
    ("VectorStore", {"socketMountPath": "/" + 90 * "a"}, "spec.socketMountPath: "),
    ("VectorStore", {"loopbackPort": 65536}, "spec.loopbackPort: "),
    ("VectorStore", {"recovery": {"mode": "Automatic", "maxDataLossSeconds": 60}},
     "spec.repositoryRef: "),
    ("VectorStore", {"recovery": {"mode": "Automatic"}, "repositoryRef": {"name": "r"}},
     "spec.recovery.maxDataLossSeconds: "),
    ("VectorStore", {"recovery": {"mode": "Automatic", "maxDataLossSeconds": 60},
                     "repositoryRef": {"name": "r"}}, None),
    ("VectorStore", {"recovery": {"maxAttempts": 11}}, "spec.recovery.maxAttempts: "),
    ("VectorStore", {"snapshotFreshnessSeconds": 3600}, "spec.repositoryRef: "),
    ("VectorStore", {"bootstrap": "LatestSnapshot"}, "spec.repositoryRef: "),
    ("VectorStore", {"bootstrap": "Newest"}, "spec.bootstrap: "),
    ("VectorStore", {"integrity": {"quickCheckIntervalSeconds": 59}},
     "spec.integrity.quickCheckIntervalSeconds: "),
    ("VectorStore", {"integrity": {"fullCheckSchedule": "@daily", "timeZone": "Europe/Berlin"}}, None),
    ("VectorStore", {"integrity": {"timeZone": "Mars/Base"}}, "spec.integrity.timeZone: "),
    ("VectorStore", {"integrity": {"timeZone": "Local"}}, "spec.integrity.timeZone: "),
    ("VectorStore", {"integrity": {"timeZone": "../zone"}}, "spec.integrity.timeZone: "),
    ("SnapshotRepository", {}, None),
    ("SnapshotRepository", {"volume": {"claimName": "c"}}, "spec: "),
    ("SnapshotRepository", {"s3": REMOVE}, "spec: "),
    ("SnapshotRepository", {"s3": REMOVE, "volume": {"claimName": "c"}}, None),
    ("SnapshotRepository", {"s3.prefix": "/a"}, "spec.s3.prefix: "),
    ("SnapshotRepository", {"s3.prefix": "a/"}, "spec.s3.prefix: "),
    ("SnapshotRepository", {"s3.prefix": "a/../b"}, "spec.s3.prefix: "),
    ("SnapshotRepository", {"s3.endpoint": "s3.example"}, "spec.s3.endpoint: "),
    ("SnapshotRepository", {"s3.serverSideEncryption": "KMS"}, "spec.s3.kmsKeyID: "),
    ("SnapshotRepository", {"s3.kmsKeyID": "k"}, "spec.s3.kmsKeyID: "),
    ("SnapshotRepository", {"s3.serverSideEncryption": "KMS", "s3.kmsKeyID": "k"}, None),
    ("SnapshotRepository", {"maxConcurrentTransfers": 65}, "spec.maxConcurrentTransfers: "),
    ("SnapshotRepository", {"s3.bucket": "ab"}, "spec.s3.bucket: "),
    ("StoreSnapshot", {}, None),
    ("StoreSnapshot", {"storeNames": [f"t/{n}" for n in range(101)]}, "spec.storeNames: "),
    ("StoreSnapshot", {"storeNames": ["t/a", "t/a"]}, "spec.storeNames[1]: Duplicate"),
    ("StoreSnapshot", {"storeNames": ["no-slash"]}, "spec.storeNames[0]: "),
    ("StoreSnapshot", {"timeoutSeconds": 59}, "spec.timeoutSeconds: "),
    ("StoreSnapshot", {"backoffLimit": 11}, "spec.backoffLimit: "),
    ("StoreSnapshot", {"expireAfterSeconds": 3599}, "spec.expireAfterSeconds: "),
    ("StoreSnapshotSchedule", {}, None),
    ("StoreSnapshotSchedule", {"schedule": "TZ=Europe/Berlin 0 3 * * *"}, "spec.schedule: "),
    ("StoreSnapshotSchedule", {"schedule": "CRON_TZ=UTC 0 3 * * *"}, "spec.schedule: "),
    ("StoreSnapshotSchedule", {"schedule": "0 3 * *"}, "spec.schedule: "),
    ("StoreSnapshotSchedule", {"schedule": "@never"}, "spec.schedule: "),
    ("StoreSnapshotSchedule", {"timeZone": "Nowhere"}, "spec.timeZone: "),
    ("StoreSnapshotSchedule", {"timeZone": "America/Argentina/Buenos_Aires"}, None),
    ("StoreSnapshotSchedule", {"retention": {}}, "spec.retention: "),
    ("StoreSnapshotSchedule", {"retention": {"minKeep": 3}}, "spec.retention: "),
    ("StoreSnapshotSchedule", {"retention": {"keepDaily": 7, "minKeep": 0}}, "spec.retention.minKeep: "),
    ("StoreSnapshotSchedule", {"retention": {"keepWithinSeconds": 60}}, None),
    ("StoreOperation", {}, None),
    ("StoreOperation", {"action": {}}, "spec.action: "),
    ("StoreOperation", {"action": {"verify": {}, "compact": {}}}, "spec.action: "),
    ("StoreOperation", {"action": {"restore": {}}}, "spec.action.restore: "),
    ("StoreOperation", {"action": {"restore": {"latest": {}, "snapshotRef": {"name": "s"}}}},
     "spec.action.restore: "),
    ("StoreOperation", {"action": {"restore": {"latest": {}}}}, None),
    ("StoreOperation", {"action": {"restore": {"latest": {}, "toStoreName": "t/d"}}},
     "spec.action.restore.toStoreName: "),
    ("StoreOperation", {"action": {"fork": {"toStoreName": "t/d"}}}, "spec.action.fork.toStoreName: "),
    ("StoreOperation", {"action": {"merge": {"fromStoreName": "t/d"}}},
     "spec.action.merge.fromStoreName: "),
    ("StoreOperation", {"target.podName": REMOVE}, "spec.target.podName: "),
    ("StoreOperation", {"target.podName": REMOVE,
                        "action": {"restore": {"latest": {}, "toStoreName": "t/e"}}}, None),
    ("StoreOperation", {"action": {"rebuildIndex": {"collections": [str(n) for n in range(65)]}}},
     "spec.action.rebuildIndex.collections: "),
    ("StoreCleanupPolicy", {}, None),
    ("StoreCleanupPolicy", {"rules": {}}, "spec.rules: "),
    ("StoreCleanupPolicy", {"rules": {"persistentVolumeClaims": {"selector": {}, "unusedSeconds": 86400}}},
     "spec.rules.persistentVolumeClaims.selector: "),
    ("StoreCleanupPolicy", {"rules": {"persistentVolumeClaims": {
        "selector": {"matchLabels": {"a": "b"}}, "unusedSeconds": 86400}}}, None),
    ("StoreCleanupPolicy", {"rules": {"persistentVolumeClaims": {
        "selector": {"matchLabels": {"a": "b"}}, "unusedSeconds": 86399}}},
     "spec.rules.persistentVolumeClaims.unusedSeconds: "),
    ("StoreCleanupPolicy", {"rules": {"sessions": {"idleSeconds": 299}}}, "spec.rules.sessions.idleSeconds: "),
    ("StoreCleanupPolicy", {"limits": {"maxPercent": 51}}, "spec.limits.maxPercent: "),
    ("StoreCleanupPolicy", {"mode": "Delete", "rules": {"idleStores": {
        "idleSeconds": 3600, "requireVerifiedSnapshot": False}}},
     "spec.rules.idleStores.requireVerifiedSnapshot: "),
    ("StoreCleanupPolicy", {"mode": "Delete", "rules": {"idleStores": {"idleSeconds": 3600}}}, None),
]
# kind, the spec's beginning, changes, the refusal; None: it may be changed.
CHANGES = [
    ("VectorStore", {}, {"storage": {"ephemeralClaim": {"size": "1Gi"}}}, "spec.storage: "),
    ("VectorStore", {}, {"storage": {"emptyDir": {"sizeLimit": "1Gi"}}}, None),
    ("SnapshotRepository", {}, {"s3.bucket": "other"}, "spec.s3.bucket: "),
    ("SnapshotRepository", {}, {"s3.prefix": "p"}, "spec.s3.prefix: "),
    ("SnapshotRepository", {"s3.prefix": "p"}, {"s3.prefix": REMOVE}, "spec.s3.prefix: "),
    ("SnapshotRepository", {}, {"s3.endpoint": "https://s3.example"}, "spec.s3.endpoint: "),
    ("SnapshotRepository", {}, {"s3.region": "eu-1", "maxConcurrentTransfers": 5}, None),
    ("SnapshotRepository", {"s3": REMOVE, "volume": {"claimName": "c"}}, {"volume.claimName": "d"},
     "spec.volume.claimName: "),
    ("SnapshotRepository", {}, {"s3": REMOVE, "volume": {"claimName": "c"}}, "spec: "),
    ("StoreSnapshot", {}, {"hold": True}, None),
    ("StoreSnapshot", {}, {"timeoutSeconds": 100}, "spec.timeoutSeconds: "),
    ("StoreSnapshot", {}, {"storeNames": ["t/d"]}, "spec.storeNames: "),
    ("StoreSnapshot", {"storeNames": ["t/d"]}, {"storeNames": REMOVE}, "spec.storeNames: "),
    ("StoreSnapshot", {}, {"vectorStoreRef": {"name": "w"}}, "spec.vectorStoreRef: "),
    ("StoreSnapshot", {}, {"deletionPolicy": "Retain"}, "spec.deletionPolicy: "),
    ("StoreOperation", {}, {"suspend": True}, None),
    ("StoreOperation", {}, {"action": {"compact": {}}}, "spec.action: "),
    ("StoreOperation", {}, {"dryRun": True}, "spec.dryRun: "),
    ("StoreOperation", {}, {"target.storeName": "t/e"}, "spec.target: "),
]


def kubectl(*arguments: str, body: dict | None = None) -> tuple[bool, str]:
    done = subprocess.run(["kubectl", "-n", NAMESPACE, *arguments], text=True, capture_output=True,
                          input=None if body is None else json.dumps(body))
    return done.returncode == 0, done.stdout + done.stderr


def changed(spec: dict, changes: dict) -> dict:
    spec = copy.deepcopy(spec)
    for path, value in changes.items():
        *parents, last = path.split(".")
        place = spec
        for parent in parents:
            place = place.setdefault(parent, {})
        if value is REMOVE:
            place.pop(last, None)
        else:
            place[last] = copy.deepcopy(value)
    return spec


def thing(kind: str, spec: dict, name: str = "sample") -> dict:
    return {"apiVersion": "pannier.dev/v1alpha1", "kind": kind,
            "metadata": {"name": name, "namespace": NAMESPACE}, "spec": spec}


def judge(label: str, ok: bool, said: str, refusal: str | None) -> bool:
    fine = ok if refusal is None else not ok and refusal in said
    if not fine:
        print(f"{label}\n  wanted: {refusal or 'taken'}\n  said: {said.strip()}")
    return fine


def main() -> int:
    subprocess.run(["kubectl", "create", "namespace", NAMESPACE], capture_output=True, check=False)
    failed = 0
    for kind, changes, refusal in CASES:
        ok, said = kubectl("create", "--dry-run=server", "-f", "-",
                           body=thing(kind, changed(GOOD[kind], changes)))
        failed += not judge(f"{kind} {changes}", ok, said, refusal)
    for name, length in (("VectorStore", 64), ("StoreSnapshotSchedule", 201)):
        ok, said = kubectl("create", "--dry-run=server", "-f", "-",
                           body=thing(name, GOOD[name], "a" * length))
        failed += not judge(f"{name} with a long name", ok, said, "metadata.name must have at most")
    for number, (kind, start, changes, refusal) in enumerate(CHANGES):
        before = changed(GOOD[kind], start)
        name = f"change-{number}"
        kubectl("delete", kind, name, "--ignore-not-found")
        ok, said = kubectl("create", "-f", "-", body=thing(kind, before, name))
        if ok:
            ok, said = kubectl("replace", "-f", "-", body=thing(kind, changed(before, changes), name))
        failed += not judge(f"change of {kind} {changes}", ok, said, refusal)
        kubectl("delete", kind, name, "--ignore-not-found")
    count = len(CASES) + len(CHANGES) + 2
    print(f"crd rules: {count - failed} passed, {failed} failed")
    return failed > 0


if __name__ == "__main__":
    sys.exit(main())

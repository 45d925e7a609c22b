#!/usr/bin/env python3
"""A post-renderer for Helm: gives the example's pods the Python of this machine, in place of an image
with Chroma's client. Reads and writes manifests."""

import sys

import yaml

from node import VENV
from objects import BUSYBOX, python_folders

documents = [each for each in yaml.safe_load_all(sys.stdin) if each]
for document in documents:
    if document["kind"] != "StatefulSet":
        continue
    spec = document["spec"]["template"]["spec"]
    del spec["securityContext"]  # the folders of this machine's user are for nobody else
    folders = python_folders()
    container = spec["containers"][0]
    container["image"] = BUSYBOX
    container["env"].append({"name": "PATH", "value": f"{VENV / 'bin'}:/bin"})
    container["volumeMounts"] += [{"name": f"node-{n}", "mountPath": path, "readOnly": True} for n, path in enumerate(folders)]
    spec["volumes"] += [{"name": f"node-{n}", "hostPath": {"path": path}} for n, path in enumerate(folders.values())]
yaml.safe_dump_all(documents, sys.stdout)

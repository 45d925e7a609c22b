"""A cluster that somebody has, in place of a node of our own: tests that need nothing of the node run there.

    KUBECONFIG=… make e2e

Nothing of it may bear our names: there is no release "pannier". It must have these images, or be able to pull them:

    PANNIER_E2E_REGISTRY   registry of the chart's images (make image writes them); default: as the chart has it
    PANNIER_E2E_BUSYBOX    an image with a shell and wget; default: busybox:stable
    PANNIER_E2E_WORKER     an image with Python and chromadb; default: workers mount the Python of their node, which is
                           this machine then

What a worker was told is kept on a claim of the default StorageClass, and read through the worker.
"""

from __future__ import annotations

import os
import unittest

KUBECONFIG = os.environ.get("PANNIER_E2E_KUBECONFIG", "")  # from scripts/e2e.sh; empty: a node of our own
REGISTRY = os.environ.get("PANNIER_E2E_REGISTRY", "")
WORKER = os.environ.get("PANNIER_E2E_WORKER", "")
BUSYBOX = os.environ.get("PANNIER_E2E_BUSYBOX") or ("busybox:stable" if KUBECONFIG else "localhost/busybox:test")

of_node = unittest.skipIf(KUBECONFIG, "it needs the node itself")


def helm_values() -> list[str]:
    return ["--set", f"image.registry={REGISTRY}"] if REGISTRY else []

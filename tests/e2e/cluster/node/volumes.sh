#!/usr/bin/env bash
# Prints a default StorageClass and volumes for it: folders of DIR, which honour a pod's fsGroup.
set -euo pipefail
DIR=${1:?usage: volumes.sh DIR}
# shellcheck source=tests/e2e/cluster/node/env.sh
. "$(dirname "$0")/env.sh"
cat <<YAML
apiVersion: storage.k8s.io/v1
kind: StorageClass
metadata: {name: local, annotations: {storageclass.kubernetes.io/is-default-class: "true"}}
provisioner: kubernetes.io/no-provisioner
volumeBindingMode: WaitForFirstConsumer
YAML
for ((n = 1; n <= VOLUMES; n++)); do
  mkdir -p "$DIR/volumes/$n"
  cat <<YAML
---
apiVersion: v1
kind: PersistentVolume
metadata: {name: local-$n}
spec:
  capacity: {storage: 10Gi}
  accessModes: [ReadWriteOnce]
  storageClassName: local
  persistentVolumeReclaimPolicy: Retain
  local: {path: $DIR/volumes/$n}
  nodeAffinity:
    required:
      nodeSelectorTerms:
      - matchExpressions: [{key: kubernetes.io/hostname, operator: In, values: [$NODE]}]
YAML
done

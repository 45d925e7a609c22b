# What the scripts of a node have in common. Sourced, with DIR set.
# shellcheck shell=bash disable=SC2034
NODE=node
BRIDGE=pannier-br0
GATEWAY=10.244.0.1
PODS=10.244.0.0/24
VOLUMES=24
CONTAINERD=$DIR/containerd.sock
CTR=(ctr --address "$CONTAINERD" --namespace k8s.io)

// Pods and a sidecar for tests of injection, and the rules that a hardened namespace would check.
// Threads: pure functions.
#pragma once

#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>
#include <string>

#include "lib/inject/sidecar.h"

namespace pannier::test {

inline inject::Sidecar DocsSidecar() {
  inject::Sidecar sidecar;
  sidecar.vector_store = "docs";
  sidecar.image = "registry.example/pannierd:1";
  return sidecar;
}

// Two workers: one says nothing, one has variables of its own.
inline nlohmann::json WorkerPod() {
  return nlohmann::json::parse(R"({
    "apiVersion": "v1", "kind": "Pod",
    "metadata": {"generateName": "web-", "labels": {"app": "web", "pannier.dev/vectorstore": "docs"}},
    "spec": {
      "initContainers": [{"name": "migrate", "image": "m"}],
      "containers": [
        {"name": "web", "image": "w"},
        {"name": "queue", "image": "q", "env": [{"name": "CHROMA_HOST", "value": "elsewhere"}],
         "volumeMounts": [{"name": "cache", "mountPath": "/cache"}]}],
      "volumes": [{"name": "cache", "emptyDir": {}}]}})");
}

// What Pod Security "restricted" asks of a container, and that it brings no power of its own.
inline void RequireRestricted(const nlohmann::json& container) {
  const nlohmann::json& context = container.at("securityContext");
  REQUIRE(context.at("runAsNonRoot") == true);
  REQUIRE(context.at("allowPrivilegeEscalation") == false);
  REQUIRE(context.at("readOnlyRootFilesystem") == true);
  REQUIRE(context.at("capabilities") == nlohmann::json({{"drop", {"ALL"}}}));
  REQUIRE(context.at("seccompProfile").at("type") == "RuntimeDefault");
  REQUIRE(context.value("runAsUser", 1) != 0);
  REQUIRE_FALSE(context.contains("privileged"));
  for (const nlohmann::json& port : container.at("ports")) REQUIRE_FALSE(port.contains("hostPort"));
}

}  // namespace pannier::test

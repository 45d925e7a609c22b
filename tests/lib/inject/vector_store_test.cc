// Goal: what a VectorStore says is what the sidecar is. Method: resources as JSON, read back.
#include "lib/inject/vector_store.h"

#include <catch2/catch.hpp>

namespace pannier::inject {
namespace {

using nlohmann::json;

const Installation kInstallation{"registry.example/pannierd:1", "docs-tls", {"operator"}};

Result<Sidecar> Read(const std::string& spec, const json& repository = json()) {
  const json object = {{"metadata", {{"name", "docs"}}}, {"spec", json::parse(spec)}};
  return SidecarOf(object, repository, kInstallation);
}

TEST_CASE("inject: a short VectorStore has the defaults of the resource", "[lib][inject]") {
  const Sidecar sidecar = Read(R"({"storage":{"emptyDir":{}}})").value();
  REQUIRE(sidecar.vector_store == "docs");
  REQUIRE(sidecar.image == "registry.example/pannierd:1");
  REQUIRE(sidecar.storage.kind == Storage::Kind::kEmptyDir);
  REQUIRE(sidecar.socket_mount_path == "/run/pannier");
  REQUIRE(sidecar.loopback_port == 8000);
  REQUIRE(sidecar.recovery_mode == "rebuild-only");
  REQUIRE(sidecar.log_level == "info");
  REQUIRE_FALSE(sidecar.awaits_bootstrap);
  REQUIRE(sidecar.tls_secret == "docs-tls");
}

TEST_CASE("inject: a daemon never decides by itself what may be lost", "[lib][inject]") {
  const Sidecar sidecar = Read(R"({"storage":{"emptyDir":{}}, "repositoryRef":{"name":"s3"},
      "recovery":{"mode":"Automatic","maxDataLossSeconds":60}})")
                              .value();
  REQUIRE(sidecar.recovery_mode == "rebuild-only");
}

TEST_CASE("inject: every field of a VectorStore reaches the sidecar", "[lib][inject]") {
  const Sidecar sidecar = Read(R"({
    "storage": {"existingVolume": {"name": "data", "subPath": "x"}}, "bootstrap": "LatestSnapshot",
    "socketMountPath": "/sock/", "loopbackPort": 0, "recovery": {"mode": "Manual"},
    "daemon": {"image": "i:2", "logLevel": "warning", "config": {"memory": {"budget": "1GiB"}},
               "resources": {"limits": {"memory": "1Gi", "cpu": 2}}}})")
                              .value();
  REQUIRE(sidecar.storage.kind == Storage::Kind::kExistingVolume);
  REQUIRE(sidecar.storage.volume == "data");
  REQUIRE(sidecar.storage.sub_path == "x");
  REQUIRE(sidecar.awaits_bootstrap);
  REQUIRE(sidecar.socket_mount_path == "/sock");
  REQUIRE(sidecar.loopback_port == 0);
  REQUIRE(sidecar.recovery_mode == "manual");
  REQUIRE(sidecar.image == "i:2");
  REQUIRE(sidecar.log_level == "warn");
  REQUIRE(sidecar.config["memory"]["budget"] == "1GiB");
  REQUIRE(sidecar.limits.at("cpu") == "2");
  const Storage claim =
      Read(R"({"storage":{"ephemeralClaim":{"size":"1Gi","storageClassName":"c"}}})")->storage;
  REQUIRE(claim.kind == Storage::Kind::kEphemeralClaim);
  REQUIRE((claim.size == "1Gi" && claim.storage_class == "c"));
}

TEST_CASE("inject: a repository on a volume is mounted, one in S3 is not", "[lib][inject]") {
  const char* const spec = R"({"storage":{"emptyDir":{}}})";
  const json volume = json::parse(
      R"({"metadata":{"name":"r"},"spec":{"accessMode":"ReadOnly","volume":{"claimName":"c"}}})");
  const Sidecar sidecar = Read(spec, volume).value();
  REQUIRE(sidecar.repositories.size() == 1);
  REQUIRE(sidecar.repositories[0].name == "r");
  REQUIRE(sidecar.repositories[0].claim == "c");
  REQUIRE(sidecar.repositories[0].read_only);
  const json s3 = json::parse(R"({"metadata":{"name":"r"},"spec":{"s3":{"bucket":"b"}}})");
  REQUIRE(Read(spec, s3)->repositories.empty());
}

TEST_CASE("inject: what a VectorStore cannot mean is named by its field", "[lib][inject]") {
  const std::pair<const char*, const char*> rows[] = {
      {R"({})", "spec.storage"},
      {R"({"storage":{"emptyDir":{},"ephemeralClaim":{"size":"1Gi"}}})", "spec.storage"},
      {R"({"storage":{"emptyDir":{}},"loopbackPort":70000})", "spec.loopbackPort"},
      {R"({"storage":{"emptyDir":{}},"loopbackPort":"x"})", "spec.loopbackPort"},
      {R"({"storage":{"emptyDir":{}},"socketMountPath":"run"})", "spec.socketMountPath"},
      {R"({"storage":{"emptyDir":{}},"socketMountPath":"/a/../b"})", "spec.socketMountPath"},
      {R"({"storage":{"emptyDir":{}},"recovery":{"mode":"Never"}})", "spec.recovery.mode"},
      {R"({"storage":{"emptyDir":{}},"daemon":{"config":{"dataDir":"/"}}})", "spec.daemon.config"},
      {R"({"storage":{"emptyDir":{}},"daemon":{"image":7}})", "spec.daemon.image"}};
  for (const auto& [spec, field] : rows) {
    CAPTURE(spec);
    const Result<Sidecar> read = Read(spec);
    REQUIRE(read.Is(Errc::kInvalidArgument));
    REQUIRE(read.error().what.find(field) != std::string::npos);
  }
  REQUIRE(SidecarOf(json::array(), json(), kInstallation).Is(Errc::kInvalidArgument));
}

}  // namespace
}  // namespace pannier::inject

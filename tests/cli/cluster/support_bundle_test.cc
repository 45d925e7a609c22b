// Goal: a bundle holds what helps and nothing that is secret.
// Method: a cluster with secrets wherever somebody may have put them.
#include "cli/cluster/support_bundle.h"

#include <catch2/catch.hpp>

#include "tests/cli/cluster/world.h"
#include "tests/support/temp_dir.h"

namespace pannier::cluster {
namespace {

using nlohmann::json;

constexpr const char* kSecret = "hunter2";

std::string ReadAll(const std::filesystem::path& path) {
  auto file = file::RealFileSystem().Open(path, file::OpenMode::kRead).value();
  std::string bytes(file->Size().value(), '\0');
  REQUIRE(file->ReadAt(0, bytes).ok());
  return bytes;
}

json PodWithSecrets() {
  const json container = {{"name", "app"},
                          {"env", json::array({{{"name", "KEY"}, {"value", kSecret}}})}};
  const json ended = {{"reason", "Error"}, {"exitCode", 9}, {"message", kSecret}};
  const json status = {
      {"name", "app"}, {"restartCount", 4}, {"lastState", {{"terminated", ended}}}};
  return {{"apiVersion", "v1"},
          {"kind", "Pod"},
          {"metadata",
           {{"name", "docs-0"},
            {"namespace", "team"},
            {"labels", {{"pannier.dev/vectorstore", "docs"}, {"hint", kSecret}}},
            {"annotations", {{"note", kSecret}}}}},
          {"spec", {{"nodeName", "node-1"}, {"containers", json::array({container})}}},
          {"status", {{"phase", "Running"}, {"containerStatuses", json::array({status})}}}};
}

json Event(const char* name, const char* api_version, const char* note) {
  return {{"apiVersion", "events.k8s.io/v1"},
          {"kind", "Event"},
          {"metadata", {{"name", name}, {"namespace", "team"}}},
          {"reason", "Restored"},
          {"note", note},
          {"regarding", {{"apiVersion", api_version}, {"kind", "X"}, {"uid", "unknown"}}}};
}

void Fill(World& world) {
  world.Put(
      kVectorStores, "docs",
      {{"daemon", {{"config", {{"access", {{"token", kSecret}, {"tokenFile", "/etc/t"}}}}}}}});
  json annotated =
      world.Put(kRepositories, "s3", {{"s3", {{"credentialsSecretRef", {{"name", "creds"}}}}}});
  annotated["metadata"]["annotations"] = {{"note", kSecret}, {"pannier.dev/slot", "ours"}};
  REQUIRE(world.api.Update(kRepositories, annotated).ok());
  const json pod = PodWithSecrets();
  REQUIRE(world.api.Create(kube::kPods, pod).ok());
  REQUIRE(world.api.PatchStatus(kube::kPods, {"team", "docs-0"}, "", pod["status"]).ok());
  REQUIRE(world.api
              .Create(kube::kSecrets, {{"apiVersion", "v1"},
                                       {"kind", "Secret"},
                                       {"metadata", {{"name", "creds"}, {"namespace", "team"}}},
                                       {"stringData", {{"key", kSecret}}}})
              .ok());
  REQUIRE(
      world.api.Create(kube::kEvents, Event("ours", "pannier.dev/v1alpha1", "was put back")).ok());
  REQUIRE(world.api.Create(kube::kEvents, Event("other", "apps/v1", kSecret)).ok());
}

TEST_CASE("support bundle: objects, pods and events, without anything secret", "[cli][cluster]") {
  World world;
  Fill(world);
  const test::TempDir dir;
  const std::string path = (dir / "bundle.tar").string();
  const auto answer = world.Run({"support-bundle", "-o", path.c_str()});
  REQUIRE(answer.ok());
  const std::string bytes = ReadAll(path);
  REQUIRE(bytes.find(kSecret) == std::string::npos);
  for (const char* part :
       {"pannier-support/vectorstores.json", "pannier-support/about.json", "docs-0",
        "\"vectorStore\": \"docs\"", "node-1", "\"restartCount\": 4", "\"exitCode\": 9",
        "was put back", "/etc/t", "creds", "pannier.dev/slot", "(removed)"}) {
    CAPTURE(part);
    REQUIRE(bytes.find(part) != std::string::npos);
  }
}

TEST_CASE("support bundle: what may not be read is noted, not fatal", "[cli][cluster]") {
  World world;
  world.VectorStore();
  world.api.SetBefore([](std::string_view, const kube::Resource& kind, const kube::ObjectKey&) {
    return kind.plural == "pods" ? Status(PermissionDenied("pods is forbidden")) : Status();
  });
  const test::TempDir dir;
  const std::string path = (dir / "bundle.tar").string();
  const auto answer = world.Run({"support-bundle", "-o", path.c_str()});
  REQUIRE(answer.ok());
  REQUIRE(answer->text.find("left out: pods: ") != std::string::npos);
  REQUIRE(ReadAll(path).find("pods is forbidden") != std::string::npos);
}

TEST_CASE("support bundle: an API server that is away leaves no file", "[cli][cluster]") {
  World world;
  world.api.SetBefore([](std::string_view, const kube::Resource&, const kube::ObjectKey&) {
    return Status(Unavailable("connection refused"));
  });
  const test::TempDir dir;
  const std::string path = (dir / "bundle.tar").string();
  REQUIRE(world.Run({"support-bundle", "-o", path.c_str()}).Is(Errc::kUnavailable));
  REQUIRE_FALSE(std::filesystem::exists(path));
}

}  // namespace
}  // namespace pannier::cluster

// Goal: a pod that asks for it gets a sidecar that its workers can use, once, and keeps everything
// it had. Method: the patch is applied to the pod by the JSON library, and the result looked at.
#include "lib/inject/sidecar.h"

#include <catch2/catch.hpp>
#include <random>

#include "tests/support/pods.h"
#include "tests/support/torture.h"

namespace pannier::inject {
namespace {

using nlohmann::json;
using test::DocsSidecar;
using test::WorkerPod;

json Injected(const json& pod, const Sidecar& sidecar = DocsSidecar()) {
  const Result<json> patch = PatchFor(pod, sidecar);
  INFO((patch.ok() ? "" : patch.error().what));
  REQUIRE(patch.ok());
  return pod.patch(*patch);
}

Error Refusal(const json& pod, const Sidecar& sidecar = DocsSidecar()) {
  const Result<json> patch = PatchFor(pod, sidecar);
  REQUIRE_FALSE(patch.ok());
  REQUIRE_FALSE(patch.error().what.empty());
  return patch.error();
}

std::string Variable(const json& container, const std::string& name) {
  for (const json& variable : container.value("env", json::array())) {
    if (variable["name"] == name) return variable["value"];
  }
  return "(unset)";
}

const json& Named(const json& list, const std::string& name) {
  for (const json& entry : list) {
    if (entry["name"] == name) return entry;
  }
  FAIL("nothing is named " + name);
  return list;
}

json ConfigIn(const json& pod) {
  return json::parse(pod["metadata"]["annotations"][kConfigAnnotation].get<std::string>());
}

TEST_CASE("inject: the sidecar is the first init container and goes on beside the workers",
          "[lib][inject]") {
  const json pod = Injected(WorkerPod());
  const json& init = pod["spec"]["initContainers"];
  REQUIRE(init.size() == 2);
  REQUIRE(init[0]["name"] == "pannierd");
  REQUIRE(init[0]["image"] == "registry.example/pannierd:1");
  // So that a Job ends although it runs.
  REQUIRE(init[0]["restartPolicy"] == "Always");
  REQUIRE(init[1]["name"] == "migrate");
  const json checks = {init[0]["livenessProbe"], init[0]["readinessProbe"],
                       init[0]["lifecycle"]["postStart"]};
  for (const json& check : checks) {
    const json& command = check["exec"]["command"];
    REQUIRE(command[0] == "pannierd");
    REQUIRE(command[1] == "healthcheck");
    REQUIRE(command[3] == "/run/pannier/pannier.sock");
  }
  REQUIRE(pod["metadata"]["labels"][kInjectedLabel] == "true");
  REQUIRE(pod["metadata"]["labels"]["app"] == "web");
}

TEST_CASE("inject: workers wait for the daemon by a hook, for a restore by a probe",
          "[lib][inject]") {
  Sidecar sidecar = DocsSidecar();
  const json at_once = Injected(WorkerPod(), sidecar)["spec"]["initContainers"][0];
  REQUIRE_FALSE(at_once.contains("startupProbe"));
  REQUIRE(at_once["lifecycle"]["postStart"]["exec"]["command"][5] == "5m");

  sidecar.awaits_bootstrap = true;
  const json restored = Injected(WorkerPod(), sidecar)["spec"]["initContainers"][0];
  REQUIRE_FALSE(restored.contains("lifecycle"));
  REQUIRE(restored["startupProbe"]["exec"]["command"][5] == "4s");
  REQUIRE(restored["startupProbe"]["failureThreshold"] == 1800);
}

TEST_CASE("inject: the sidecar passes what a restricted namespace asks", "[lib][inject]") {
  test::RequireRestricted(Injected(WorkerPod())["spec"]["initContainers"][0]);
  json root = WorkerPod();
  root["spec"]["securityContext"] = {{"runAsUser", 0}};
  const json sidecar = Injected(root)["spec"]["initContainers"][0];
  test::RequireRestricted(sidecar);
  REQUIRE(sidecar["securityContext"]["runAsUser"] == 65532);
  const json pod = Injected(WorkerPod());
  for (const json& volume : pod["spec"]["volumes"]) {
    CAPTURE(volume.dump());
    REQUIRE((volume.contains("emptyDir") || volume.contains("downwardAPI")));
  }
}

TEST_CASE("inject: no token of the service account is mounted into the sidecar", "[lib][inject]") {
  const json sidecar = Injected(WorkerPod())["spec"]["initContainers"][0];
  bool is_taken = false;
  for (const json& mount : sidecar["volumeMounts"]) {
    is_taken |= mount["mountPath"] == "/var/run/secrets/kubernetes.io/serviceaccount";
  }
  REQUIRE(is_taken);
}

TEST_CASE("inject: each worker finds the socket, and its own variables stay", "[lib][inject]") {
  const json pod = Injected(WorkerPod());
  const json& workers = pod["spec"]["containers"];
  for (const json& worker : workers) {
    REQUIRE(Named(worker["volumeMounts"], "pannier-socket")["mountPath"] == "/run/pannier");
    REQUIRE(Variable(worker, "PANNIER_SOCKET") == "/run/pannier/pannier.sock");
  }
  REQUIRE(Variable(workers[0], "CHROMA_HOST") == "127.0.0.1");
  REQUIRE(Variable(workers[0], "CHROMA_PORT") == "8000");
  REQUIRE(Variable(workers[1], "CHROMA_HOST") == "elsewhere");
  REQUIRE(Variable(workers[1], "CHROMA_PORT") == "(unset)");
  REQUIRE(Named(workers[1]["volumeMounts"], "cache")["mountPath"] == "/cache");
}

TEST_CASE("inject: without a loopback port no worker is pointed to one", "[lib][inject]") {
  Sidecar sidecar = DocsSidecar();
  sidecar.loopback_port = 0;
  const json pod = Injected(WorkerPod(), sidecar);
  REQUIRE(Variable(pod["spec"]["containers"][0], "CHROMA_HOST") == "(unset)");
  REQUIRE_FALSE(ConfigIn(pod)["listen"].contains("tcp"));
}

TEST_CASE("inject: the three kinds of storage", "[lib][inject]") {
  Sidecar sidecar = DocsSidecar();
  sidecar.storage.size = "2Gi";
  json pod = Injected(WorkerPod(), sidecar);
  REQUIRE(Named(pod["spec"]["volumes"], "pannier-data")["emptyDir"]["sizeLimit"] == "2Gi");
  REQUIRE_FALSE(pod["spec"].contains("securityContext"));

  sidecar.storage = {Storage::Kind::kEphemeralClaim, "", "", "10Gi", "fast"};
  pod = Injected(WorkerPod(), sidecar);
  const json& spec =
      Named(pod["spec"]["volumes"], "pannier-data")["ephemeral"]["volumeClaimTemplate"]["spec"];
  REQUIRE(spec["resources"]["requests"]["storage"] == "10Gi");
  REQUIRE(spec["storageClassName"] == "fast");
  // A claim belongs to root: the daemon writes by its group.
  REQUIRE(pod["spec"]["securityContext"]["fsGroup"] == 65532);

  sidecar.storage = {Storage::Kind::kExistingVolume, "data", "stores", "", ""};
  REQUIRE(Refusal(WorkerPod(), sidecar).what.find("no volume named \"data\"") != std::string::npos);
  json with_volume = WorkerPod();
  with_volume["spec"]["volumes"].push_back(
      {{"name", "data"}, {"persistentVolumeClaim", {{"claimName", "data-web-0"}}}});
  with_volume["spec"]["securityContext"]["fsGroup"] = 1000;
  pod = Injected(with_volume, sidecar);
  const json mount = Named(pod["spec"]["initContainers"][0]["volumeMounts"], "data");
  REQUIRE(mount["mountPath"] == "/var/lib/pannier");
  REQUIRE(mount["subPath"] == "stores");
  REQUIRE(pod["spec"]["securityContext"]["fsGroup"] == 1000);
}

TEST_CASE("inject: repositories on volumes are mounted and configured", "[lib][inject]") {
  Sidecar sidecar = DocsSidecar();
  sidecar.repositories = {{"nightly", "backup-claim", "docs", false}};
  sidecar.config = {{"repositories", {{{"name", "own"}, {"volume", {{"path", "/x"}}}}}}};
  const json pod = Injected(WorkerPod(), sidecar);
  REQUIRE(Named(pod["spec"]["volumes"],
                "pannier-repository-0")["persistentVolumeClaim"]["claimName"] == "backup-claim");
  const json config = ConfigIn(pod);
  REQUIRE(config["repositories"].size() == 2);
  REQUIRE(config["repositories"][1]["name"] == "nightly");
  const json mount =
      Named(pod["spec"]["initContainers"][0]["volumeMounts"], "pannier-repository-0");
  REQUIRE(mount["mountPath"] == config["repositories"][1]["volume"]["path"]);
  REQUIRE(mount["subPath"] == "docs");
}

TEST_CASE("inject: the user's configuration counts, except for what the pod needs",
          "[lib][inject]") {
  Sidecar sidecar = DocsSidecar();
  sidecar.config = json::parse(
      R"({"dataDir":"/evil","memory":{"budget":"1GiB"},"listen":{"metrics":{"address":""}}})");
  sidecar.tls_secret = "docs-tls";
  sidecar.admin_names = {"operator"};
  const json config = ConfigIn(Injected(WorkerPod(), sidecar));
  REQUIRE(config["dataDir"] == "/var/lib/pannier");
  REQUIRE(config["memory"]["budget"] == "1GiB");
  REQUIRE(config["listen"]["metrics"]["address"] == "");
  REQUIRE(config["listen"]["admin"]["address"] == "0.0.0.0:9465");
  REQUIRE(config["listen"]["admin"]["allowedNames"] == json({"operator"}));
  REQUIRE(config["listen"]["tcp"]["address"] == "127.0.0.1:8000");
  REQUIRE(CheckConfig(sidecar.config).Is(Errc::kInvalidArgument));
  REQUIRE(CheckConfig(json::parse(R"({"listen":{"tcp":{}}})")).Is(Errc::kInvalidArgument));
  REQUIRE(CheckConfig(json::parse(R"({"repositories":{}})")).Is(Errc::kInvalidArgument));
  REQUIRE(CheckConfig(json::parse(R"({"memory":{"budget":"1GiB"}})")).ok());
}

TEST_CASE("inject: a second time nothing changes, also when the API server filled in defaults",
          "[lib][inject]") {
  Sidecar sidecar = DocsSidecar();
  sidecar.tls_secret = "docs-tls";
  sidecar.limits = {{"memory", "1Gi"}};
  json pod = Injected(WorkerPod(), sidecar);
  REQUIRE(PatchFor(pod, sidecar)->empty());
  json& container = pod["spec"]["initContainers"][0];
  container["imagePullPolicy"] = "IfNotPresent";
  container["livenessProbe"]["successThreshold"] = 1;
  container["ports"][0]["protocol"] = "TCP";
  Named(pod["spec"]["volumes"], "pannier-tls");
  for (json& volume : pod["spec"]["volumes"]) {
    if (volume.contains("downwardAPI")) volume["downwardAPI"]["defaultMode"] = 420;
    if (volume.contains("secret")) volume["secret"]["defaultMode"] = 420;
  }
  REQUIRE(PatchFor(pod, sidecar)->empty());
}

TEST_CASE(
    "inject: when another webhook came after, the sidecar is first again and newcomers served",
    "[lib][inject]") {
  json pod = Injected(WorkerPod());
  json& init = pod["spec"]["initContainers"];
  init.insert(init.begin(), json({{"name", "mesh"}, {"restartPolicy", "Always"}}));
  pod["spec"]["containers"].push_back({{"name", "late"}});
  const json again = Injected(pod);
  REQUIRE(again["spec"]["initContainers"].size() == 3);
  REQUIRE(again["spec"]["initContainers"][0]["name"] == "pannierd");
  REQUIRE(Variable(again["spec"]["containers"][2], "PANNIER_SOCKET") != "(unset)");
  REQUIRE(PatchFor(again, DocsSidecar())->empty());
}

TEST_CASE("inject: an older sidecar becomes the present one", "[lib][inject]") {
  Sidecar newer = DocsSidecar();
  newer.image = "registry.example/pannierd:2";
  newer.storage.size = "1Gi";
  const json pod = Injected(Injected(WorkerPod()), newer);
  REQUIRE(pod["spec"]["initContainers"].size() == 2);
  REQUIRE(pod["spec"]["initContainers"][0]["image"] == newer.image);
  REQUIRE(Named(pod["spec"]["volumes"], "pannier-data")["emptyDir"]["sizeLimit"] == "1Gi");
}

TEST_CASE("inject: what is in the way is refused with a way out", "[lib][inject]") {
  json pod = WorkerPod();
  pod["spec"]["containers"][0]["name"] = "pannierd";
  REQUIRE(Refusal(pod).hint.find("rename") != std::string::npos);
  pod = WorkerPod();
  pod["spec"]["initContainers"][0]["name"] = "pannierd";
  REQUIRE(Refusal(pod).code == Errc::kInvalidArgument);
  pod = WorkerPod();
  pod["spec"]["hostNetwork"] = true;
  REQUIRE(Refusal(pod).hint.find("loopbackPort") != std::string::npos);
  pod = WorkerPod();
  pod["spec"]["containers"][1]["volumeMounts"][0]["mountPath"] = "/run/pannier";
  REQUIRE(Refusal(pod).what.find("container queue") != std::string::npos);
}

TEST_CASE("inject: two thousand containers take a patch in proportion, more than the limit none",
          "[lib][inject]") {
  json pod = WorkerPod();
  const auto fill = [&](size_t count) {
    pod["spec"]["containers"] = json::array();
    for (size_t i = 0; i < count; ++i) {
      pod["spec"]["containers"].push_back({{"name", "c" + std::to_string(i)}, {"image", "w"}});
    }
  };
  fill(2'000);
  const json patch = PatchFor(pod, DocsSidecar()).value();
  REQUIRE(patch.size() < 2'000 * 6 + 20);
  REQUIRE(PatchFor(pod.patch(patch), DocsSidecar())->empty());
  fill(kContainersMax + 1);
  REQUIRE(Refusal(pod).code == Errc::kResourceExhausted);
}

TEST_CASE("inject: a bare pod gets all lists it lacks", "[lib][inject]") {
  const json pod = Injected(
      json::parse(R"({"metadata":{},"spec":{"containers":[{"name":"a"}],"volumes":null}})"));
  REQUIRE(pod["spec"]["initContainers"].size() == 1);
  REQUIRE(PatchFor(pod, DocsSidecar())->empty());
}

// Every place of the pod in turn, or several, become something else.
void Damage(json& node, std::mt19937_64& random) {
  if (random() % 12 == 0) {
    const json replacements[] = {json(),           json(7),
                                 json("x"),        json::array(),
                                 json::object(),   json::array({1, nullptr}),
                                 json({{"a", 1}}), json::array({json::object()})};
    node = replacements[random() % std::size(replacements)];
    return;
  }
  if (node.is_structured()) {
    for (json& child : node) Damage(child, random);
  }
}

TEST_CASE("inject: pods of any shape are refused or patched, never worse", "[lib][inject]") {
  const uint64_t seed = test::Seed();
  std::mt19937_64 random(seed);
  int patched = 0;
  for (int i = test::Rounds(400); i > 0; --i) {
    CAPTURE(seed, i);
    json pod = i % 2 == 0 ? WorkerPod() : Injected(WorkerPod());
    Damage(pod, random);
    WantedBy(pod);
    const Result<json> patch = PatchFor(pod, DocsSidecar());
    if (!patch.ok()) continue;
    ++patched;
    const json after = pod.patch(*patch);
    REQUIRE(PatchFor(after, DocsSidecar())->empty());
  }
  REQUIRE(patched > 0);
}

TEST_CASE("inject: only a pod with the label asks for a sidecar", "[lib][inject]") {
  REQUIRE(WantedBy(WorkerPod()) == "docs");
  json pod = WorkerPod();
  pod["metadata"]["labels"].erase(kOptInLabel);
  REQUIRE_FALSE(WantedBy(pod));
  REQUIRE_FALSE(WantedBy(json()));
  REQUIRE_FALSE(WantedBy(json::parse(R"({"metadata":{"labels":[1]}})")));
}

}  // namespace
}  // namespace pannier::inject

#include "lib/inject/container.h"

#include "lib/contract/places.h"
#include "lib/json/cold.h"

namespace pannier::inject {
namespace {

using nlohmann::json;

constexpr const char* kDataVolume = "pannier-data";
constexpr const char* kConfigVolume = "pannier-config";
constexpr const char* kScratchVolume = "pannier-tmp";
constexpr const char* kNoTokenVolume = "pannier-no-token";
constexpr const char* kTlsVolume = "pannier-tls";
constexpr const char* kConfigFolder = "/etc/pannier";
constexpr const char* kTlsFolder = "/etc/pannier-tls";
constexpr const char* kRepositoryFolder = "/var/lib/pannier-repositories/";
// Where the API server would mount the pod's token: a mount that is there keeps it out.
constexpr const char* kTokenFolder = "/var/run/secrets/kubernetes.io/serviceaccount";
constexpr int kNonRootUser = 65532;  // "nonroot" of distroless images
constexpr int kMetricsPort = 9464;

std::string RepositoryVolumeName(size_t index) {
  return "pannier-repository-" + std::to_string(index);
}

json DataMount(const Sidecar& sidecar) {
  const bool is_existing = sidecar.storage.kind == Storage::Kind::kExistingVolume;
  json mount = {{"name", is_existing ? sidecar.storage.volume : std::string(kDataVolume)},
                {"mountPath", std::string(contract::kDataDirectory)}};
  if (!sidecar.storage.sub_path.empty()) mount["subPath"] = sidecar.storage.sub_path;
  return mount;
}

json MountsOf(const Sidecar& sidecar) {
  json mounts = {{{"name", kSocketVolume}, {"mountPath", sidecar.socket_mount_path}},
                 DataMount(sidecar),
                 {{"name", kConfigVolume}, {"mountPath", kConfigFolder}, {"readOnly", true}},
                 {{"name", kScratchVolume}, {"mountPath", "/tmp"}},
                 {{"name", kNoTokenVolume}, {"mountPath", kTokenFolder}, {"readOnly", true}}};
  if (!sidecar.tls_secret.empty()) {
    mounts.push_back({{"name", kTlsVolume}, {"mountPath", kTlsFolder}, {"readOnly", true}});
  }
  for (size_t i = 0; i < sidecar.repositories.size(); ++i) {
    const RepositoryVolume& repository = sidecar.repositories[i];
    json mount = {{"name", RepositoryVolumeName(i)},
                  {"mountPath", kRepositoryFolder + repository.name}};
    if (!repository.sub_path.empty()) mount["subPath"] = repository.sub_path;
    if (repository.read_only) mount["readOnly"] = true;
    mounts.push_back(std::move(mount));
  }
  return mounts;
}

// Waits for a daemon that is starting.
json HealthCheck(const Sidecar& sidecar, const char* timeout) {
  return {{"exec",
           {{"command",
             {"pannierd", "healthcheck", "--socket", SocketOf(sidecar), "--timeout", timeout}}}}};
}

json Probe(const Sidecar& sidecar, int period, int failures) {
  json probe = HealthCheck(sidecar, "4s");
  probe.update({{"periodSeconds", period}, {"timeoutSeconds", 5}, {"failureThreshold", failures}});
  return probe;
}

// What the pod's other containers wait for. A hook ends as soon as the daemon serves, a start-up
// probe at its next turn. But while a hook runs nobody learns the pod's address, and where a
// restore comes first the operator needs it: there it is a probe, for an hour.
void AwaitStart(const Sidecar& sidecar, json* container) {
  if (sidecar.awaits_bootstrap) {
    (*container)["startupProbe"] = Probe(sidecar, 2, 1800);
  } else {
    (*container)["lifecycle"] = {{"postStart", HealthCheck(sidecar, "5m")}};
  }
}

json SecurityContext(bool pod_runs_as_root) {
  json context = {{"runAsNonRoot", true},
                  {"allowPrivilegeEscalation", false},
                  {"readOnlyRootFilesystem", true},
                  {"capabilities", {{"drop", {"ALL"}}}},
                  {"seccompProfile", {{"type", "RuntimeDefault"}}}};
  // Else the image says who, or the pod, whose files it is to share.
  if (pod_runs_as_root) context["runAsUser"] = kNonRootUser;
  return context;
}

json PortsOf(const Sidecar& sidecar) {
  json ports = {{{"name", "pannier-metrics"}, {"containerPort", kMetricsPort}}};
  if (!sidecar.tls_secret.empty()) {
    ports.push_back({{"name", "pannier-admin"}, {"containerPort", contract::kAdminPort}});
  }
  return ports;
}

json DataVolume(const Storage& storage) {
  if (storage.kind == Storage::Kind::kEmptyDir) {
    json folder = json::object();
    if (!storage.size.empty()) folder["sizeLimit"] = storage.size;
    return {{"name", kDataVolume}, {"emptyDir", std::move(folder)}};
  }
  json spec = {{"accessModes", {"ReadWriteOnce"}},
               {"resources", {{"requests", {{"storage", storage.size}}}}}};
  if (!storage.storage_class.empty()) spec["storageClassName"] = storage.storage_class;
  return {{"name", kDataVolume},
          {"ephemeral", {{"volumeClaimTemplate", {{"spec", std::move(spec)}}}}}};
}

// Carries the configuration from an annotation to a file, so that a pod needs no object beside it.
json ConfigVolume() {
  const std::string field = std::string("metadata.annotations['") + kConfigAnnotation + "']";
  const json item = {{"path", "pannierd.yaml"}, {"fieldRef", {{"fieldPath", field}}}};
  return {{"name", kConfigVolume}, {"downwardAPI", {{"items", json::array({item})}}}};
}

// What a user may change.
json Defaults(const Sidecar& sidecar) {
  json config = {
      {"log", {{"level", sidecar.log_level}}},
      {"listen", {{"metrics", {{"address", "0.0.0.0:" + std::to_string(kMetricsPort)}}}}},
      {"recovery", {{"mode", sidecar.recovery_mode}}}};
  // Older daemons do not know the key.
  if (sidecar.awaits_bootstrap) config["bootstrap"] = "latest-snapshot";
  return config;
}

// What a user may not.
json Fixed(const Sidecar& sidecar) {
  // Any user in the pod that has the folder mounted may connect: workers run as whom they like.
  json listen = {{"socket", {{"path", SocketOf(sidecar)}, {"mode", "0666"}}},
                 // Where no worker can reach it, whoever it runs as.
                 {"admin", {{"path", "/tmp/admin.sock"}}}};
  if (sidecar.loopback_port != 0) {
    listen["tcp"] = {{"address", "127.0.0.1:" + std::to_string(sidecar.loopback_port)}};
  }
  if (!sidecar.tls_secret.empty()) {
    const std::string folder = std::string(kTlsFolder) + "/";
    json& admin = listen["admin"];
    admin["address"] = "0.0.0.0:" + std::to_string(contract::kAdminPort);
    admin["tls"] = {{"certFile", folder + "tls.crt"},
                    {"keyFile", folder + "tls.key"},
                    {"clientCAFile", folder + "ca.crt"}};
    if (!sidecar.admin_names.empty()) admin["allowedNames"] = sidecar.admin_names;
  }
  return {{"dataDir", std::string(contract::kDataDirectory)}, {"listen", std::move(listen)}};
}

}  // namespace

std::string SocketOf(const Sidecar& sidecar) { return sidecar.socket_mount_path + "/pannier.sock"; }

std::string ConfigOf(const Sidecar& sidecar) {
  json config = Defaults(sidecar);
  config.merge_patch(sidecar.config);
  config.merge_patch(Fixed(sidecar));
  if (!config["repositories"].is_array()) config["repositories"] = json::array();
  for (const RepositoryVolume& repository : sidecar.repositories) {
    config["repositories"].push_back(
        {{"name", repository.name}, {"volume", {{"path", kRepositoryFolder + repository.name}}}});
  }
  return pannier::json::Dump(config);
}

json ContainerOf(const Sidecar& sidecar, bool pod_runs_as_root) {
  const std::string config_file = std::string(kConfigFolder) + "/pannierd.yaml";
  json container = {{"name", kContainerName},
                    {"image", sidecar.image},
                    {"restartPolicy", "Always"},  // a native sidecar: ends with the workers
                    {"command", {"pannierd", "--config", config_file}},
                    {"ports", PortsOf(sidecar)},
                    {"volumeMounts", MountsOf(sidecar)},
                    {"securityContext", SecurityContext(pod_runs_as_root)},
                    {"livenessProbe", Probe(sidecar, 10, 6)},
                    {"readinessProbe", Probe(sidecar, 5, 3)}};
  AwaitStart(sidecar, &container);
  json resources = json::object();
  if (!sidecar.limits.empty()) resources["limits"] = sidecar.limits;
  if (!sidecar.requests.empty()) resources["requests"] = sidecar.requests;
  if (!resources.empty()) container["resources"] = std::move(resources);
  return container;
}

json VolumesOf(const Sidecar& sidecar) {
  json volumes = json::array();
  volumes.push_back({{"name", kSocketVolume}, {"emptyDir", json::object()}});
  volumes.push_back(ConfigVolume());
  volumes.push_back({{"name", kScratchVolume}, {"emptyDir", {{"sizeLimit", "64Mi"}}}});
  volumes.push_back({{"name", kNoTokenVolume}, {"emptyDir", {{"sizeLimit", "1Mi"}}}});
  if (sidecar.storage.kind != Storage::Kind::kExistingVolume) {
    volumes.push_back(DataVolume(sidecar.storage));
  }
  if (!sidecar.tls_secret.empty()) {
    volumes.push_back({{"name", kTlsVolume}, {"secret", {{"secretName", sidecar.tls_secret}}}});
  }
  for (size_t i = 0; i < sidecar.repositories.size(); ++i) {
    json claim = {{"claimName", sidecar.repositories[i].claim}};
    if (sidecar.repositories[i].read_only) claim["readOnly"] = true;
    volumes.push_back(
        {{"name", RepositoryVolumeName(i)}, {"persistentVolumeClaim", std::move(claim)}});
  }
  return volumes;
}

}  // namespace pannier::inject

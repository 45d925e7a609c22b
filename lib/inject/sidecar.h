// A pannierd put beside the workers of a pod, as a native sidecar: which one, and how a pod must be
// changed to have it.
//
// Here, and not in operator/, because pannierctl does the same to a file and may not know the
// operator. Threads: pure functions and plain values; any.
#pragma once

#include <cstdint>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "lib/core/result.h"

namespace pannier::inject {

inline constexpr const char* kOptInLabel = "pannier.dev/vectorstore";  // its value: which one
inline constexpr const char* kInjectedLabel = "pannier.dev/injected";
inline constexpr const char* kConfigAnnotation = "pannier.dev/daemon-config";  // YAML, mounted
inline constexpr const char* kContainerName = "pannierd";
inline constexpr size_t kContainersMax = 5'000;  // of one pod

// Where the stores lie. Exactly one of the names that are not empty says which kind.
struct Storage {
  enum class Kind { kExistingVolume, kEphemeralClaim, kEmptyDir };
  Kind kind = Kind::kEmptyDir;
  std::string volume;         // kExistingVolume: a volume of the pod
  std::string sub_path;       // in it
  std::string size;           // kEphemeralClaim: of the claim; kEmptyDir: the limit, may be empty
  std::string storage_class;  // kEphemeralClaim; empty: the cluster's default
};

// A repository on a volume, mounted into the sidecar. (One in S3 needs nothing: URLs are granted.)
struct RepositoryVolume {
  std::string name;   // what the daemon calls it
  std::string claim;  // a claim in the pod's namespace
  std::string sub_path;
  bool read_only = false;
};

struct Sidecar {
  std::string vector_store;
  std::string image;
  std::map<std::string, std::string> limits, requests;  // resources; empty: none
  Storage storage;
  std::string socket_mount_path = "/run/pannier";
  uint16_t loopback_port = 8000;  // 0: none
  // The user's part of the daemon's configuration: an object. What must be so for the pod to work
  // (dataDir, sockets, TLS) cannot be changed by it: see CheckConfig().
  nlohmann::json config = nlohmann::json::object();
  std::string log_level = "info";
  std::string recovery_mode = "rebuild-only";
  bool awaits_bootstrap = false;  // the first start may take as long as a restore
  std::vector<RepositoryVolume> repositories;
  // A Secret with tls.crt, tls.key and ca.crt for the admin API over mutual TLS; empty: none.
  std::string tls_secret;
  std::vector<std::string> admin_names;  // whose client certificates may come in
};

// Whether a user may say this about the daemon of a pod.
//   kInvalidArgument  not an object, or it sets a key that injection sets itself
Status CheckConfig(const nlohmann::json& config);

// The JSON patch (RFC 6902) that gives `pod` the sidecar: empty when it has it already, as after an
// earlier call, by this or another webhook's re-invocation.
//   kInvalidArgument    the pod cannot have it: what is in the way, and what to do
//   kMalformed          it is no pod
//   kResourceExhausted  it has more than kContainersMax containers
Result<nlohmann::json> PatchFor(const nlohmann::json& pod, const Sidecar& sidecar);

// The name in the opt-in label; nothing when the pod does not ask for a sidecar.
std::optional<std::string> WantedBy(const nlohmann::json& pod);

}  // namespace pannier::inject

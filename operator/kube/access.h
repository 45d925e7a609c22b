// How to reach the API server and who we are there: inside a pod by its service account, elsewhere
// by a kubeconfig. Threads: values.
#pragma once

#include <filesystem>
#include <string>

#include "lib/core/result.h"

namespace pannier::kube {

struct Access {
  std::string server;       // "https://10.96.0.1:443"
  std::string server_name;  // what the certificate must name instead of the host; usually empty
  std::string ca;           // PEM; empty: the system's authorities
  std::string certificate;  // PEM of the client and its key; both or neither
  std::string key;
  std::string token;                 // sent as bearer …
  std::filesystem::path token_file;  // … or read from here again each minute, as kubelet renews it
  std::string default_namespace = "default";
};

// From the service account that kubelet mounts (token, ca.crt, namespace below `folder`) and the
// environment's KUBERNETES_SERVICE_HOST and _PORT.
//   kNotFound     not in a cluster: no variables or no such files
//   kUnavailable  a file cannot be read
Result<Access> InClusterAccess(
    const std::filesystem::path& folder = "/var/run/secrets/kubernetes.io/serviceaccount");

// From a kubeconfig's current context (or `context`). Certificates, keys and tokens may be files
// (relative to the kubeconfig) or data.
//   kNotFound         no such file or context
//   kInvalidArgument  not YAML, no such cluster or user, or something that is not supported: exec
//                     and auth-provider plug-ins, insecure-skip-tls-verify, plain http
Result<Access> KubeconfigAccess(const std::filesystem::path& file, const std::string& context = "");

// The first that is there: `kubeconfig` when it is not empty; the first file of $KUBECONFIG; the
// cluster that we run in, unless a context is named; ~/.kube/config. Of a kubeconfig: `context`, or
// its current one.
//   kNotFound  none of them; the hint says how to name one
Result<Access> FindAccess(const std::filesystem::path& kubeconfig, const std::string& context = "");

}  // namespace pannier::kube

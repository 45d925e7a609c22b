#include "tests/e2e/kube/cluster.h"

#include <chrono>
#include <cstdlib>
#include <nlohmann/json.hpp>
#include <stdexcept>
#include <thread>

#include "lib/core/uuid.h"

namespace pannier::test {
namespace {

namespace fs = std::filesystem;

std::string Required(const char* variable) {
  const char* const value = std::getenv(variable);
  if (value == nullptr) {
    throw std::runtime_error(std::string(variable) + " is not set: run scripts/e2e.sh");
  }
  return value;
}

void Run(const std::string& command) {
  if (std::system((command + " >/dev/null 2>&1").c_str()) != 0) {
    throw std::runtime_error("failed: " + command);
  }
}

}  // namespace

Cluster::Cluster() : folder_(Required("PANNIER_TEST_CLUSTER")) {
  access_ = kube::KubeconfigAccess(kubeconfig()).value();
  Run((Programs() / "kubectl").string() + " --kubeconfig " + kubeconfig().string() + " apply -f " +
      Required("PANNIER_SOURCE") + "/tests/e2e/kube/widgets.yaml");
  const auto api = Connect();
  // A kind is served a moment after its definition is stored.
  const bool is_served = Eventually([&] {
    return api->GetPath("/apis/test.pannier.dev/v1").ok() &&
           api->GetPath("/apis/test.pannier.dev/v1/widgets").ok();
  });
  if (!is_served) throw std::runtime_error("the API server does not serve widgets");
}

fs::path Cluster::Programs() { return Required("PANNIER_KUBE_PROGRAMS"); }

std::unique_ptr<kube::ApiServer> Cluster::Connect(kube::ApiServer::Options options) const {
  return ConnectBy(access_, std::move(options));
}

std::unique_ptr<kube::ApiServer> Cluster::ConnectBy(const kube::Access& access,
                                                    kube::ApiServer::Options options) const {
  return kube::ApiServer::Make(access, std::move(options), SystemClock(), {}).value();
}

std::string Cluster::NewNamespace() {
  const std::string name = "t-" + RandomHex(5);
  nlohmann::json ns = {{"apiVersion", "v1"}, {"kind", "Namespace"}, {"metadata", {{"name", name}}}};
  Connect()->Create(kube::kNamespaces, ns).value();
  return name;
}

void Cluster::StopApiServer() const {
  Run(Required("PANNIER_SOURCE") + "/tests/e2e/cluster/down.sh " + folder_.string() +
      " kube-apiserver");
}

void Cluster::StartApiServer() const {
  Run(Required("PANNIER_SOURCE") + "/tests/e2e/cluster/up.sh " + folder_.string());
}

Cluster& SharedCluster() {
  static Cluster cluster;
  return cluster;
}

}  // namespace pannier::test

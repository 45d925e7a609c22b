// The real API server that scripts/e2e.sh started for a test program: $PANNIER_TEST_CLUSTER names
// its folder. Throws std::runtime_error with a sentence when there is none.
// Threads: as its members.
#pragma once

#include <atomic>
#include <filesystem>
#include <memory>
#include <string>

#include "operator/kube/access.h"
#include "operator/kube/api_server.h"

namespace pannier::test {

class Cluster {
 public:
  Cluster();

  const kube::Access& access() const { return access_; }
  std::unique_ptr<kube::ApiServer> Connect(kube::ApiServer::Options options = {}) const;
  std::unique_ptr<kube::ApiServer> ConnectBy(const kube::Access& access,
                                             kube::ApiServer::Options options = {}) const;
  // Makes a namespace with a name of its own.
  std::string NewNamespace();
  std::filesystem::path kubeconfig() const { return folder_ / "admin.kubeconfig"; }
  // Of the programs that the cluster consists of.
  static std::filesystem::path Programs();
  // Ends the API server and starts it again; etcd goes on.
  void StopApiServer() const;
  void StartApiServer() const;

 private:
  const std::filesystem::path folder_;
  kube::Access access_;
};

// One for all tests of a program; the widgets are installed.
Cluster& SharedCluster();

// Whether `holds` came true within a generous time.
template <typename Condition>
bool Eventually(Condition holds, std::chrono::seconds within = std::chrono::seconds(30)) {
  const auto until = std::chrono::steady_clock::now() + within;
  while (!holds()) {
    if (std::chrono::steady_clock::now() > until) return false;
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
  return true;
}

}  // namespace pannier::test

// A process of its own for the tests of tests/e2e/kube: an elector, or watchers whose memory is
// looked at.
//
//   kube_probe elect KUBECONFIG NAMESPACE IDENTITY   prints "leads EPOCH", "follows"
//   kube_probe watch KUBECONFIG NAMESPACE COPIES     prints "synced OBJECTS MS RSS_KIB TEXT_KIB"
// SIGTERM ends it in good order.
#include <malloc.h>
#include <signal.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "operator/kube/api_server.h"
#include "operator/kube/leader.h"
#include "operator/kube/watcher.h"
#include "tests/operator/kube/api_suite.h"

namespace pannier::kube {
namespace {

void AwaitSigterm() {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGTERM);
  int number = 0;
  sigwait(&set, &number);
}

void Say(const std::string& line) {
  std::printf("%s\n", line.c_str());
  std::fflush(stdout);
}

int Elect(const std::string& kubeconfig, const std::string& ns, const std::string& identity) {
  ApiServer::Options options;
  options.timeout = std::chrono::seconds(4);
  options.calls_per_second = 0;
  const auto api = ApiServer::Make(KubeconfigAccess(kubeconfig).value(), options, SystemClock(),
                                   RuntimeMetrics())
                       .value();
  LeaderElector::Options electing;
  electing.lease = {ns, "operator"};
  electing.identity = identity;
  electing.seed = static_cast<uint64_t>(getpid());
  LeaderElector elector(
      *api, SystemClock(), electing, {},
      {[](int64_t epoch) { Say("leads " + std::to_string(epoch)); }, [] { Say("follows"); }});
  elector.Start();
  AwaitSigterm();
  elector.Stop();
  Say("ended");
  return 0;
}

long RssKib() {
  std::ifstream status("/proc/self/status");
  std::string word;
  long kib = 0;
  while (status >> word) {
    if (word == "VmRSS:") status >> kib;
  }
  return kib;
}

int Watch(const std::string& kubeconfig, const std::string& ns, int copies) {
  mallopt(M_ARENA_MAX, 2);
  const auto began = std::chrono::steady_clock::now();
  const auto api =
      ApiServer::Make(KubeconfigAccess(kubeconfig).value(), {}, SystemClock(), RuntimeMetrics())
          .value();
  std::vector<std::unique_ptr<Cache>> caches;
  std::vector<std::unique_ptr<Watcher>> watchers;
  for (int i = 0; i < copies; ++i) {
    Watcher::Options options;
    options.resource = test::kWidgets;
    options.ns = ns;
    caches.push_back(std::make_unique<Cache>());
    watchers.push_back(std::make_unique<Watcher>(*api, *caches.back(), SystemClock(), options,
                                                 RuntimeMetrics(), nullptr));
    watchers.back()->Start();
  }
  size_t objects = 0;
  uint64_t bytes = 0;
  for (const auto& cache : caches) {
    while (!cache->synced()) std::this_thread::sleep_for(std::chrono::milliseconds(1));
    objects += cache->size();
    bytes += cache->bytes();
  }
  const auto took = std::chrono::duration_cast<std::chrono::milliseconds>(
      std::chrono::steady_clock::now() - began);
  std::this_thread::sleep_for(std::chrono::seconds(1));
  Say("synced " + std::to_string(objects) + " " + std::to_string(took.count()) + " " +
      std::to_string(RssKib()) + " " + std::to_string(bytes / 1'024));
  AwaitSigterm();
  return 0;
}

}  // namespace
}  // namespace pannier::kube

int main(int argc, char** argv) {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGTERM);
  pthread_sigmask(SIG_BLOCK, &set, nullptr);
  const std::string mode = argc > 1 ? argv[1] : "";
  if (mode == "elect" && argc == 5) return pannier::kube::Elect(argv[2], argv[3], argv[4]);
  if (mode == "watch" && argc == 5)
    return pannier::kube::Watch(argv[2], argv[3], std::atoi(argv[4]));
  std::fprintf(
      stderr,
      "usage: kube_probe elect KUBECONFIG NAMESPACE IDENTITY | watch KUBECONFIG NAMESPACE N\n");
  return 2;
}

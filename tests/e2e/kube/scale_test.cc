// Goal: ten thousand objects fit into the memory that the operator may have, and are there soon.
// Method: a process that watches nothing but them, by the real client; its own memory is what
// counts.
#include <atomic>
#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>
#include <sstream>
#include <thread>
#include <vector>

#include "tests/e2e/kube/cluster.h"
#include "tests/e2e/kube/process.h"
#include "tests/operator/kube/api_suite.h"

namespace pannier::kube {
namespace {

using Json = nlohmann::json;
using std::chrono::seconds;
using test::SharedCluster;

constexpr int kObjects = 10'000;
constexpr long kIdleKib = 20 << 10;
constexpr long kFullKib = 64 << 10;

struct Measured {
  size_t objects = 0;
  long ms = 0, rss_kib = 0, text_kib = 0;
};

Measured Measure(const std::string& ns, int copies) {
  test::Process probe({std::filesystem::read_symlink("/proc/self/exe").parent_path() / "kube_probe",
                       "watch", SharedCluster().kubeconfig(), ns, std::to_string(copies)});
  std::istringstream line(probe.ReadLine(seconds(120)).value_or(""));
  std::string word;
  Measured measured;
  line >> word >> measured.objects >> measured.ms >> measured.rss_kib >> measured.text_kib;
  REQUIRE(word == "synced");
  return measured;
}

// About what a StoreSnapshot looks like: a spec, conditions, a few items; 2 KB with managedFields.
Json Snapshot(const std::string& ns, int number) {
  Json widget = test::Widget(ns, "nightly-" + std::to_string(number));
  widget["metadata"]["labels"] = {{"pannier.dev/schedule", "5b1c0c1e-0000-4000-8000-000000000000"},
                                  {"pannier.dev/vectorstore", "documents"}};
  widget["spec"]["vectorStoreRef"] = {{"name", "documents"}};
  widget["spec"]["timeoutSeconds"] = 3'600;
  for (const char* type : {"Accepted", "Succeeded", "Verified"}) {
    widget["spec"]["conditions"].push_back({{"type", type},
                                            {"status", "True"},
                                            {"reason", "Completed"},
                                            {"message", "3 stores, 120 MiB, 4 MiB of them new"},
                                            {"lastTransitionTime", "2026-01-31T12:00:00Z"}});
  }
  return widget;
}

void Fill(const std::string& ns) {
  ApiServer::Options options;
  options.calls_per_second = 0;
  const auto api = SharedCluster().Connect(options);
  std::atomic<int> next{0}, made{0};
  {
    std::vector<std::jthread> threads;
    for (int i = 0; i < 8; ++i) {
      threads.emplace_back([&] {
        for (int number = next++; number < kObjects; number = next++) {
          made += api->Create(test::kWidgets, Snapshot(ns, number)).ok() ? 1 : 0;
        }
      });
    }
  }
  REQUIRE(made == kObjects);
}

TEST_CASE("scale: the memory of ten thousand objects, and of none", "[e2e][kube][scale]") {
  const std::string ns = SharedCluster().NewNamespace();
  const Measured idle = Measure(ns, 0);
  const Measured before = Measure(ns, 6);
  Fill(ns);
  const Measured full = Measure(ns, 1);
  REQUIRE(full.objects == kObjects);
  WARN("idle " << idle.rss_kib << " KiB; six watches " << before.rss_kib << " KiB; " << full.objects
               << " objects " << full.rss_kib << " KiB, their text " << full.text_kib
               << " KiB, synced after " << full.ms << " ms");
  REQUIRE(idle.rss_kib <= kIdleKib);
  REQUIRE(before.rss_kib <= kIdleKib);
  REQUIRE(full.rss_kib <= kFullKib);
}

}  // namespace
}  // namespace pannier::kube

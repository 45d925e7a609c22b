// Goal: of two processes one leads; killed, frozen or ended, it is replaced in time, and a frozen
// one does not act when it wakes.
#include "operator/kube/leader.h"

#include <signal.h>

#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>

#include "tests/e2e/kube/cluster.h"
#include "tests/e2e/kube/process.h"

namespace pannier::kube {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using Time = std::chrono::steady_clock::time_point;
using test::Process;
using test::SharedCluster;

Time Now() { return std::chrono::steady_clock::now(); }

struct Two {
  std::string ns = SharedCluster().NewNamespace();
  Process first{Arguments("first")};
  int64_t first_epoch = Epoch(first, seconds(20));
  Process second{Arguments("second")};

  std::vector<std::string> Arguments(const std::string& identity) const {
    return {std::filesystem::read_symlink("/proc/self/exe").parent_path() / "kube_probe", "elect",
            SharedCluster().kubeconfig(), ns, identity};
  }
  // The epoch that the process says it leads at; 0 when it does not say so in time.
  static int64_t Epoch(Process& process, milliseconds within) {
    const auto line = process.ReadLine(within);
    return line && line->starts_with("leads ") ? std::atoll(line->c_str() + 6) : 0;
  }
};

TEST_CASE("leader: the second waits while the first leads, and takes over when it is killed",
          "[e2e][kube][leader]") {
  Two two;
  REQUIRE(two.first_epoch > 0);
  REQUIRE(!two.second.ReadLine(seconds(4)));
  two.first.Signal(SIGKILL);
  const Time killed = Now();
  REQUIRE(Two::Epoch(two.second, seconds(25)) > two.first_epoch);
  REQUIRE(Now() - killed <= seconds(20));
}

TEST_CASE("leader: frozen for longer than its lease, it has lost it when it wakes",
          "[e2e][kube][leader]") {
  Two two;
  REQUIRE(two.first_epoch > 0);
  two.first.Signal(SIGSTOP);
  const Time frozen = Now();
  REQUIRE(Two::Epoch(two.second, seconds(25)) > two.first_epoch);
  REQUIRE(Now() - frozen <= seconds(20));
  two.first.Signal(SIGCONT);
  REQUIRE(two.first.ReadLine(seconds(10)) == "follows");
  REQUIRE(!two.second.ReadLine(seconds(2)));  // which goes on leading
}

TEST_CASE("leader: told to end, it hands over within two seconds", "[e2e][kube][leader]") {
  Two two;
  REQUIRE(two.first_epoch > 0);
  REQUIRE(!two.second.ReadLine(seconds(2)));
  two.first.Signal(SIGTERM);
  const Time told = Now();
  REQUIRE(two.first.ReadLine(seconds(5)) == "follows");
  REQUIRE(two.first.ReadLine(seconds(5)) == "ended");
  const Time released = Now();
  REQUIRE(Two::Epoch(two.second, seconds(10)) > two.first_epoch);
  REQUIRE(released - told <= seconds(2));
  REQUIRE(Now() - released <= seconds(2));
}

}  // namespace
}  // namespace pannier::kube

#include "lib/core/stop_signals.h"

#include <unistd.h>

#include <catch2/catch.hpp>
#include <csignal>

namespace pannier {
namespace {

TEST_CASE("stop signals: one is waited for, and a second one has its default effect",
          "[lib][core]") {
  BlockStopSignals();
  REQUIRE(::kill(::getpid(), SIGTERM) == 0);  // blocked, so it waits for us
  REQUIRE(WaitForStopSignal() == SIGTERM);
  sigset_t blocked;
  REQUIRE(::pthread_sigmask(SIG_BLOCK, nullptr, &blocked) == 0);
  REQUIRE(sigismember(&blocked, SIGTERM) == 0);
  REQUIRE(sigismember(&blocked, SIGINT) == 0);
}

TEST_CASE("stop signals: a wait ends also when what it asks says yes", "[lib][core]") {
  BlockStopSignals();
  int asked = 0;
  const auto third_time = [&] { return ++asked == 3; };
  REQUIRE(WaitForStopSignalOr(third_time, std::chrono::milliseconds(1)) == 0);
  REQUIRE(asked == 3);
  REQUIRE(::kill(::getpid(), SIGINT) == 0);
  REQUIRE(WaitForStopSignalOr([] { return false; }, std::chrono::hours(1)) == SIGINT);
}

}  // namespace
}  // namespace pannier

// Goal: every failure has its exit code, and a kubeconfig that cannot be used says so.
#include "cli/cluster/commands.h"

#include <catch2/catch.hpp>

#include "tests/support/fake_terminal.h"
#include "tests/support/temp_dir.h"

namespace pannier::cluster {
namespace {

TEST_CASE("cluster commands: exit codes tell what a script can do about it", "[cli][cluster]") {
  REQUIRE(ExitCodeOf(InvalidArgument("x")) == 2);
  REQUIRE(ExitCodeOf(Corruption("x")) == 3);
  REQUIRE(ExitCodeOf(DeadlineExceeded("x")) == 5);
  REQUIRE(ExitCodeOf(NotFound("x")) == 1);
  REQUIRE(ExitCodeOf(Unavailable("x")) == 1);
}

TEST_CASE("cluster commands: a kubeconfig that is not there is named", "[cli][cluster]") {
  const test::TempDir dir;
  test::FakeTerminal terminal;
  Arguments arguments;
  arguments.command = Command::kStatus;
  arguments.kubeconfig = (dir / "none").string();
  const auto answer = Run(arguments, terminal);
  REQUIRE(answer.Is(Errc::kNotFound));
  REQUIRE(answer.error().what.find("none") != std::string::npos);
}

TEST_CASE("cluster commands: help needs no cluster", "[cli][cluster]") {
  test::FakeTerminal terminal;
  Arguments arguments;
  arguments.text = "usage\n";
  REQUIRE(Run(arguments, terminal)->text == "usage\n");
}

}  // namespace
}  // namespace pannier::cluster

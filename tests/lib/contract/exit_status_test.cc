#include "lib/contract/exit_status.h"

#include <catch2/catch.hpp>

#include "lib/contract/version.h"

namespace pannier::contract {
namespace {

TEST_CASE("exit status: wrong usage is told from failure", "[lib][contract]") {
  REQUIRE(ExitWith(InvalidArgument("no such flag", "--help names them")) == kExitWrongUsage);
  REQUIRE(ExitWith(Unavailable("nobody there")) == kExitFailed);
}

TEST_CASE("version: --version names the release and the commit", "[lib][contract]") {
  REQUIRE(VersionLine() == std::string(Version()) + " (" + std::string(Commit()) + ")");
}

}  // namespace
}  // namespace pannier::contract

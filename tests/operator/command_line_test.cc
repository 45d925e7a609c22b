// Goal: flags are what docs/operator.md says, and a wrong one is named.
// Method: command lines; the page of the documentation.
#include "operator/command_line.h"

#include <catch2/catch.hpp>
#include <fstream>
#include <sstream>
#include <vector>

namespace pannier::control {
namespace {

Result<OperatorCommand> Parse(std::vector<const char*> words, const char* own_namespace = "ours") {
  words.insert(words.begin(), "pannier-operator");
  return ParseOperatorCommand(static_cast<int>(words.size()), words.data(), "1.2.3",
                              [&](const std::string& name) -> std::optional<std::string> {
                                if (name != "POD_NAMESPACE" || own_namespace == nullptr) return {};
                                return own_namespace;
                              });
}

}  // namespace

TEST_CASE("operator flags: defaults, and each can be set", "[operator]") {
  const OperatorOptions plain = Parse({"run"})->options;
  REQUIRE(plain.own_namespace == "ours");
  REQUIRE(plain.watch_namespace.empty());
  REQUIRE(plain.webhook_service.empty());
  REQUIRE(plain.metrics_address == "0.0.0.0:8080");
  REQUIRE(plain.leader_election);
  REQUIRE_FALSE(plain.allow_claim_deletion);
  REQUIRE_FALSE(plain.honour_admin_address);
  const OperatorOptions set =
      Parse({"run", "--namespace=a", "--watch-namespace=", "--leader-election=false",
             "--daemon-image", "x", "--log-level=debug", "--allow-claim-deletion"})
          ->options;
  REQUIRE(set.own_namespace == "a");
  REQUIRE(set.watch_namespace.empty());
  REQUIRE_FALSE(set.leader_election);
  REQUIRE(set.daemon_image == "x");
  REQUIRE(set.log_level == LogLevel::kDebug);
  REQUIRE(set.allow_claim_deletion);
}

TEST_CASE("operator flags: what is wrong is named", "[operator]") {
  REQUIRE(Parse({}).Is(Errc::kInvalidArgument));
  REQUIRE(Parse({"run"}, nullptr).error().hint == "set POD_NAMESPACE, or give --namespace");
  REQUIRE(Parse({"run", "--log-level=loud"}).error().what.find("--log-level") == 0);
  REQUIRE(Parse({"run", "--no-such-flag"}).error().what.find("--no-such-flag") !=
          std::string::npos);
}

TEST_CASE("operator flags: the version, and the page of the documentation", "[operator]") {
  REQUIRE(Parse({"--version"})->text == "pannier-operator 1.2.3\n");
  REQUIRE(Parse({"run", "--version"})->text == "pannier-operator 1.2.3\n");
  const std::string help = Parse({"run", "--help"})->text;
  std::ifstream file(PANNIER_SOURCE_DIR "/docs/operator.md");
  std::stringstream page;
  page << file.rdbuf();
  // `pannier-operator run --help` stands there word for word.
  REQUIRE(page.str().find(help) != std::string::npos);
}

}  // namespace pannier::control

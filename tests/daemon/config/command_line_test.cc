#include "daemon/config/command_line.h"

#include <catch2/catch.hpp>

namespace pannier::daemon {
namespace {

using Action = CommandLine::Action;

std::optional<std::string> NoVariable(const char*) { return std::nullopt; }

Result<CommandLine> Parse(std::vector<const char*> words) {
  words.insert(words.begin(), "pannierd");
  return ParseCommandLine(static_cast<int>(words.size()), words.data(), "1.2.3", NoVariable);
}

TEST_CASE("command line: flags become settings of keys", "[daemon][config]") {
  const Result<CommandLine> line =
      Parse({"--data", "/d", "--socket", "/s", "--tcp", "127.0.0.1:0", "--metrics=127.0.0.1:0",
             "--admin-socket", "/a", "--config", "/c.yaml", "--allow-reset", "--set",
             "stores.maxOpen=3", "--set", "log.level=debug"});
  REQUIRE(line.ok());
  REQUIRE(line->action == Action::kServe);
  REQUIRE(line->flags.config_file == "/c.yaml");
  std::string all;
  for (const Flags::Setting& setting : line->flags.settings)
    all += setting.key + "=" + setting.value + " ";
  REQUIRE(all ==
          "stores.maxOpen=3 log.level=debug dataDir=/d listen.socket.path=/s "
          "listen.admin.path=/a listen.tcp.address=127.0.0.1:0 "
          "listen.metrics.address=127.0.0.1:0 allowReset=true ");
}

TEST_CASE("command line: what stops early is told apart", "[daemon][config]") {
  REQUIRE(Parse({})->action == Action::kServe);
  REQUIRE(Parse({"--check-config"})->action == Action::kCheckConfig);
  REQUIRE(Parse({"--print-config-reference"})->action == Action::kPrintConfigReference);
  REQUIRE(Parse({"--version"})->text == "pannierd 1.2.3\n");
  const std::string help = Parse({"--help"})->text;
  REQUIRE(help.find("--socket PATH") != std::string::npos);
  REQUIRE(help.find("/var/lib/pannier") != std::string::npos);
}

TEST_CASE("command line: healthcheck takes its socket from the flag, else the environment",
          "[daemon][config]") {
  const Result<CommandLine> line = Parse({"healthcheck", "--socket", "/s", "--timeout", "200ms"});
  REQUIRE(line.ok());
  REQUIRE(line->action == Action::kHealthcheck);
  REQUIRE(line->healthcheck_socket == "/s");
  REQUIRE(line->healthcheck_timeout == std::chrono::milliseconds(200));
  REQUIRE(Parse({"--socket", "/t", "healthcheck"})->healthcheck_socket == "/t");
  REQUIRE(Parse({"healthcheck"})->healthcheck_socket == "/run/pannier/pannier.sock");
  const char* words[] = {"pannierd", "healthcheck"};
  const auto variable = [](const char*) { return std::optional<std::string>("/env.sock"); };
  REQUIRE(ParseCommandLine(2, words, "", variable)->healthcheck_socket == "/env.sock");
}

TEST_CASE("command line: wrong usage is an error with a way out", "[daemon][config]") {
  for (const auto& words : std::vector<std::vector<const char*>>{{"--sokcet", "/s"},
                                                                 {"--data"},
                                                                 {"serve"},
                                                                 {"--set", "x"},
                                                                 {"healthcheck", "--data", "/d"}}) {
    CAPTURE(words[0]);
    REQUIRE(Parse(words).Is(Errc::kInvalidArgument));
  }
  REQUIRE(Parse({"--nope"}).error().hint == "pannierd --help shows the flags");
}

}  // namespace
}  // namespace pannier::daemon

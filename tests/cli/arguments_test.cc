#include "cli/arguments.h"

#include <catch2/catch.hpp>
#include <map>

namespace pannier::cli {
namespace {

using Variables = std::map<std::string, std::string>;

Result<Arguments> Parse(std::vector<const char*> words, const Variables& variables = {}) {
  words.insert(words.begin(), "pannierctl");
  return ParseArguments(static_cast<int>(words.size()), words.data(),
                        [&](const char* name) -> std::optional<std::string> {
                          const auto found = variables.find(name);
                          if (found == variables.end()) return std::nullopt;
                          return found->second;
                        });
}

TEST_CASE("arguments: each command is found, with flags before or behind it", "[cli]") {
  REQUIRE(Parse({"status"})->command == Command::kStatus);
  REQUIRE(Parse({"stores", "list"})->command == Command::kStoresList);
  REQUIRE(Parse({"healthcheck"})->command == Command::kHealthcheck);
  REQUIRE(Parse({"config", "check", "f.yaml"})->file == "f.yaml");
  REQUIRE(Parse({"-o", "yaml", "stores", "list"})->format == Format::kYaml);
  const Result<Arguments> info =
      Parse({"stores", "info", "t/d", "-o", "json", "--socket", "/s", "--timeout", "2s"});
  REQUIRE(info.ok());
  REQUIRE(info->command == Command::kStoresInfo);
  REQUIRE((info->store.tenant == "t" && info->store.database == "d"));
  REQUIRE(info->format == Format::kJson);
  REQUIRE(info->socket == "/s");
  REQUIRE(info->timeout == std::chrono::seconds(2));
  REQUIRE(Parse({"stores", "flush", "--store", "t/d"})->store.database == "d");
}

TEST_CASE("arguments: a store without a tenant is the default tenant's", "[cli]") {
  REQUIRE(ParseStoreName("d")->tenant == "default_tenant");
  for (const char* bad : {"", "/d", "t/", "a/b/c"}) {
    CAPTURE(bad);
    REQUIRE(ParseStoreName(bad).Is(Errc::kInvalidArgument));
  }
}

TEST_CASE("arguments: sockets come from flags, else the environment, else the defaults", "[cli]") {
  const Variables variables{{"PANNIER_SOCKET", "/e.sock"}, {"PANNIER_ADMIN_SOCKET", "/a.sock"}};
  REQUIRE(Parse({"status"})->socket == "/run/pannier/pannier.sock");
  REQUIRE(Parse({"status"})->admin_socket == "/run/pannier/admin.sock");
  REQUIRE(Parse({"status"}, variables)->socket == "/e.sock");
  REQUIRE(Parse({"status"}, variables)->admin_socket == "/a.sock");
  REQUIRE(Parse({"status", "--socket", "/x.sock"}, variables)->admin_socket == "/x.admin.sock");
  REQUIRE(Parse({"status", "--admin-socket", "/y"}, variables)->admin_socket == "/y");
}

TEST_CASE("arguments: wrong usage is an error with a way out", "[cli]") {
  for (const auto& words : std::vector<std::vector<const char*>>{{},
                                                                 {"stores"},
                                                                 {"stores", "lsit"},
                                                                 {"stores", "info"},
                                                                 {"status", "-o", "xml"},
                                                                 {"status", "--timeout", "soon"},
                                                                 {"config", "check"},
                                                                 {"--nope"}}) {
    CAPTURE(words.empty() ? "" : words.back());
    REQUIRE(Parse(words).Is(Errc::kInvalidArgument));
  }
}

TEST_CASE("arguments: help, version and completion are texts", "[cli]") {
  REQUIRE(Parse({"--help"})->text.find("stores") != std::string::npos);
  REQUIRE(Parse({"--version"})->text.starts_with("pannierctl "));
  const std::string bash = Parse({"completion", "bash"})->text;
  REQUIRE(bash.find("\"stores\") words=\"list info close flush ") != std::string::npos);
  REQUIRE(bash.find("complete -F _pannierctl pannierctl") != std::string::npos);
  REQUIRE(Parse({"completion", "zsh"})->text.find("bashcompinit") != std::string::npos);
}

TEST_CASE("arguments: the admin API over TCP needs all that mutual TLS needs", "[cli]") {
  const auto whole = Parse({"status", "--admin-address", "10.0.0.1:9465", "--ca", "/ca", "--cert",
                            "/c", "--key", "/k", "--server-name", "n"});
  REQUIRE(whole.ok());
  REQUIRE(whole->admin_address == "10.0.0.1:9465");
  REQUIRE(whole->server_name == "n");
  REQUIRE(Parse({"status", "--admin-address", "10.0.0.1:9465"}).Is(Errc::kInvalidArgument));
  REQUIRE(Parse({"status", "--ca", "/ca"}).Is(Errc::kInvalidArgument));
}

}  // namespace
}  // namespace pannier::cli

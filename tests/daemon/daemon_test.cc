// Goal: the parts are wired: what the configuration says is what listens, and pannierctl and
// Chroma's routes meet the same stores. Method: a daemon in this process on sockets in a temporary
// directory.
#include "daemon/daemon.h"

#include <catch2/catch.hpp>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "cli/commands.h"
#include "lib/contract/health_check.h"
#include "lib/http/client.h"
#include "tests/support/certificates.h"
#include "tests/support/temp_dir.h"

namespace pannier::daemon {
namespace {

using nlohmann::json;
using test::TempDir;

Config ConfigIn(const TempDir& dir) {
  Config config;
  config.data_dir = dir / "data";
  config.listen.socket.path = (dir / "p.sock").string();
  config.listen.admin.path = (dir / "p.admin.sock").string();
  config.shutdown_grace = std::chrono::milliseconds(2'000);
  return config;
}

Result<std::unique_ptr<Daemon>> Start(const Config& config) {
  return Daemon::Start(config, file::RealFileSystem(), SystemClock());
}

Result<std::string> Control(const Config& config, std::vector<const char*> words) {
  words.insert(words.begin(), "pannierctl");
  words.insert(words.end(), {"--socket", config.listen.socket.path.c_str()});
  const auto no_variables = [](const char*) { return std::optional<std::string>(); };
  const auto arguments =
      cli::ParseArguments(static_cast<int>(words.size()), words.data(), no_variables).value();
  const Result<cli::Answer> answer = cli::Run(arguments, cli::ProcessTerminal());
  if (!answer.ok()) return answer.error();
  return answer->text;
}

http::Response Send(const std::string& socket, std::string_view method, std::string_view path,
                    std::string_view body = {}) {
  http::Client client = http::Client::Make("unix:" + socket).value();
  return client.Send(method, path, body, {{"content-type", "application/json"}}).value();
}

constexpr const char* kDatabase = "/api/v2/tenants/default_tenant/databases/default_database";

TEST_CASE("daemon: what a client stores, pannierctl shows", "[daemon]") {
  const TempDir dir;
  const Config config = ConfigIn(dir);
  const auto daemon = Start(config).value();
  const http::Response made = Send(config.listen.socket.path, "POST",
                                   std::string(kDatabase) + "/collections", R"({"name":"docs"})");
  REQUIRE(made.status == 200);
  const std::string collection =
      std::string(kDatabase) + "/collections/" + json::parse(made.body)["id"].get<std::string>();
  REQUIRE(Send(config.listen.socket.path, "POST", collection + "/add",
               R"({"ids":["a","b"],"embeddings":[[1,0],[0,1]]})")
              .status == 201);

  const json list = json::parse(Control(config, {"stores", "list", "-o", "json"}).value());
  REQUIRE(list["stores"].size() == 1);
  REQUIRE(list["stores"][0]["records"] == 2);
  REQUIRE(list["stores"][0]["bytes_on_disk"] > 0);
  const std::string table = Control(config, {"stores", "list"}).value();
  REQUIRE(table.find("default_tenant/default_database  yes") != std::string::npos);
  const json info =
      json::parse(Control(config, {"stores", "info", "default_database", "-o", "json"}).value());
  REQUIRE(info["collections"] == 1);
  REQUIRE(Control(config, {"stores", "flush", "default_database"}).ok());
  REQUIRE(Control(config, {"stores", "close", "default_database"}).ok());
  REQUIRE(Control(config, {"stores", "info", "absent"}).Is(Errc::kNotFound));
}

TEST_CASE("daemon: status and health answer on their sockets", "[daemon]") {
  const TempDir dir;
  const Config config = ConfigIn(dir);
  const auto daemon = Start(config).value();
  const std::string status = Control(config, {"status"}).value();
  REQUIRE(status.find("mode: normal\n") != std::string::npos);
  REQUIRE(status.find("stores.known: 1\n") != std::string::npos);
  REQUIRE(Control(config, {"healthcheck"}).value().find("healthy") != std::string::npos);
  REQUIRE(contract::CheckHealth(config.listen.socket.path, std::chrono::milliseconds(5'000)).ok());
}

TEST_CASE("daemon: stopping removes its sockets and frees the directory", "[daemon]") {
  const TempDir dir;
  const Config config = ConfigIn(dir);
  {
    const auto daemon = Start(config).value();
    REQUIRE(std::filesystem::exists(config.listen.socket.path));
  }
  REQUIRE_FALSE(std::filesystem::exists(config.listen.socket.path));
  REQUIRE_FALSE(std::filesystem::exists(config.listen.admin.path));
  REQUIRE(Start(config).ok());
}

TEST_CASE("daemon: a second one on the same directory is told who holds it", "[daemon]") {
  const TempDir dir;
  const Config config = ConfigIn(dir);
  const auto daemon = Start(config).value();
  Config other = config;
  other.listen.socket.path = (dir / "q.sock").string();
  other.listen.admin.path = (dir / "q.admin.sock").string();
  const auto refused = Start(other);
  REQUIRE(refused.Is(Errc::kConflict));
  REQUIRE(refused.error().what.find("is locked by pid ") != std::string::npos);
  REQUIRE_FALSE(refused.error().hint.empty());
  REQUIRE_FALSE(std::filesystem::exists(other.listen.socket.path));
}

TEST_CASE("daemon: with a token file the data listeners ask for a token, the admin socket does not",
          "[daemon]") {
  const TempDir dir;
  Config config = ConfigIn(dir);
  config.listen.tcp.token_file = dir / "tokens";
  // Of the token "open sesame".
  const std::string digest = "41ef4bb0b23661e66301aac36066912dac037827b4ae63a7b1165a5aa93ed4eb";
  REQUIRE(file::ReplaceFile(file::RealFileSystem(), config.listen.tcp.token_file,
                            digest + " read default_tenant/* tester\n")
              .ok());
  const auto daemon = Start(config).value();
  const std::string path = std::string(kDatabase) + "/collections";
  http::Client client = http::Client::Make("unix:" + config.listen.socket.path).value();
  REQUIRE(client.Send("GET", path).value().status == 401);
  REQUIRE(client.Send("GET", path, {}, {{"x-chroma-token", "open sesame"}}).value().status == 200);
  REQUIRE(client.Send("POST", path, R"({"name":"x"})", {{"x-chroma-token", "open sesame"}})
              .value()
              .status == 403);
  REQUIRE(Send(config.listen.admin.path, "GET", path).status == 200);
}

TEST_CASE("daemon: a token file that cannot be understood ends the start", "[daemon]") {
  const TempDir dir;
  Config config = ConfigIn(dir);
  config.listen.tcp.token_file = dir / "tokens";
  REQUIRE(Start(config).Is(Errc::kNotFound));
  REQUIRE(
      file::ReplaceFile(file::RealFileSystem(), config.listen.tcp.token_file, "who what\n").ok());
  const auto refused = Start(config);
  REQUIRE(refused.Is(Errc::kInvalidArgument));
  REQUIRE(refused.error().what.find("listen.tcp.tokenFile") != std::string::npos);
}

TEST_CASE("daemon: limits of the configuration reach the API, and metrics the admin socket",
          "[daemon]") {
  const TempDir dir;
  Config config = ConfigIn(dir);
  config.limits.json_depth = 16;
  const auto daemon = Start(config).value();
  const std::string deep = std::string(40, '[') + std::string(40, ']');
  REQUIRE(Send(config.listen.socket.path, "POST", std::string(kDatabase) + "/collections",
               R"({"name":"x","metadata":{"a":)" + deep + "}}")
              .status == 400);
  REQUIRE(
      Send(config.listen.admin.path, "GET", "/metrics").body.find("pannier_daemon_build_info") !=
      std::string::npos);
}

// A daemon whose admin API listens on a free TCP port, and the files of both sides.
struct AdminDoor {
  explicit AdminDoor(std::vector<std::string> names = {}) {
    Write("ca", authority.certificate_pem);
    WritePair("server", test::ServerCertificate(authority, "docs.test"));
    WritePair("client", test::ClientCertificate(authority, "operator.test"));
    WritePair("other", test::ClientCertificate(authority, "mallory.test"));
    WritePair("old", test::ClientCertificate(authority, "operator.test", test::LongOver()));
    WritePair("stranger", test::ClientCertificate(test::TestAuthority(), "operator.test"));
    config = ConfigIn(dir);
    config.listen.admin_address = "127.0.0.1:0";
    config.listen.admin_tls = {dir / "server.crt", dir / "server.key", dir / "ca"};
    config.listen.admin_names = std::move(names);
  }

  void Write(const std::string& name, const std::string& text) const {
    REQUIRE(file::ReplaceFile(file::RealFileSystem(), dir / name, text).ok());
  }
  void WritePair(const std::string& name, const crypto::KeyedCertificate& pair) const {
    Write(name + ".crt", pair.certificate_pem);
    Write(name + ".key", pair.key_pem);
  }
  // Starts it, and learns its port.
  std::unique_ptr<Daemon> Open() {
    auto daemon = Start(config).value();
    for (const std::string& address : daemon->addresses()) {
      if (address.starts_with("https://")) port = address.substr(address.rfind(':') + 1);
    }
    return daemon;
  }
  // pannierctl with the certificate `who`.
  Result<std::string> Ask(std::vector<const char*> words, const std::string& who = "client",
                          const std::string& name = "docs.test") const {
    const std::string ca = dir / "ca", crt = dir / (who + ".crt"), key = dir / (who + ".key");
    const std::string address = "127.0.0.1:" + port;
    for (const auto& [flag, value] :
         {std::pair<const char*, const std::string&>{"--admin-address", address},
          {"--ca", ca},
          {"--cert", crt},
          {"--key", key},
          {"--server-name", name}}) {
      words.insert(words.end(), {flag, value.c_str()});
    }
    Config elsewhere;
    elsewhere.listen.socket.path = "/nonexistent/socket";
    return Control(elsewhere, std::move(words));
  }

  const TempDir dir;
  const crypto::KeyedCertificate authority = test::TestAuthority();
  Config config;
  std::string port;
};

TEST_CASE("daemon: pannierctl reaches every admin route over mutual TLS", "[daemon][tls]") {
  AdminDoor door;
  const auto daemon = door.Open();
  REQUIRE(door.Ask({"status"})->find("mode: normal\n") != std::string::npos);
  REQUIRE(door.Ask({"stores", "list"}).ok());
  REQUIRE(door.Ask({"operations", "list"}).ok());
  REQUIRE(door.Ask({"healthcheck"})->find("healthy") != std::string::npos);
  REQUIRE(door.Ask({"store", "verify", "--store", "default_database", "--wait"}).ok());
}

TEST_CASE("daemon: who cannot prove its name stays out of the admin API", "[daemon][tls]") {
  AdminDoor door({"operator.test"});
  const auto daemon = door.Open();
  REQUIRE(door.Ask({"status"}).ok());
  const auto other = door.Ask({"status"}, "other");
  REQUIRE(other.Is(Errc::kPermissionDenied));
  REQUIRE(other.error().what.find("certificate") != std::string::npos);
  REQUIRE(door.Ask({"status"}, "old").Is(Errc::kPermissionDenied));
  REQUIRE(door.Ask({"status"}, "stranger").Is(Errc::kPermissionDenied));
  REQUIRE(door.Ask({"status"}, "client", "other.test").Is(Errc::kPermissionDenied));
  http::Client plain = http::Client::Make("http://127.0.0.1:" + door.port).value();
  REQUIRE(plain.Send("GET", "/admin/v1/status")->status == 400);
  http::Client::Options bare;
  bare.tls.ca_pem = door.authority.certificate_pem;
  http::Client nobody = http::Client::Make("https://127.0.0.1:" + door.port, bare).value();
  REQUIRE(nobody.Send("GET", "/admin/v1/status").Is(Errc::kPermissionDenied));
}

TEST_CASE("daemon: with a token file, TLS data listeners ask for a token too", "[daemon][tls]") {
  AdminDoor door;
  Config& config = door.config;
  config.listen.admin_address.clear();
  config.listen.admin_tls = {};
  config.listen.tcp.address = "127.0.0.1:0";
  config.listen.tcp.tls = {door.dir / "server.crt", door.dir / "server.key", {}};
  config.listen.tcp.token_file = door.dir / "tokens";
  door.Write("tokens",
             "41ef4bb0b23661e66301aac36066912dac037827b4ae63a7b1165a5aa93ed4eb "
             "read default_tenant/* tester\n");
  const auto daemon = door.Open();
  http::Client::Options options;
  options.tls.ca_pem = door.authority.certificate_pem;
  http::Client client = http::Client::Make("https://127.0.0.1:" + door.port, options).value();
  const std::string path = std::string(kDatabase) + "/collections";
  const http::Client::Headers token = {{"x-chroma-token", "open sesame"}};
  REQUIRE(client.Send("GET", path)->status == 401);
  REQUIRE(client.Send("GET", path, {}, token)->status == 200);
  REQUIRE(client.Send("POST", path, R"({"name":"x"})", token)->status == 403);
}

TEST_CASE("daemon: a certificate that cannot be used ends the start", "[daemon][tls]") {
  AdminDoor door;
  door.config.listen.admin_tls.key_file = door.dir / "client.key";
  const auto refused = Start(door.config);
  REQUIRE(refused.Is(Errc::kInvalidArgument));
  REQUIRE(refused.error().what.find("listen.admin.tls") != std::string::npos);
  door.config.listen.admin_tls.key_file = door.dir / "absent";
  REQUIRE(Start(door.config).Is(Errc::kNotFound));
}

}  // namespace
}  // namespace pannier::daemon

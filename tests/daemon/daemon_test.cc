// Goal: the parts are wired: what the configuration says is what listens, and pannierctl and
// Chroma's routes meet the same stores. Method: a daemon in this process on sockets in a temporary
// directory.
#include "daemon/daemon.h"

#include <unistd.h>

#include <algorithm>
#include <catch2/catch.hpp>
#include <filesystem>
#include <future>
#include <nlohmann/json.hpp>
#include <thread>

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

TEST_CASE("daemon: sessions are listed and ended by pannierctl, and one that ends takes its stores",
          "[daemon]") {
  const TempDir dir;
  Config config = ConfigIn(dir);
  config.sessions.timeout = std::chrono::seconds(60);
  const std::string databases = "/api/v2/tenants/default_tenant/databases";
  {
    const auto daemon = Start(config).value();
    const http::Response made = Send(config.listen.socket.path, "POST", "/pannier/v1/sessions",
                                     R"({"id":"tab-1","name":"browser"})");
    REQUIRE(made.status == 201);
    REQUIRE(json::parse(made.body)["timeout_seconds"] == 60);
    REQUIRE(json::parse(made.body)["pid"] == getpid());
    http::Client client = http::Client::Make("unix:" + config.listen.socket.path).value();
    REQUIRE(client
                .Send("POST", databases, R"({"name":"scratch","ephemeral":true})",
                      {{"content-type", "application/json"}, {"x-pannier-session", "tab-1"}})
                .value()
                .status == 200);
  }
  const auto daemon = Start(config).value();  // which knows it still
  const std::string table = Control(config, {"sessions", "list"}).value();
  REQUIRE(table.find("tab-1  browser") != std::string::npos);
  const json list = json::parse(Control(config, {"sessions", "list", "-o", "json"}).value());
  const std::string uid = list["sessions"][0]["uid"];
  const json swept = json::parse(Control(config, {"sweep", "--what", "Sessions", "--session-idle",
                                                  "0s", "--wait", "-o", "json"})
                                     .value());
  REQUIRE(swept.dump().find(uid) != std::string::npos);
  REQUIRE(Send(config.listen.socket.path, "GET", databases + "/scratch").status == 200);
  const std::string metrics = Send(config.listen.admin.path, "GET", "/metrics").body;
  REQUIRE(metrics.find("pannier_daemon_sessions 1\n") != std::string::npos);
  REQUIRE(Control(config, {"sessions", "end", uid.c_str()}).value().find("removed: 1") !=
          std::string::npos);
  REQUIRE(Send(config.listen.socket.path, "GET", databases + "/scratch").status == 404);
  REQUIRE(Control(config, {"sessions", "end", uid.c_str()}).Is(Errc::kNotFound));
}

TEST_CASE("daemon: a pool of five stores is a matter of configuration", "[daemon]") {
  const TempDir dir;
  Config config = ConfigIn(dir);
  config.stores.open_max = 5;
  config.stores.idle_after = std::chrono::seconds(300);
  const auto daemon = Start(config).value();
  for (int i = 0; i < 12; ++i) {
    const std::string name = "db-" + std::to_string(i);
    const std::string tenant = "/api/v2/tenants/default_tenant/databases";
    REQUIRE(Send(config.listen.socket.path, "POST", tenant, "{\"name\":\"" + name + "\"}").status ==
            200);
    REQUIRE(Send(config.listen.socket.path, "POST", tenant + "/" + name + "/collections",
                 R"({"name":"docs"})")
                .status == 200);
  }
  const json list = json::parse(Send(config.listen.admin.path, "GET", "/admin/v1/stores").body);
  const auto& stores = list["stores"];
  REQUIRE(stores.size() == 13);
  REQUIRE(std::count_if(stores.begin(), stores.end(),
                        [](const json& store) { return store["open"] == true; }) == 5);
  REQUIRE(stores[0]["idleAfterSeconds"] == 300);
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

TEST_CASE("daemon: who waits for its health is told as soon as it serves, or when the time is over",
          "[daemon]") {
  const TempDir dir;
  const Config config = ConfigIn(dir);
  const std::string socket = config.listen.socket.path;
  REQUIRE_FALSE(contract::AwaitHealth(socket, std::chrono::milliseconds(120)).ok());
  auto waiting = std::async(
      std::launch::async, [&] { return contract::AwaitHealth(socket, std::chrono::seconds(60)); });
  const auto daemon = Start(config).value();
  REQUIRE(waiting.get().ok());
}

TEST_CASE("daemon: an empty directory that waits for its first snapshot serves nobody until then",
          "[daemon]") {
  const TempDir dir;
  Config config = ConfigIn(dir);
  config.bootstrap = BootstrapFrom::kLatestSnapshot;
  const std::string collections = std::string(kDatabase) + "/collections";
  const auto mode = [&] {
    const http::Response status = Send(config.listen.admin.path, "GET", "/admin/v1/status");
    return json::parse(status.body)["mode"].get<std::string>();
  };
  {
    const auto daemon = Start(config).value();
    REQUIRE(mode() == "AwaitingBootstrap");
    REQUIRE(Send(config.listen.socket.path, "GET", collections).status == 503);
    REQUIRE_FALSE(
        contract::CheckHealth(config.listen.socket.path, std::chrono::milliseconds(5'000)).ok());
    REQUIRE(Send(config.listen.admin.path, "GET", "/readyz").status == 503);
  }
  // A restart in between changes nothing of that.
  const auto daemon = Start(config).value();
  REQUIRE(mode() == "AwaitingBootstrap");
  const std::string operation = "/admin/v1/operations/00000000-0000-4000-8000-000000000001";
  REQUIRE(Send(config.listen.admin.path, "PUT", operation,
               R"({"action":"restore","all":true,"grants":true,"manifests":[]})")
              .status == 201);
  for (int i = 0; i < 10'000 && mode() != "normal"; ++i) {
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  REQUIRE(mode() == "normal");
  REQUIRE(Send(config.listen.socket.path, "GET", collections).status == 200);
  REQUIRE(contract::CheckHealth(config.listen.socket.path, std::chrono::milliseconds(5'000)).ok());
}

TEST_CASE("daemon: a directory with stores is served, whatever it should begin with", "[daemon]") {
  const TempDir dir;
  Config config = ConfigIn(dir);
  const std::string collections = std::string(kDatabase) + "/collections";
  {
    const auto daemon = Start(config).value();
    REQUIRE(Send(config.listen.socket.path, "POST", collections, R"({"name":"docs"})").status ==
            200);
  }
  config.bootstrap = BootstrapFrom::kLatestSnapshot;
  const auto daemon = Start(config).value();
  REQUIRE(Send(config.listen.socket.path, "GET", collections).status == 200);
}

std::string HeaderOf(const http::Response& response, std::string_view name) {
  for (const auto& [each, value] : response.headers) {
    if (each == name) return value;
  }
  return {};
}

// The value of `mode` on a metrics page.
std::string ModeMetric(const Config& config, const std::string& mode) {
  const std::string page = Send(config.listen.admin.path, "GET", "/metrics").body;
  const std::string line = "pannier_daemon_mode{mode=\"" + mode + "\"} ";
  const size_t at = page.find(line);
  return at == std::string::npos ? "" : page.substr(at + line.size(), 1);
}

TEST_CASE("daemon: who asks for read-only gets it, told everywhere, until it ends", "[daemon]") {
  const TempDir dir;
  const Config config = ConfigIn(dir);
  const auto daemon = Start(config).value();
  const std::string path = std::string(kDatabase) + "/collections";
  REQUIRE(Control(config, {"mode", "read-only", "--reason", "moving the volume"}).ok());
  const http::Response refused =
      Send(config.listen.socket.path, "POST", path, R"({"name":"docs"})");
  REQUIRE(refused.status == 503);
  REQUIRE(HeaderOf(refused, "pannier-mode") == "read-only");
  REQUIRE_FALSE(HeaderOf(refused, "retry-after").empty());
  REQUIRE(refused.body.find("moving the volume") != std::string::npos);
  REQUIRE(refused.body.find("pannierctl mode normal") != std::string::npos);
  const http::Response read = Send(config.listen.socket.path, "GET", path);
  REQUIRE(read.status == 200);
  REQUIRE(HeaderOf(read, "pannier-mode") == "read-only");
  const http::Response page = Send(config.listen.socket.path, "GET", "/health/chromadb");
  REQUIRE(page.status == 200);
  REQUIRE(json::parse(page.body)["mode"] == "read-only");
  REQUIRE(json::parse(page.body)["action"].get<std::string>().find("mode normal") !=
          std::string::npos);
  REQUIRE(Control(config, {"status"})->find("mode: read-only\n") != std::string::npos);
  REQUIRE(ModeMetric(config, "read-only") == "1");
  REQUIRE(ModeMetric(config, "normal") == "0");
  const json events = json::parse(Control(config, {"events", "-o", "json"}).value());
  REQUIRE(events["events"][0]["reason"] == "WritesRefused");

  REQUIRE(Control(config, {"mode", "normal"})->find("mode: normal\n") != std::string::npos);
  const http::Response made = Send(config.listen.socket.path, "POST", path, R"({"name":"docs"})");
  REQUIRE(made.status == 200);
  REQUIRE(HeaderOf(made, "pannier-mode").empty());
  REQUIRE(ModeMetric(config, "normal") == "1");
  REQUIRE(Send(config.listen.admin.path, "PUT", "/admin/v1/mode", R"({"mode":"memory"})").status ==
          400);
}

TEST_CASE("daemon: the configuration may have it start read-only", "[daemon]") {
  const TempDir dir;
  Config config = ConfigIn(dir);
  config.stores.read_only = true;
  const auto daemon = Start(config).value();
  REQUIRE(Control(config, {"mode", "show"})->find("stores.readOnly") != std::string::npos);
}

TEST_CASE("daemon: without its directory it serves from memory where that is configured",
          "[daemon]") {
  const TempDir dir;
  Config config = ConfigIn(dir);
  config.data_dir = "/proc/none/data";  // where not even root can make one
  REQUIRE_FALSE(Start(config).ok());
  config.fallback_memory = true;
  const std::string path = std::string(kDatabase) + "/collections";
  {
    const auto daemon = Start(config).value();
    const http::Response made = Send(config.listen.socket.path, "POST", path, R"({"name":"docs"})");
    REQUIRE(made.status == 200);
    REQUIRE(HeaderOf(made, "pannier-mode") == "memory");
    REQUIRE(ModeMetric(config, "memory") == "1");
    const std::string shown = Control(config, {"mode", "show"}).value();
    REQUIRE(shown.find("lost") != std::string::npos);
    REQUIRE(shown.find("can be used again") == std::string::npos);
  }
  config.data_dir = dir / "data";
  const auto daemon = Start(config).value();
  REQUIRE(json::parse(Send(config.listen.socket.path, "GET", path).body).empty());
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
  const std::string metrics = Send(config.listen.admin.path, "GET", "/metrics").body;
  for (const char* family : {"pannier_daemon_build_info", "pannier_daemon_disk_free_bytes",
                             "pannier_daemon_disk_size_bytes", "pannier_daemon_memory_limit_bytes",
                             "pannier_daemon_requests_queued_limit{listener=\"data\"} 256"}) {
    CAPTURE(family);
    REQUIRE(metrics.find(family) != std::string::npos);
  }
  // Nobody shows a certificate.
  REQUIRE(metrics.find("pannier_daemon_certificate") == std::string::npos);
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
  REQUIRE(Send(door.config.listen.admin.path, "GET", "/metrics")
              .body.find("certificate_expiry_timestamp_seconds{listener=\"admin\"}") !=
          std::string::npos);
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

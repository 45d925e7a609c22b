#include <catch2/catch.hpp>

#include "daemon/config/load.h"

namespace pannier::daemon {
namespace {

// The defaults as Load() completes them.
Config Defaults() {
  Config config;
  config.listen.admin.path = "/run/pannier/admin.sock";
  return config;
}

TEST_CASE("config check: the defaults are accepted", "[daemon][config]") {
  REQUIRE(Check(Defaults()).ok());
}

TEST_CASE("config check: only a loopback address is served without token and TLS",
          "[daemon][config]") {
  for (const char* address :
       {"127.0.0.1:8000", "localhost:0", "[::1]:8000", "127.8.9.1:1", "[0:0:0:0:0:0:0:1]:65535"}) {
    CAPTURE(address);
    Config config = Defaults();
    config.listen.tcp.address = address;
    REQUIRE(Check(config).ok());
  }
  for (const char* address : {"0.0.0.0:8000", "[::]:8000", "10.0.0.1:80", "example:80",
                              "127.0.0.1.example:80", "127.x:80"}) {
    CAPTURE(address);
    Config config = Defaults();
    config.listen.tcp.address = address;
    REQUIRE(Check(config).Is(Errc::kInvalidArgument));
    REQUIRE_FALSE(Check(config).error().hint.empty());
  }
}

TEST_CASE("config check: beyond loopback token and TLS are needed, or the risk must be named",
          "[daemon][config]") {
  Config config = Defaults();
  config.listen.tcp.address = "0.0.0.0:8000";
  const auto why = [&] { return Check(config).error().what; };
  REQUIRE(why().find("no token and no TLS") != std::string::npos);
  config.listen.tcp.token_file = "/tokens";
  REQUIRE(why().find("no TLS") != std::string::npos);
  config.listen.tcp.tls.cert_file = "/crt";
  REQUIRE(why().find("go together") != std::string::npos);
  config.listen.tcp.tls.key_file = "/key";
  REQUIRE(Check(config).ok());
  config.listen.tcp.token_file.clear();
  REQUIRE(why().find("no token") != std::string::npos);
  config.listen.tcp.insecure_allow_remote = true;
  REQUIRE(Check(config).ok());
  config.listen.tcp.address.clear();
  REQUIRE(why().find("has no use") != std::string::npos);
}

TEST_CASE("config check: the admin API over TCP needs mutual TLS, on loopback too",
          "[daemon][config]") {
  Config config = Defaults();
  config.listen.admin_address = "127.0.0.1:9465";
  REQUIRE(Check(config).error().what.find("mutual TLS") != std::string::npos);
  config.listen.admin_tls = {"/crt", "/key", {}};
  REQUIRE(Check(config).error().what.find("mutual TLS") != std::string::npos);
  config.listen.admin_tls.client_ca_file = "/ca";
  REQUIRE(Check(config).ok());
  config.listen.admin_tls.key_file.clear();
  REQUIRE(Check(config).Is(Errc::kInvalidArgument));
  config.listen.admin_tls.key_file = "/key";
  config.listen.admin_address = "nowhere";
  REQUIRE(Check(config).Is(Errc::kInvalidArgument));
}

TEST_CASE("config check: an address without host or port is refused", "[daemon][config]") {
  for (const char* address :
       {"8000", ":8000", "localhost", "localhost:", "::1:80", "[]:80", "127.0.0.1:65536",
        "127.0.0.1:-1", "0.0.0.0:70000", "a:8o", "a: 80", "a:+8"}) {
    CAPTURE(address);
    Config config = Defaults();
    config.listen.metrics_address = address;
    REQUIRE(Check(config).Is(Errc::kInvalidArgument));
  }
}

TEST_CASE("config check: memory to fall back on needs a place", "[daemon][config]") {
  Config config = Defaults();
  config.fallback_memory = true;
  REQUIRE(Check(config).ok());
  config.fallback_directory.clear();
  REQUIRE(Check(config).Is(Errc::kInvalidArgument));
}

TEST_CASE("config check: a repository is a volume or a bucket with keys, and has a name of its own",
          "[daemon][config]") {
  Config config = Defaults();
  RepositoryConfig local{.name = "local", .volume = {"/backup"}, .s3 = {}};
  RepositoryConfig cloud{.name = "cloud", .volume = {}, .s3 = {}};
  cloud.s3.bucket = "b";
  config.repositories = {local, cloud};
  REQUIRE(Check(config).error().what.find("accessKeyFile") != std::string::npos);
  config.repositories[1].s3.access_key_file = "/k";
  config.repositories[1].s3.secret_key_file = "/s";
  REQUIRE(Check(config).ok());
  config.repositories = {local, local};
  REQUIRE(Check(config).error().what.find("twice") != std::string::npos);
  local.s3.bucket = "b";
  config.repositories = {local};
  REQUIRE(Check(config).error().what.find("either") != std::string::npos);
}

TEST_CASE("config check: what repairs draw on must be a repository of the configuration",
          "[daemon][config]") {
  Config config = Defaults();
  config.recovery.mode = RecoveryMode::kAutomatic;
  REQUIRE(Check(config).ok());
  config.recovery.repository = "local";
  REQUIRE(Check(config).error().what.find("no repository \"local\"") != std::string::npos);
  config.repositories = {RepositoryConfig{.name = "local", .volume = {"/backup"}, .s3 = {}}};
  REQUIRE(Check(config).ok());
}

TEST_CASE("config check: values that do not go together are refused", "[daemon][config]") {
  Config config = Defaults();
  config.listen.socket.path = std::string(108, 'x');
  REQUIRE(Check(config).error().what.find("108 bytes") != std::string::npos);
  config = Defaults();
  config.listen.admin.path = config.listen.socket.path;
  REQUIRE(Check(config).Is(Errc::kInvalidArgument));
  config = Defaults();
  config.limits.buffered_bytes = config.limits.body_bytes - 1;
  REQUIRE(Check(config).Is(Errc::kInvalidArgument));
}

}  // namespace
}  // namespace pannier::daemon

#include "daemon/config/load.h"

#include <catch2/catch.hpp>
#include <map>

#include "tests/support/temp_dir.h"

namespace pannier::daemon {
namespace {

using test::TempDir;
using Variables = std::map<std::string, std::string>;

Environment With(Variables variables) {
  return [variables = std::move(variables)](const char* name) -> std::optional<std::string> {
    const auto found = variables.find(name);
    if (found == variables.end()) return std::nullopt;
    return found->second;
  };
}

struct Fixture {
  TempDir dir;
  file::FileSystem& files = file::RealFileSystem();
  std::string File(std::string_view yaml) {
    const file::Path path = dir / "p.yaml";
    file::ReplaceFile(files, path, yaml).value();
    return path.string();
  }
  Result<Config> Load(const Flags& flags, const Variables& variables = {}) {
    return daemon::Load(flags, With(variables), files);
  }
};

TEST_CASE("config: the keys of the design reach the struct", "[daemon][config]") {
  Fixture fixture;
  const std::string file = fixture.File(R"(
dataDir: /data
listen:
  socket: {path: /s/p.sock, mode: "0600", group: "1000"}
  admin: {path: /s/a.sock}
  tcp: {address: 127.0.0.1:8000}
  metrics: {address: 0.0.0.0:9464}
memory: {budget: 1GiB}
stores: {maxOpen: 64, idleAfter: 1h}
recovery: {mode: manual}
fallback: {memory: false}
)");
  const Result<Config> loaded = fixture.Load({.config_file = file, .settings = {}});
  CAPTURE(loaded.ok() ? "" : loaded.error().what);
  REQUIRE(loaded.ok());
  REQUIRE(loaded->data_dir == "/data");
  REQUIRE(loaded->listen.socket.path == "/s/p.sock");
  REQUIRE(loaded->listen.socket.mode == 0600);
  REQUIRE(loaded->listen.socket.group == "1000");
  REQUIRE(loaded->listen.admin.path == "/s/a.sock");
  REQUIRE(loaded->listen.tcp.address == "127.0.0.1:8000");
  REQUIRE(loaded->listen.metrics_address == "0.0.0.0:9464");
  REQUIRE(loaded->memory_budget == 1_GiB);
  REQUIRE(loaded->stores.open_max == 64);
  REQUIRE(loaded->stores.idle_after == std::chrono::hours(1));
  REQUIRE(loaded->recovery.mode == RecoveryMode::kManual);
}

TEST_CASE("config: a flag beats the environment, which beats the file, which beats the default",
          "[daemon][config]") {
  Fixture fixture;
  Flags flags;
  const Variables variables{{"PANNIER_SOCKET", "/env.sock"}};
  REQUIRE(fixture.Load(flags)->listen.socket.path == "/run/pannier/pannier.sock");
  flags.config_file = fixture.File("listen: {socket: {path: /file.sock}}");
  REQUIRE(fixture.Load(flags)->listen.socket.path == "/file.sock");
  REQUIRE(fixture.Load(flags, variables)->listen.socket.path == "/env.sock");
  flags.settings.push_back({"listen.socket.path", "/flag.sock", "--socket"});
  REQUIRE(fixture.Load(flags, variables)->listen.socket.path == "/flag.sock");
}

TEST_CASE("config: the admin socket follows the data socket unless it is set", "[daemon][config]") {
  Fixture fixture;
  REQUIRE(fixture.Load({})->listen.admin.path == "/run/pannier/admin.sock");
  const Variables moved{{"PANNIER_SOCKET", "/x/a.sock"}};
  REQUIRE(fixture.Load({}, moved)->listen.admin.path == "/x/a.admin.sock");
  const Variables both{{"PANNIER_SOCKET", "/x/a.sock"}, {"PANNIER_ADMIN_SOCKET", "/x/b.sock"}};
  REQUIRE(fixture.Load({}, both)->listen.admin.path == "/x/b.sock");
}

TEST_CASE("config: the file is --config, else PANNIER_CONFIG", "[daemon][config]") {
  Fixture fixture;
  const std::string file = fixture.File("dataDir: /d");
  REQUIRE(fixture.Load({}, {{"PANNIER_CONFIG", file}})->data_dir == "/d");
  Flags flags;
  flags.config_file = fixture.dir / "absent.yaml";
  const Result<Config> absent = fixture.Load(flags, {{"PANNIER_CONFIG", file}});
  REQUIRE(absent.Is(Errc::kNotFound));
  REQUIRE_FALSE(absent.error().hint.empty());
}

TEST_CASE("config: an unknown key is refused with file, line and the nearest key",
          "[daemon][config]") {
  Fixture fixture;
  const std::string file = fixture.File("dataDir: /d\nmemmory: {budget: 1GiB}\n");
  const Result<Config> loaded = fixture.Load({.config_file = file, .settings = {}});
  REQUIRE(loaded.Is(Errc::kInvalidArgument));
  REQUIRE(loaded.error().what == file + ":2: unknown key \"memmory\" (did you mean \"memory\"?)");
}

TEST_CASE("config: a level is not written as a dot, and a hint says where keys are spelt out",
          "[daemon][config]") {
  Fixture fixture;
  const std::string file = fixture.File("stores: {idleAfter: 1h}\nstores.maxOpen: 3\n");
  const Result<Config> dotted = fixture.Load({.config_file = file, .settings = {}});
  REQUIRE(dotted.Is(Errc::kInvalidArgument));
  REQUIRE(dotted.error().what ==
          file +
              ":2: the key \"stores.maxOpen\" must be written as levels: \"maxOpen\" below "
              "\"stores\"");
  REQUIRE_FALSE(dotted.error().hint.empty());
  Flags flags;
  flags.settings.push_back({"memory.budget", "much", "--set memory.budget"});
  REQUIRE(fixture.Load(flags).error().what.starts_with("--set memory.budget: "));
  REQUIRE_FALSE(fixture.Load(flags).error().hint.empty());
}

TEST_CASE("config: repositories are read and validated", "[daemon][config]") {
  Fixture fixture;
  const auto what = [&](std::string_view yaml) {
    return fixture.Load({.config_file = fixture.File(yaml), .settings = {}}).error().what;
  };
  REQUIRE(what("repositories:\n- {name: l}\n").find("needs either") != std::string::npos);
  REQUIRE(what("repositories:\n- {name: l, s4: {bucket: b}}\n").find("unknown key \"s4\"") !=
          std::string::npos);
}

TEST_CASE("config: the admin API's port may be left out, and names are a list or words with commas",
          "[daemon][config]") {
  Fixture fixture;
  const std::vector<Flags::Setting> settings = {{"listen.admin.tls.certFile", "/c", "--set"},
                                                {"listen.admin.tls.keyFile", "/k", "--set"},
                                                {"listen.admin.tls.clientCAFile", "/ca", "--set"},
                                                {"listen.admin.allowedNames", "a,b.c", "--set"}};
  const std::pair<const char*, const char*> addresses[] = {
      {"0.0.0.0", "0.0.0.0:9465"}, {"[::]", "[::]:9465"}, {"[::1]:1", "[::1]:1"}};
  for (const auto& [given, meant] : addresses) {
    Flags flags;
    flags.settings = settings;
    flags.settings.push_back({"listen.admin.address", given, "--set"});
    const auto loaded = fixture.Load(flags);
    REQUIRE(loaded.ok());
    REQUIRE(loaded->listen.admin_address == meant);
    REQUIRE(loaded->listen.admin_names == std::vector<std::string>{"a", "b.c"});
  }
}

}  // namespace
}  // namespace pannier::daemon

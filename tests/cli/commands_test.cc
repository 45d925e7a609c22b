// Goal: every command asks the right route and writes the answer, or says what to try.
// Method: a server of lib/http on a socket in a temporary directory answers with fixed bodies.
#include "cli/commands.h"

#include <catch2/catch.hpp>
#include <map>

#include "lib/file/file_system.h"
#include "lib/http/server.h"
#include "tests/support/temp_dir.h"

namespace pannier::cli {
namespace {

using test::TempDir;

// Nobody sits at it.
class QuietTerminal final : public Terminal {
 public:
  bool DrawsBars() const override { return false; }
  bool CanAsk() const override { return false; }
  void Write(std::string_view text) override { written += text; }
  std::string ReadLine() override { return {}; }
  std::string written;
};

constexpr const char* kUid = "11111111-2222-4333-8444-555555555555";

class FakeDaemon {
 public:
  FakeDaemon() : server_({.name = "fake", .limits = {.threads_max = 2}, .refusal = {}}) {
    http::Listener listener;
    listener.unix_path = socket();
    listener.handler = [this](const http::Request& request) { return Answer(request); };
    server_.Add(std::move(listener));
    server_.Start().value();
  }

  // What "METHOD /path" is answered with.
  std::map<std::string, http::Response> answers;

  std::string socket() const { return (dir_ / "s.sock").string(); }
  Result<std::string> Run(std::vector<const char*> words) {
    QuietTerminal terminal;
    const Result<cli::Answer> answer = RunAt(terminal, std::move(words));
    if (!answer.ok()) return answer.error();
    return answer->text;
  }
  Result<cli::Answer> RunAt(Terminal& terminal, std::vector<const char*> words) {
    words.insert(words.begin(), "pannierctl");
    const std::string at = socket();
    words.insert(words.end(), {"--socket", at.c_str(), "--admin-socket", at.c_str()});
    const Result<Arguments> arguments =
        ParseArguments(static_cast<int>(words.size()), words.data(),
                       [](const char*) { return std::optional<std::string>(); });
    return cli::Run(arguments.value(), terminal);
  }

 private:
  http::Response Answer(const http::Request& request) {
    const auto found = answers.find(std::string(request.method) + " " + std::string(request.path));
    if (found != answers.end()) return found->second;
    http::Response response;
    response.status = 404;
    response.body =
        R"({"error":"NotFoundError","message":"nothing at )" + std::string(request.path) + "\"}";
    return response;
  }

  TempDir dir_;
  http::Server server_;
};

http::Response Json(std::string body) {
  http::Response response;
  response.body = std::move(body);
  return response;
}

TEST_CASE("commands: stores list is a table, or the answer itself", "[cli]") {
  FakeDaemon daemon;
  daemon.answers["GET /pannier/v1/stores"] = Json(
      R"({"stores":[{"tenant":"t","database":"d","id":"x","open":true,"damaged":true,"collections":2,)"
      R"("records":10,"sequence":5,"bytes_on_disk":2048,"bytes_in_memory":0,)"
      R"("last_used":"2025-01-01T00:00:00Z"}]})");
  REQUIRE(daemon.Run({"stores", "list"}).value() ==
          "STORE  OPEN  DAMAGED  COLLECTIONS  RECORDS  SEQUENCE  DISK     MEMORY  LAST USED\n"
          "t/d    yes   yes      2            10       5         2.0 KiB  0 B     "
          "2025-01-01T00:00:00Z\n");
  REQUIRE(daemon.Run({"stores", "list", "-o", "yaml"})->starts_with("stores:\n"));
  REQUIRE(daemon.Run({"stores", "list", "-o", "json"})->find("\"bytes_on_disk\": 2048") !=
          std::string::npos);
}

TEST_CASE("commands: names are encoded into the path", "[cli]") {
  FakeDaemon daemon;
  daemon.answers["POST /pannier/v1/stores/a%20b/%3F%C3%A9/flush"] = Json("{}");
  REQUIRE(daemon.Run({"stores", "flush", "a b/?é"}).value() == "a b/?é: flushed\n");
}

TEST_CASE("commands: closing a store in use says that it is not closed yet", "[cli]") {
  FakeDaemon daemon;
  daemon.answers["POST /pannier/v1/stores/t/d/close"] = Json(R"({"closed":false})");
  REQUIRE(daemon.Run({"stores", "close", "t/d"}).value() ==
          "t/d: in use; it is closed once nobody uses it\n");
  daemon.answers["POST /pannier/v1/stores/t/d/close"] = Json(R"({"closed":true})");
  REQUIRE(daemon.Run({"stores", "close", "t/d"}).value() == "t/d: closed\n");
}

TEST_CASE("commands: info shows the store and its collections", "[cli]") {
  FakeDaemon daemon;
  daemon.answers["GET /pannier/v1/stores/t/d"] =
      Json(R"({"tenant":"t","records":3,"collections":[{"name":"c","records":3}]})");
  const std::string text = daemon.Run({"stores", "info", "t/d"}).value();
  REQUIRE(text.find("records: 3\n") != std::string::npos);
  REQUIRE(text.find("COLLECTION") != std::string::npos);
}

TEST_CASE("commands: status is asked of the admin socket", "[cli]") {
  FakeDaemon daemon;
  daemon.answers["GET /admin/v1/status"] =
      Json(R"({"version":"1","mode":"normal","uptimeSeconds":0,"stores":{"known":4}})");
  const std::string text = daemon.Run({"status"}).value();
  REQUIRE(text.find("mode: normal\n") != std::string::npos);
  REQUIRE(text.find("stores.known: 4\n") != std::string::npos);
  REQUIRE(text.find("uptimeSeconds: 0 s\n") != std::string::npos);
}

TEST_CASE("commands: healthcheck fails with the daemon's reason", "[cli]") {
  FakeDaemon daemon;
  daemon.answers["GET /health/chromadb"] = Json(R"({"status":"healthy","mode":"normal"})");
  REQUIRE(daemon.Run({"healthcheck"}).value() == "mode: normal\nstatus: healthy\n");
  http::Response sick = Json(R"({"status":"unhealthy"})");
  sick.status = 503;
  daemon.answers["GET /health/chromadb"] = sick;
  REQUIRE(daemon.Run({"healthcheck"}).error().what.find("unhealthy") != std::string::npos);
}

TEST_CASE("commands: a refusal is told in the daemon's words, with what to try", "[cli]") {
  FakeDaemon daemon;
  const Result<std::string> absent = daemon.Run({"stores", "info", "t/absent"});
  REQUIRE(absent.Is(Errc::kNotFound));
  REQUIRE(absent.error().what == "nothing at /pannier/v1/stores/t/absent");
  REQUIRE_FALSE(absent.error().hint.empty());
}

TEST_CASE("commands: a daemon that is not there is an error that says what to try", "[cli]") {
  const TempDir dir;
  QuietTerminal terminal;
  Arguments arguments;
  arguments.command = Command::kStoresList;
  arguments.socket = (dir / "absent.sock").string();
  REQUIRE(Run(arguments, terminal).Is(Errc::kNotFound));
  REQUIRE(Run(arguments, terminal).error().hint.find("--socket") != std::string::npos);
}

TEST_CASE("commands: config check says what is wrong and where", "[cli]") {
  const TempDir dir;
  QuietTerminal terminal;
  Arguments arguments;
  arguments.command = Command::kConfigCheck;
  arguments.file = (dir / "p.yaml").string();
  REQUIRE(file::ReplaceFile(file::RealFileSystem(), dir / "p.yaml", "dataDir: /d\n").ok());
  REQUIRE(Run(arguments, terminal)->text == arguments.file + ": in order\n");
  REQUIRE(file::ReplaceFile(file::RealFileSystem(), dir / "p.yaml", "dataDri: /d\n").ok());
  const Result<Answer> wrong = Run(arguments, terminal);
  REQUIRE(wrong.error().what.starts_with(arguments.file + ":1: unknown key"));
  REQUIRE(ExitCodeOf(Command::kConfigCheck, wrong.error()) == 2);  // as pannierd --check-config
  REQUIRE(ExitCodeOf(Command::kStatus, wrong.error()) == 1);
  REQUIRE(ExitCodeOf(Command::kOperation, Corruption("c")) == 3);
}

TEST_CASE("commands: snapshots, events, operations and quarantine are tables", "[cli]") {
  FakeDaemon daemon;
  daemon.answers["GET /admin/v1/repositories/r%2F1/snapshots"] = Json(
      R"({"snapshots":[{"uid":"u","store":"t/d","sequence":7,"newBytes":2048,"held":false}]})");
  const std::string list = daemon.Run({"snapshot", "list", "--repository", "r/1"}).value();
  REQUIRE(list.starts_with("UID  STORE  SEQUENCE"));
  REQUIRE(list.find("2.0 KiB") != std::string::npos);
  daemon.answers["GET /admin/v1/repositories/r/snapshots/11111111-2222-4333-8444-555555555555"] =
      Json(R"({"uid":"u","collections":[{"name":"c","records":3}]})");
  REQUIRE(daemon.Run({"snapshot", "show", kUid, "--repository", "r"})->find("COLLECTION") !=
          std::string::npos);
  daemon.answers["GET /admin/v1/events"] =
      Json(R"({"events":[{"number":3,"reason":"Restored","message":"m"}],"last":3})");
  REQUIRE(daemon.Run({"events", "--after", "2"})->find("Restored") != std::string::npos);
  daemon.answers["GET /admin/v1/operations"] = Json(R"({"operations":[{"uid":"u"}]})");
  REQUIRE(daemon.Run({"operations", "list"})->starts_with("UID"));
  daemon.answers["DELETE /admin/v1/quarantine/11111111-2222-4333-8444-555555555555"] = Json("");
  REQUIRE(daemon.Run({"store", "quarantine", "delete", kUid}).value() ==
          std::string(kUid) + ": removed\n");
}

TEST_CASE("commands: a list of snapshots says whose they are, and that some cannot be read",
          "[cli]") {
  FakeDaemon daemon;
  const std::string path = "GET /admin/v1/repositories/r/snapshots";
  daemon.answers[path] = Json(R"({"snapshots":[{"uid":"u","owner":"o1"}],"unreadable":0})");
  const std::string sound = daemon.Run({"snapshot", "list", "--repository", "r"}).value();
  REQUIRE(sound.find("OWNER\n") != std::string::npos);
  REQUIRE(sound.ends_with("o1\n"));
  daemon.answers[path] = Json(R"({"snapshots":[],"unreadable":1})");
  REQUIRE(
      daemon.Run({"snapshot", "list", "--repository", "r"})->find("1 manifest cannot be read") !=
      std::string::npos);
}

TEST_CASE("commands: a difference of snapshots names the collections", "[cli]") {
  FakeDaemon daemon;
  daemon.answers["GET /admin/v1/repositories/r/diff"] =
      Json(R"({"added":{"chunks":1,"bytes":2},"removed":{"chunks":0,"bytes":0},"collections":)"
           R"({"added":[{"name":"new","records":3,"dimension":null}],"removed":[{"name":"old"}],)"
           R"("changed":[]}})");
  const std::string text =
      daemon.Run({"snapshot", "diff", kUid, kUid, "--repository", "r"}).value();
  CAPTURE(text);
  REQUIRE(text.find("collections added:\n  new  records 3\n") != std::string::npos);
  REQUIRE(text.find("collections removed:\n  old\n") != std::string::npos);
  REQUIRE(text.find("changed:") == std::string::npos);
}

TEST_CASE("commands: what is not there is looked for in the right list", "[cli]") {
  FakeDaemon daemon;
  const auto hint = [&](std::vector<const char*> words) {
    return daemon.Run(std::move(words)).error().hint;
  };
  REQUIRE(hint({"snapshot", "show", kUid, "--repository", "r"}).find("snapshot list") !=
          std::string::npos);
  REQUIRE(hint({"store", "quarantine", "delete", kUid}).find("quarantine list") !=
          std::string::npos);
  REQUIRE(hint({"operations", "show", kUid}).find("operations list") != std::string::npos);
  REQUIRE(hint({"stores", "info", "t/d"}).find("stores list") != std::string::npos);
}

}  // namespace
}  // namespace pannier::cli

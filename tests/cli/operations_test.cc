// Goal: operations are asked for once, waited for, and their end is told by text and exit code.
// Method: a server of lib/http plays the daemon: it remembers what it was asked, and lets an
// operation run for some looks before it ends.
#include "cli/operations.h"

#include <catch2/catch.hpp>
#include <mutex>
#include <nlohmann/json.hpp>

#include "lib/http/server.h"
#include "lib/json/cold.h"
#include "tests/support/fake_terminal.h"
#include "tests/support/temp_dir.h"

namespace pannier::cli {
namespace {

using nlohmann::json;

using test::FakeTerminal;

class OperatingDaemon {
 public:
  OperatingDaemon() : server_({.name = "fake", .limits = {.threads_max = 2}, .refusal = {}}) {
    http::Listener listener;
    listener.unix_path = (dir_ / "s.sock").string();
    listener.handler = [this](const http::Request& request) { return Answer(request); };
    server_.Add(std::move(listener));
    server_.Start().value();
  }

  json ended{{"state", "Succeeded"}, {"result", {{"sound", true}}}};
  int looks_until_end = 3;

  std::vector<json> asked() {
    const std::lock_guard lock(mutex_);
    return asked_;
  }

  Result<cli::Answer> Run(Terminal& terminal, std::vector<const char*> words) {
    words.insert(words.begin(), "pannierctl");
    const std::string at = (dir_ / "s.sock").string();
    words.insert(words.end(), {"--socket", at.c_str(), "--admin-socket", at.c_str()});
    const Result<Arguments> arguments =
        ParseArguments(static_cast<int>(words.size()), words.data(),
                       [](const char*) { return std::optional<std::string>(); });
    if (!arguments.ok()) return arguments.error();
    return cli::Run(*arguments, terminal);
  }

 private:
  http::Response Answer(const http::Request& request) {
    const std::lock_guard lock(mutex_);
    http::Response response;
    json view{{"uid", std::string(request.path.substr(request.path.rfind('/') + 1))}};
    if (request.method == "PUT") {
      asked_.push_back(pannier::json::ParseCold(request.body).value());
      looks_ = 0;
      response.status = 201;
      view["state"] = "Pending";
    } else if (++looks_ < looks_until_end) {
      view["state"] = "Running";
      view["progress"] = {{"phase", "sending"}, {"done", looks_}, {"total", 4}};
    } else {
      view.update(ended);
    }
    response.body = view.dump();
    return response;
  }

  test::TempDir dir_;
  std::mutex mutex_;
  std::vector<json> asked_;
  int looks_ = 0;
  http::Server server_;
};

TEST_CASE("operations: without --wait the answer is the uid", "[cli]") {
  OperatingDaemon daemon;
  FakeTerminal terminal;
  const auto answer = daemon.Run(terminal, {"store", "compact", "--store", "d"});
  REQUIRE(answer.ok());
  REQUIRE(answer->text.size() == 37);
  REQUIRE(daemon.asked() ==
          std::vector<json>{{{"action", "compact"}, {"store", "default_tenant/d"}}});
}

TEST_CASE("operations: with --wait the answer is the result, and progress goes elsewhere",
          "[cli]") {
  OperatingDaemon daemon;
  FakeTerminal terminal;
  const auto answer =
      daemon.Run(terminal, {"store", "verify", "--store", "t/d", "--wait", "-o", "json"});
  REQUIRE(answer.ok());
  REQUIRE(answer->exit_code == 0);
  const json result = pannier::json::ParseCold(answer->text).value();
  REQUIRE(result["sound"] == true);
  REQUIRE(result["uid"].is_string());
  REQUIRE(terminal.written == "sending\n");
}

TEST_CASE("operations: a terminal gets a bar that leaves nothing behind", "[cli]") {
  OperatingDaemon daemon;
  FakeTerminal terminal;
  terminal.person = true;
  REQUIRE(daemon.Run(terminal, {"store", "verify", "--store", "t/d", "--wait"}).ok());
  REQUIRE(terminal.written.find("sending [#######") != std::string::npos);
  REQUIRE(terminal.written.ends_with("\r\x1b[K"));
}

TEST_CASE("operations: a check that finds damage exits with 3", "[cli]") {
  OperatingDaemon daemon;
  daemon.ended["result"] = {{"sound", false}, {"damage", {{{"id", "a"}, {"what", "checksum"}}}}};
  FakeTerminal terminal;
  const auto answer = daemon.Run(terminal, {"store", "verify", "--store", "t/d", "--wait"});
  REQUIRE(answer.ok());
  REQUIRE(answer->exit_code == 3);
  REQUIRE(answer->text.find("ID  WHAT") != std::string::npos);
}

TEST_CASE("operations: a failed one is an error in the daemon's words", "[cli]") {
  OperatingDaemon daemon;
  daemon.ended = {{"state", "Failed"},
                  {"error", {{"error", "corruption"}, {"message", "bad page"}, {"hint", "x"}}}};
  FakeTerminal terminal;
  const auto answer = daemon.Run(terminal, {"store", "compact", "--store", "t/d", "--wait"});
  REQUIRE(answer.Is(Errc::kCorruption));
  REQUIRE(answer.error().what == "bad page");
  daemon.ended = {{"state", "Cancelled"}};
  REQUIRE(
      daemon.Run(terminal, {"store", "compact", "--store", "t/d", "--wait"}).Is(Errc::kConflict));
}

TEST_CASE("operations: bytes that are wrong without a hint get one", "[cli]") {
  OperatingDaemon daemon;
  daemon.ended = {{"state", "Failed"},
                  {"store", "t/d"},
                  {"error", {{"error", "corruption"}, {"message", "page 3 fails its checksum"}}}};
  FakeTerminal terminal;
  const auto answer = daemon.Run(terminal, {"store", "compact", "--store", "t/d", "--wait"});
  REQUIRE(answer.error().hint.find("store verify --store t/d") != std::string::npos);
}

TEST_CASE("operations: what the plan only repeats is shown once, and lists say of what", "[cli]") {
  OperatingDaemon daemon;
  const json databases = {
      {{"store", "t/d"}, {"collections", {{{"name", "c"}, {"messages", {"m1"}}}}}}};
  daemon.ended["result"] = {{"databases", databases}, {"seconds", 0.25}};
  daemon.ended["plan"] = {{"databases", databases}};
  FakeTerminal terminal;
  const std::string text = daemon.Run(terminal, {"store", "import", "/c", "--wait"}).value().text;
  CAPTURE(text);
  REQUIRE(text.find("databases:\n") == text.rfind("databases:\n"));
  REQUIRE(text.find("collections of t/d:\nNAME\nc\n\nmessages of c:\n  m1\n") != std::string::npos);
  REQUIRE(text.find("seconds: 250.0 ms\n") != std::string::npos);
  daemon.ended["result"] = json::object();
  daemon.ended["plan"] = {{"snapshots", {"u1"}}};
  REQUIRE(daemon.Run(terminal, {"repository", "gc", "--repository", "r", "--dry-run", "--wait"})
              ->text.find("to be deleted:\n  u1\n") != std::string::npos);
}

TEST_CASE("operations: waiting has an end, and says how to look later", "[cli]") {
  OperatingDaemon daemon;
  daemon.looks_until_end = 1'000'000;
  FakeTerminal terminal;
  const auto answer =
      daemon.Run(terminal, {"sweep", "--wait", "--timeout", "100ms", "--mode", "Report"});
  REQUIRE(answer.Is(Errc::kDeadlineExceeded));
  REQUIRE(answer.error().hint.find("operations show") != std::string::npos);
}

TEST_CASE("operations: a restore shows its plan and asks a person, and nobody else", "[cli]") {
  OperatingDaemon daemon;
  daemon.ended["plan"] = {{"dataLossSeconds", 5}};
  FakeTerminal terminal;
  const std::vector<const char*> restore = {"restore",      "--store", "t/d",
                                            "--repository", "r",       "--latest"};
  REQUIRE(daemon.Run(terminal, restore).ok());  // a script goes on
  REQUIRE(daemon.asked().size() == 1);
  terminal.person = true;
  terminal.answer = "n";
  REQUIRE(daemon.Run(terminal, restore).Is(Errc::kConflict));
  REQUIRE(daemon.asked().size() == 2);
  REQUIRE(daemon.asked()[1]["dryRun"] == true);
  REQUIRE(terminal.written.find("dataLossSeconds") != std::string::npos);
  terminal.answer = "y";
  REQUIRE(daemon.Run(terminal, restore).ok());
  REQUIRE(daemon.asked().size() == 4);
  REQUIRE_FALSE(daemon.asked()[3].contains("dryRun"));
  std::vector<const char*> sure = restore;
  sure.push_back("--yes");
  REQUIRE(daemon.Run(terminal, sure).ok());
  REQUIRE(daemon.asked().size() == 5);
  REQUIRE_FALSE(daemon.asked()[4].contains("yes"));
}

}  // namespace
}  // namespace pannier::cli

// Goal: flags become the request that docs/admin-api.md describes, or are refused as usage.
#include "cli/admin_arguments.h"

#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>

#include "lib/json/cold.h"

namespace pannier::cli {
namespace {

using nlohmann::json;

constexpr const char* kUid = "11111111-2222-4333-8444-555555555555";
constexpr const char* kOther = "61111111-2222-4333-8444-555555555555";

Result<Arguments> Parse(std::vector<const char*> words) {
  words.insert(words.begin(), "pannierctl");
  return ParseArguments(static_cast<int>(words.size()), words.data(),
                        [](const char*) { return std::optional<std::string>(); });
}

json BodyOf(std::vector<const char*> words) {
  const Result<Arguments> arguments = Parse(std::move(words));
  if (!arguments.ok()) return arguments.error().what;
  return pannier::json::ParseCold(arguments->body).value();
}

TEST_CASE("admin arguments: each kind of flag has its place in the request", "[cli]") {
  REQUIRE(BodyOf({"snapshot", "create", "--store", "d", "--repository", "r", "--verification",
                  "Manifest"}) == json{{"action", "snapshot"},
                                       {"store", "default_tenant/d"},
                                       {"repository", "r"},
                                       {"verification", "Manifest"}});
  REQUIRE(BodyOf({"repository", "gc", "--repository", "r", "--grace", "1h", "--keep-last", "3",
                  "--keep-within", "2d", "--dry-run"}) ==
          json{{"action", "repositoryGc"},
               {"repository", "r"},
               {"graceSeconds", 3600},
               {"keep", {{"last", 3}, {"withinSeconds", 172800}}},
               {"dryRun", true}});
  REQUIRE(BodyOf({"snapshot", "hold", kUid, "--repository", "r"})["hold"] == true);
  REQUIRE(BodyOf({"snapshot", "hold", kUid, "--repository", "r", "--drop"})["hold"] == false);
  REQUIRE(BodyOf({"snapshot", "diff", kUid, kOther, "--repository", "r"})["to"] == kOther);
  REQUIRE(BodyOf({"store", "export", "--store", "t/d", "--file", "/x/../e.jsonl"})["file"] ==
          "/e.jsonl");
  REQUIRE(BodyOf({"store", "import", "/c", "--store", "t/d"}) ==
          json{{"action", "import"}, {"directory", "/c"}, {"store", "t/d"}});
  REQUIRE(Parse({"store", "quarantine", "release", kUid, "--store", "t/d"})->command ==
          Command::kQuarantineRelease);
}

TEST_CASE("admin arguments: waiting has ten minutes unless told otherwise", "[cli]") {
  REQUIRE(Parse({"sweep"})->timeout == std::chrono::seconds(60));
  REQUIRE(Parse({"sweep", "--wait"})->timeout == std::chrono::minutes(10));
  REQUIRE(Parse({"sweep", "--timeout", "abc"}).error().hint.find("unit") != std::string::npos);
  REQUIRE(Parse({"sweep", "--wait", "--timeout", "1h"})->timeout == std::chrono::hours(1));
}

TEST_CASE("admin arguments: a restore names one store and one snapshot, or all", "[cli]") {
  REQUIRE(BodyOf({"restore", "--all", "--repository", "r"}) ==
          json{{"action", "restore"}, {"repository", "r"}, {"all", true}, {"latest", true}});
  REQUIRE(BodyOf({"restore", "--store", "t/d", "--repository", "r", "--sequence", "7", "--yes"}) ==
          json{{"action", "restore"}, {"repository", "r"}, {"store", "t/d"}, {"sequence", 7}});
  REQUIRE(BodyOf({"restore", "--store", "d", "--repository", "r", "--latest", "--owner",
                  kUid})["owner"] == kUid);
  for (const auto& words : std::vector<std::vector<const char*>>{
           {"restore", "--repository", "r", "--latest"},
           {"restore", "--store", "d", "--repository", "r"},
           {"restore", "--store", "d", "--repository", "r", "--latest", "--sequence", "1"},
           {"restore", "--store", "d", "--repository", "r", "--at", "yesterday"},
           {"restore", "--all", "--store", "d", "--repository", "r"},
           {"restore", "--store", "d", "--latest"}}) {
    CAPTURE(words.back());
    REQUIRE(Parse(words).Is(Errc::kInvalidArgument));
  }
}

TEST_CASE("admin arguments: values of the wrong kind are wrong usage", "[cli]") {
  for (const auto& words : std::vector<std::vector<const char*>>{
           {"store", "verify"},
           {"store", "verify", "--store", "a/b/c"},
           {"store", "verify", "--store", "d", "--level", "Half"},
           {"store", "export", "--store", "d"},
           {"store", "export", "--store", "d", "--file", "f", "--url", "u"},
           {"sweep", "--grace", "long"},
           {"operations", "list", "--limit", "-3"},
           {"snapshot", "diff", kUid, "--repository", "r"},
           {"snapshot", "show", "bogus", "--repository", "r"},
           {"restore", "--store", "d", "--repository", "r", "--latest", "--owner", "me"},
           {"store", "merge", "--store", "d", "--from", "default_tenant/d"}}) {
    CAPTURE(words.back());
    REQUIRE(Parse(words).Is(Errc::kInvalidArgument));
  }
}

TEST_CASE("admin arguments: completion knows every command and which flags take values", "[cli]") {
  const std::string bash = Parse({"completion", "bash"})->text;
  REQUIRE(bash.find("\"store quarantine\") words=\"list release delete ") != std::string::npos);
  REQUIRE(bash.find("|--repository|") != std::string::npos);
  REQUIRE(bash.find("|--dry-run|") == std::string::npos);
  REQUIRE(Parse({"--help"})->text.find("3 damaged") != std::string::npos);
}

}  // namespace
}  // namespace pannier::cli

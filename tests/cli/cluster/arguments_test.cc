// Goal: the command line says what is wanted, or what is wrong with it.
#include "cli/cluster/arguments.h"

#include <catch2/catch.hpp>

namespace pannier::cluster {
namespace {

Result<Arguments> Parse(std::vector<const char*> words) {
  words.insert(words.begin(), "/usr/local/bin/kubectl-pannier");
  return ParseArguments(static_cast<int>(words.size()), words.data());
}

TEST_CASE("cluster arguments: the name of the program or its first word chooses them",
          "[cli][cluster]") {
  const char* plugin[] = {"/opt/bin/kubectl-pannier", "status"};
  const char* word[] = {"pannierctl", "kube", "status"};
  const char* daemon[] = {"pannierctl", "status"};
  REQUIRE(IsForCluster(2, plugin));
  REQUIRE(IsForCluster(3, word));
  REQUIRE_FALSE(IsForCluster(2, daemon));
  REQUIRE(ParseArguments(2, plugin)->command == Command::kStatus);
  REQUIRE(ParseArguments(3, word)->command == Command::kStatus);
}

TEST_CASE("cluster arguments: flags of the program may stand anywhere", "[cli][cluster]") {
  for (const auto& words : std::vector<std::vector<const char*>>{
           {"-n", "team", "--context", "c", "status", "-o", "wide"},
           {"status", "-o", "wide", "--namespace", "team", "--context", "c"}}) {
    const auto arguments = Parse(words);
    REQUIRE(arguments.ok());
    REQUIRE(arguments->ns == "team");
    REQUIRE(arguments->context == "c");
    REQUIRE(arguments->format == Format::kWide);
  }
}

TEST_CASE("cluster arguments: a restore is told in full", "[cli][cluster]") {
  const auto arguments =
      Parse({"restore", "docs", "--pod", "docs-0", "--store", "main", "--not-after",
             "2026-01-31T08:00:00Z", "--to", "t/old", "--yes", "--wait", "--timeout", "5m"});
  REQUIRE(arguments.ok());
  REQUIRE(arguments->command == Command::kRestore);
  REQUIRE(arguments->name == "docs");
  REQUIRE(arguments->pod == "docs-0");
  REQUIRE(arguments->store == "default_tenant/main");
  REQUIRE(arguments->to_store == "t/old");
  REQUIRE(arguments->not_after == "2026-01-31T08:00:00Z");
  REQUIRE(arguments->yes);
  REQUIRE(arguments->wait);
  REQUIRE(arguments->timeout == std::chrono::minutes(5));
}

TEST_CASE("cluster arguments: what is wrong is named", "[cli][cluster]") {
  const std::pair<std::vector<const char*>, const char*> cases[] = {
      {{}, "subcommand"},
      {{"snapshot"}, "vectorstore"},
      {{"snapshot", "docs", "--store", "a/b/c"}, "a/b/c"},
      {{"snapshot", "docs", "--expire-after", "soon"}, "--expire-after"},
      {{"restore", "docs", "--pod", "p", "--latest"}, "--store"},
      {{"restore", "docs", "--pod", "p", "--store", "d"}, "which snapshot"},
      {{"restore", "docs", "--pod", "p", "--store", "d", "--latest", "--snapshot", "s"}, "which"},
      {{"restore", "docs", "--store", "d", "--latest"}, "which pod"},
      {{"restore", "docs", "--pod", "p", "--store", "d", "--not-after", "noon"}, "noon"},
      {{"restore", "docs", "--pod", "p", "--store", "d", "--latest", "--to", "d"}, "--to"},
      {{"verify", "docs", "--store", "d"}, "--pod"},
      {{"verify", "docs", "--pod", "p", "--store", "d", "--level", "deep"}, "--level"},
      {{"status", "-A", "-n", "team"}, "contradict"},
      {{"status", "-o", "xml"}, "--output"},
      {{"cleanup"}, "subcommand"},
      {{"support-bundle"}, "--output"},
      {{"status", "--timeout", "never"}, "--timeout"},
  };
  REQUIRE(Parse({"restore", "docs", "--store", "d", "--latest"}).error().hint.find("=docs") !=
          std::string::npos);
  for (const auto& [words, part] : cases) {
    CAPTURE(part);
    const auto arguments = Parse(words);
    REQUIRE(arguments.Is(Errc::kInvalidArgument));
    REQUIRE(arguments.error().what.find(part) != std::string::npos);
  }
}

TEST_CASE("cluster arguments: help names every command and the exit codes", "[cli][cluster]") {
  const auto arguments = Parse({"--help"});
  REQUIRE(arguments.ok());
  for (const char* word : {"status", "snapshot", "restore", "verify", "operations", "cleanup",
                           "support-bundle", "Exit codes", "kubectl pannier"}) {
    CAPTURE(word);
    REQUIRE(arguments->text.find(word) != std::string::npos);
  }
}

}  // namespace
}  // namespace pannier::cluster

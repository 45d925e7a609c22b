// Goal: what a person asks for becomes an object that the operator's own types accept, nothing is
// replaced before the plan was shown and agreed to, and how it ended is told by text and exit code.
// Method: an API in memory; the test plays the operator while a command waits.
#include "cli/cluster/requests.h"

#include <catch2/catch.hpp>

#include "operator/resource/store_operation.h"
#include "operator/resource/store_snapshot.h"
#include "tests/cli/cluster/world.h"

namespace pannier::cluster {
namespace {

using nlohmann::json;

const std::vector<const char*> kRestore = {"restore", "docs",   "--pod",   "docs-0",
                                           "--store", "t/main", "--latest"};

std::vector<const char*> With(std::vector<const char*> words, std::vector<const char*> more) {
  words.insert(words.end(), more.begin(), more.end());
  return words;
}

json Planned() {
  json status = Ended("Unknown", "Suspended", "waits for spec.suspend to be false");
  status["plan"] = {{"source", "snapshot of 08:00"},
                    {"bytes", 4096},
                    {"dataLossSeconds", 300},
                    {"steps", {"fetch", "check", "swap"}}};
  return status;
}

TEST_CASE("requests: a snapshot is one that the operator's types accept", "[cli][cluster]") {
  World world;
  world.VectorStore();
  const auto answer = world.Run({"snapshot", "docs", "--store", "main", "--repository", "other",
                                 "--expire-after", "7d", "--hold"});
  REQUIRE(answer.ok());
  const auto all = world.All(kSnapshots);
  REQUIRE(all.size() == 1);
  const auto snapshot = control::ParseResource<control::StoreSnapshot>(all[0]);
  REQUIRE(snapshot.ok());
  REQUIRE(snapshot->meta.name.starts_with("docs-manual-"));
  REQUIRE(snapshot->meta.name_space == "team");
  REQUIRE(snapshot->spec.vector_store.name == "docs");
  REQUIRE(snapshot->spec.store_names == std::vector<std::string>{"default_tenant/main"});
  REQUIRE(snapshot->spec.repository->name == "other");
  REQUIRE(snapshot->spec.expire_after_seconds == 604'800);
  REQUIRE(snapshot->spec.hold);
  REQUIRE(answer->text == "storesnapshots.pannier.dev/" + snapshot->meta.name + "\n");
}

TEST_CASE("requests: a snapshot that is waited for tells its states and its end",
          "[cli][cluster]") {
  World world;
  world.VectorStore();
  int pauses = 0;
  world.meanwhile = [&] {
    json status = ++pauses < 3 ? Ended("Unknown", "Running") : Ended("True", "Completed");
    status["stores"] = {{"total", 2}, {"succeeded", 2}, {"failed", 0}};
    world.SetStatus(kSnapshots, status);
  };
  const auto answer = world.Run({"snapshot", "docs", "--wait"});
  REQUIRE(answer.ok());
  REQUIRE(answer->exit_code == 0);
  REQUIRE(answer->text.find(": Completed\n") != std::string::npos);
  REQUIRE(answer->text.find("succeeded: 2") != std::string::npos);
  REQUIRE(world.terminal.written == "waits for the operator\nRunning\n");
}

TEST_CASE("requests: a snapshot that failed says why, and where to look", "[cli][cluster]") {
  World world;
  world.VectorStore();
  world.meanwhile = [&] {
    world.SetStatus(kSnapshots, Ended("False", "PartiallyFailed", "1 of 2 stores"));
  };
  const auto answer = world.Run({"snapshot", "docs", "--wait"});
  REQUIRE_FALSE(answer.ok());
  REQUIRE(ExitCodeOf(answer.error()) == 1);
  REQUIRE(answer.error().what.find("PartiallyFailed: 1 of 2 stores") != std::string::npos);
  REQUIRE(answer.error().hint.starts_with("kubectl describe storesnapshots.pannier.dev docs-"));
}

TEST_CASE("requests: without VectorStore or repository nothing is created", "[cli][cluster]") {
  World world;
  const auto absent = world.Run({"snapshot", "docs"});
  REQUIRE(absent.Is(Errc::kNotFound));
  REQUIRE(absent.error().what.find("namespace team") != std::string::npos);
  world.Put(kVectorStores, "bare", json::object());
  const auto bare = world.Run({"snapshot", "bare"});
  REQUIRE(bare.Is(Errc::kInvalidArgument));
  REQUIRE(bare.error().hint.find("--repository") != std::string::npos);
  REQUIRE(world.All(kSnapshots).empty());
}

TEST_CASE("requests: a restore shows plan and loss before it asks, and then goes on",
          "[cli][cluster]") {
  World world;
  world.VectorStore();
  world.terminal.person = true;
  world.terminal.answer = "y";
  bool was_suspended = false;
  world.meanwhile = [&] {
    was_suspended = world.All(kOperations).at(0)["spec"]["suspend"] == true;
    world.SetStatus(kOperations, Planned());
  };
  const auto answer = world.Run(kRestore);
  REQUIRE(answer.ok());
  REQUIRE(was_suspended);
  const auto& shown = world.terminal.written;
  REQUIRE(shown.find("dataLossSeconds: 5 m") != std::string::npos);
  REQUIRE(shown.find("- swap") < shown.find("? [y/N] "));
  const auto operation =
      control::ParseResource<control::StoreOperation>(world.All(kOperations).at(0));
  REQUIRE(operation.ok());
  REQUIRE_FALSE(operation->spec.suspend);
  REQUIRE(operation->spec.target.pod_name == "docs-0");
  REQUIRE(operation->spec.target.store_name == "t/main");
  REQUIRE(operation->spec.action.restore->latest);
}

TEST_CASE("requests: a restore that is not wanted leaves nothing", "[cli][cluster]") {
  World world;
  world.VectorStore();
  world.terminal.person = true;
  for (const char* answer : {"n", "", "yep"}) {
    world.terminal.answer = answer;
    world.meanwhile = [&] { world.SetStatus(kOperations, Planned()); };
    const auto ended = world.Run(kRestore);
    REQUIRE(ended.Is(Errc::kConflict));
    REQUIRE(ExitCodeOf(ended.error()) == 1);
    REQUIRE(world.All(kOperations).empty());
  }
}

TEST_CASE("requests: where nobody can be asked, a restore needs --yes", "[cli][cluster]") {
  World world;
  world.VectorStore();
  const auto refused = world.Run(kRestore);
  REQUIRE(refused.Is(Errc::kInvalidArgument));
  REQUIRE(ExitCodeOf(refused.error()) == 2);
  REQUIRE(world.All(kOperations).empty());

  world.meanwhile = [&] { world.SetStatus(kOperations, Planned()); };
  REQUIRE(world.Run(With(kRestore, {"--yes"})).ok());
  REQUIRE(world.All(kOperations).at(0)["spec"]["suspend"] == false);
  REQUIRE(world.terminal.written.find("dataLossSeconds") != std::string::npos);
}

TEST_CASE("requests: a dry run shows the plan and is never let go", "[cli][cluster]") {
  World world;
  world.VectorStore();
  world.meanwhile = [&] {
    json status = Planned();
    status.update(Ended("True", "Completed", "dry run: the plan is shown"));
    world.SetStatus(kOperations, status);
  };
  const auto answer = world.Run(With(kRestore, {"--dry-run"}));
  REQUIRE(answer.ok());
  REQUIRE(answer->text.find("source: snapshot of 08:00") != std::string::npos);
  const json spec = world.All(kOperations).at(0)["spec"];
  REQUIRE(spec["dryRun"] == true);
  REQUIRE_FALSE(spec.contains("suspend"));
}

TEST_CASE("requests: each source of a restore is one that the operator's types accept",
          "[cli][cluster]") {
  const std::pair<std::vector<const char*>, json> sources[] = {
      {{"--latest"}, {{"latest", json::object()}}},
      {{"--snapshot", "nightly-1"}, {{"snapshotRef", {{"name", "nightly-1"}}}}},
      {{"--not-after", "2026-01-31T08:00:00Z", "--to", "t/old"},
       {{"latest", {{"notAfter", "2026-01-31T08:00:00Z"}}}, {"toStoreName", "t/old"}}}};
  for (const auto& [words, want] : sources) {
    World world;
    world.VectorStore();
    world.meanwhile = [&] { world.SetStatus(kOperations, Planned()); };
    REQUIRE(world.Run(With({"restore", "docs", "--pod", "p", "--store", "t/main", "--yes"}, words))
                .ok());
    const json object = world.All(kOperations).at(0);
    REQUIRE(object["spec"]["action"]["restore"] == want);
    REQUIRE(control::ParseResource<control::StoreOperation>(object).ok());
  }
}

TEST_CASE("requests: a restore that the operator refuses is not asked about", "[cli][cluster]") {
  World world;
  world.VectorStore();
  world.terminal.person = true;
  world.terminal.answer = "y";
  world.meanwhile = [&] {
    world.SetStatus(kOperations, Ended("False", "Rejected", "there is no StoreSnapshot x"));
  };
  const auto ended = world.Run(kRestore);
  REQUIRE(ended.Is(Errc::kInternal));
  REQUIRE(ended.error().what.find("Rejected: there is no StoreSnapshot x") != std::string::npos);
  REQUIRE(world.terminal.written.find("[y/N]") == std::string::npos);
}

TEST_CASE("requests: without a plan in time the operation stays suspended and is named",
          "[cli][cluster]") {
  World world;
  world.VectorStore();
  const auto ended = world.Run(With(kRestore, {"--yes"}));
  REQUIRE(ended.Is(Errc::kDeadlineExceeded));
  REQUIRE(ExitCodeOf(ended.error()) == 5);
  const json left = world.All(kOperations).at(0);
  REQUIRE(left["spec"]["suspend"] == true);
  REQUIRE(ended.error().hint.find(kube::TextAt(left, "/metadata/name")) != std::string::npos);
}

TEST_CASE("requests: a restore in the place of one that was shown is not let go",
          "[cli][cluster]") {
  World world;
  world.VectorStore();
  bool planned = false;
  world.meanwhile = [&] {
    if (!planned) world.SetStatus(kOperations, Planned());
    planned = true;
  };
  world.api.SetBefore([&](std::string_view verb, const kube::Resource&, const kube::ObjectKey&) {
    if (verb == "patch") return Status(InvalidArgument("test failed"));
    return Status();
  });
  const auto ended = world.Run(With(kRestore, {"--yes"}));
  REQUIRE(ended.Is(Errc::kInvalidArgument));
  REQUIRE(world.All(kOperations).at(0)["spec"]["suspend"] == true);
}

TEST_CASE("requests: a check that finds damage ends with 3", "[cli][cluster]") {
  World world;
  world.VectorStore();
  world.meanwhile = [&] {
    json status = Ended("False", "Failed", "the store is damaged");
    status["result"] = {{"checked", 10}, {"messages", {"record 7: checksum"}}};
    world.SetStatus(kOperations, status);
  };
  const auto answer = world.Run(
      {"verify", "docs", "--pod", "docs-0", "--store", "t/main", "--level", "quick", "--wait"});
  REQUIRE(answer.ok());
  REQUIRE(answer->exit_code == 3);
  REQUIRE(answer->text.find("record 7: checksum") != std::string::npos);
  const auto operation =
      control::ParseResource<control::StoreOperation>(world.All(kOperations).at(0));
  REQUIRE(operation->spec.action.verify->level == control::VerifyLevel::kQuick);
}

TEST_CASE("requests: a check that could not be made is a failure, not damage", "[cli][cluster]") {
  World world;
  world.VectorStore();
  world.meanwhile = [&] {
    world.SetStatus(kOperations, Ended("False", "Rejected", "no such store"));
  };
  const auto answer =
      world.Run({"verify", "docs", "--pod", "docs-0", "--store", "t/main", "--wait"});
  REQUIRE(answer.Is(Errc::kInternal));
}

}  // namespace
}  // namespace pannier::cluster

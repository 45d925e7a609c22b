// Goal: a restore that cannot be done says why and what to do, as early as it can, and is not tried
// the same way again. Method: a machine whose repository has lost or damaged chunks.
#include <algorithm>
#include <catch2/catch.hpp>
#include <filesystem>
#include <fstream>
#include <set>

#include "tests/daemon/operations/machine.h"

namespace pannier::operations {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

constexpr char kHome[] = "default_tenant/home";

bool Mentions(const json& text, const std::string& part) {
  return text.dump().find(part) != std::string::npos;
}

class Play {
 public:
  Play() {
    machine.Start();
    machine.CreateDatabase("home");
    machine.Write("home", "docs", 0, 20, "first");
    machine.Do({{"action", "repositoryInit"}, {"repository", "r"}});
  }
  std::string Snapshot(const std::string& store) {
    return machine.Do({{"action", "snapshot"}, {"store", store}, {"repository", "r"}})["uid"];
  }
  std::set<fs::path> Chunks() {
    std::set<fs::path> chunks;
    const fs::path root = machine.files().root() / "repository" / "chunks";
    for (const auto& entry : fs::recursive_directory_iterator(root)) {
      if (entry.is_regular_file()) chunks.insert(entry.path());
    }
    return chunks;
  }
  // A chunk that only a new snapshot of `store` has.
  fs::path NewChunk(const std::string& store, std::string* uid) {
    const std::set<fs::path> before = Chunks();
    *uid = Snapshot(store);
    for (const fs::path& each : Chunks()) {
      if (!before.contains(each)) return each;
    }
    FAIL("the snapshot has no chunk of its own");
    return {};
  }
  json Restore(const json& more) {
    json body = {{"action", "restore"}, {"repository", "r"}};
    body.update(more);
    const auto uid = machine.Submit(body);
    return uid ? machine.Await(*uid) : json(nullptr);
  }

  Machine machine;
};

TEST_CASE("restore: a snapshot with a broken chunk is named and not chosen again",
          "[daemon][operations][fault]") {
  const bool is_lost = GENERATE(false, true);
  Play play;
  const std::string older = play.Snapshot(kHome);
  play.machine.Write("home", "docs", 20, 5, "second");
  std::string newer;
  const fs::path chunk = play.NewChunk(kHome, &newer);
  if (is_lost) fs::remove(chunk);
  if (!is_lost) std::ofstream(chunk, std::ios::trunc) << "harm";
  const json failed = play.Restore({{"store", kHome}, {"latest", true}});
  CAPTURE(failed.dump());
  REQUIRE(failed["state"] == "Failed");
  REQUIRE(failed["error"]["error"] == "corruption");
  REQUIRE(Mentions(failed["error"]["message"], newer));
  REQUIRE_FALSE(failed["error"]["hint"].get<std::string>().empty());
  const json again = play.Restore({{"store", kHome}, {"latest", true}});
  CAPTURE(again.dump());
  REQUIRE(again["state"] == "Succeeded");
  REQUIRE(again["plan"]["source"]["snapshot"] == older);
}

TEST_CASE("restore: of all, every store that failed is named, and its part has ended",
          "[daemon][operations][fault]") {
  Play play;
  play.Snapshot(kHome);
  std::string uid;
  for (const char* name : {"second", "third"}) {
    play.machine.CreateDatabase(name);
    play.machine.Write(name, "docs", 0, 20, name);
    fs::remove(play.NewChunk(std::string("default_tenant/") + name, &uid));
  }
  const json ended = play.Restore({{"all", true}});
  CAPTURE(ended.dump());
  REQUIRE(ended["state"] == "Failed");
  REQUIRE(Mentions(ended["error"]["message"], "restored 1 of 3"));
  REQUIRE(Mentions(ended["error"]["message"], "default_tenant/second, default_tenant/third"));
  int failed = 0;
  const std::vector<json> listed = play.machine.executor().List(100).value();
  for (const json& each : listed) {
    CAPTURE(each.dump());
    REQUIRE(each["state"] != "Running");
    const bool is_part = each["state"] == "Failed" && each["uid"] != ended["uid"];
    if (!is_part) continue;
    ++failed;
    REQUIRE(Mentions(each["error"]["message"], "snapshot "));
    REQUIRE(each["endedAt"] >= each["createdAt"]);
  }
  REQUIRE(failed == 2);
}

TEST_CASE("restore: a part that died with the daemon has ended after the next start",
          "[daemon][operations]") {
  Play play;
  store::JournalEntry part;
  part.uid = Uuid::Random();
  part.request = R"({"action":"restore","store":"default_tenant/home","repository":"r"})";
  part.state = ToString(State::kRunning);
  part.ended = true;
  part.created = part.changed = SystemClock().Now();
  play.machine.stores().journal().Add(part).value();
  play.machine.Stop();
  play.machine.Start();
  REQUIRE(play.machine.executor().Show(part.uid).value()["state"] == "Failed");
}

TEST_CASE("restore: names that the API refuses are refused before any work",
          "[daemon][operations]") {
  Play play;
  const std::string uid = play.Snapshot(kHome);
  for (const char* name : {"f4", "../evil", "bad\x7f", "1.2.3.4"}) {
    const std::string to = std::string("default_tenant/") + name;
    CAPTURE(to);
    for (const char* action : {"fork", "restore", "import"}) {
      json body = {{"action", action}, {"store", kHome}, {"to", to}};
      if (body["action"] == "restore") body.update({{"repository", "r"}, {"latest", true}});
      if (body["action"] == "import") {
        body = {{"action", action}, {"store", to}, {"directory", "/nowhere"}};
      }
      const auto taken = play.machine.executor().Submit(Uuid::Random(), body.dump());
      REQUIRE(taken.Is(Errc::kInvalidArgument));
      REQUIRE(taken.error().what.find("the member") != std::string::npos);
    }
    const json ended = play.Restore({{"store", to}, {"snapshot", uid}});
    CAPTURE(ended.dump());
    REQUIRE(ended["error"]["error"] == "invalid argument");
  }
}

TEST_CASE("restore: a collection that the snapshot does not have is told by the plan",
          "[daemon][operations]") {
  Play play;
  play.Snapshot(kHome);
  const json ended =
      play.Restore({{"store", kHome}, {"latest", true}, {"collection", "nocol"}, {"dryRun", true}});
  CAPTURE(ended.dump());
  REQUIRE(ended["state"] == "Failed");
  REQUIRE(Mentions(ended["error"]["message"], "nocol"));
}

TEST_CASE("restore: what the disk has no room for is refused before it is fetched",
          "[daemon][operations]") {
  Play play;
  const std::string uid = play.Snapshot(kHome);
  play.machine.Stop();
  play.machine.spool_reserve_bytes = 1ull << 60;
  play.machine.Start();
  for (const json& body : std::vector<json>{
           {{"action", "restore"}, {"store", kHome}, {"repository", "r"}, {"latest", true}},
           {{"action", "snapshotVerify"}, {"repository", "r"}, {"snapshot", uid}}}) {
    const json ended = play.machine.Await(play.machine.Submit(body).value());
    CAPTURE(ended.dump());
    REQUIRE(ended["state"] == "Failed");
    REQUIRE(Mentions(ended["error"]["message"], "a reserve are needed"));
    REQUIRE_FALSE(ended["error"]["hint"].get<std::string>().empty());
  }
}

}  // namespace
}  // namespace pannier::operations

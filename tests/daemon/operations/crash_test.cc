// Goal: an operation that dies, or meets a fault, at any call of the disk or the repository leaves
// the old or the new, never a mixture; it goes on at the next start by itself and succeeds; nothing
// that was acknowledged is lost, every snapshot that exists is whole, and nothing is left over.
// Method: each action on a small machine (machine.h); the n-th call and all after it fail, then the
// power is cut and the machine starts again; or the n-th call alone fails, of the disk or of the
// repository, also with only its answer lost. PANNIER_SEED replays a run, PANNIER_TORTURE_ROUNDS
// makes it longer.
#include <catch2/catch.hpp>

#include "tests/daemon/operations/machine.h"
#include "tests/support/torture.h"

namespace pannier::operations {
namespace {

using nlohmann::json;

constexpr char kHome[] = "default_tenant/home";
constexpr char kOther[] = "default_tenant/other";

// What the databases hold before, and after the action has succeeded.
class Play {
 public:
  explicit Play(const std::string& action) : action_(action) {
    machine_.Start();
    machine_.CreateDatabase("home");
    machine_.CreateDatabase("other");
    machine_.Write("home", "a", 0, 10, "first");
    machine_.Write("home", "b", 0, 3, "first");
    machine_.Write("other", "a", 5, 10, "other");
    machine_.Do({{"action", "repositoryInit"}, {"repository", "r"}});
    if (action_ == "import") {
      machine_.Do({{"action", "export"}, {"store", kOther}, {"file", ExportFile()}});
    }
    snapshot_ = machine_.Do(Snapshot())["uid"];
    at_snapshot_ = *machine_.Read("home");
    machine_.Write("home", "a", 8, 10, "second");
    machine_.Write("home", "b", 0, 1, "second");
    before_ = *machine_.Read("home");
    other_ = *machine_.Read("other");
  }

  Machine& machine() { return machine_; }

  json Body() {
    if (action_ == "snapshot") return Snapshot();
    if (action_ == "restore") return Restore();
    if (action_ == "collection") {
      json body = Restore();
      body["collection"] = "b";
      return body;
    }
    if (action_ == "restoreTo") {
      json body = Restore();
      body["to"] = "default_tenant/copy";
      return body;
    }
    if (action_ == "restoreAll") return {{"action", "restore"}, {"repository", "r"}, {"all", true}};
    if (action_ == "fork") {
      return {{"action", "fork"}, {"store", kHome}, {"to", "default_tenant/copy"}};
    }
    if (action_ == "merge") {
      return {{"action", "merge"}, {"store", kHome}, {"from", kOther}};
    }
    if (action_ == "salvage") {
      return {{"action", "salvage"}, {"store", kHome}, {"repository", "r"}};
    }
    if (action_ == "import") {
      return {{"action", "import"}, {"store", "default_tenant/copy"}, {"directory", ExportFile()}};
    }
    if (action_ == "repositoryGc") {
      return {{"action", "repositoryGc"}, {"repository", "r"}, {"keep", {{"last", 1}}}};
    }
    return {{"action", action_}, {"store", kHome}};
  }

  // The content of home and of copy once it has succeeded.
  std::pair<std::optional<Content>, std::optional<Content>> After() const {
    if (action_ == "quarantine") return {};
    Content home = before_;
    if (action_ == "restore" || action_ == "restoreAll") home = at_snapshot_;
    if (action_ == "collection") home["b"] = at_snapshot_.at("b");
    if (action_ == "merge") {
      for (const auto& [id, document] : other_.at("a")) home["a"].emplace(id, document);
    }
    std::optional<Content> copy;
    if (action_ == "restoreTo") copy = at_snapshot_;
    if (action_ == "fork") copy = before_;
    if (action_ == "import") copy = other_;
    return {home, copy};
  }

  // Old or new; new if it was said to have succeeded. True when it is new.
  bool Judge(bool succeeded) {
    const auto [home, copy] = After();
    const std::optional<Content> now = machine_.Read("home"), copy_now = machine_.Read("copy");
    const bool is_new = now == home && copy_now == copy;
    const bool is_old = now == before_ && !copy_now;
    if (succeeded) REQUIRE(is_new);
    REQUIRE((is_new || is_old));
    REQUIRE(machine_.Read("other") == other_);
    return is_new;
  }

  // All snapshots are whole, nothing is left behind, and operations go on.
  void Finish() {
    const auto repository =
        machine_.services()
            .repositories.Open("r", SystemClock().Steady() + std::chrono::seconds(60))
            .value();
    const auto refs =
        repository->List(Uuid(), Uuid(), SystemClock().Steady() + std::chrono::seconds(60)).value();
    REQUIRE(!refs.empty());
    for (const auto& ref : refs) {
      const json found = machine_.Do(
          {{"action", "snapshotVerify"}, {"repository", "r"}, {"snapshot", ref.uid.ToString()}});
      CAPTURE(found.dump());
      REQUIRE(found["sound"] == true);
    }
    if (action_ == "quarantine") GiveBack();
    REQUIRE(machine_.Do({{"action", "verify"}, {"store", kHome}})["sound"] == true);
    const json left = machine_.Do({{"action", "sweep"}, {"graceSeconds", 0}})["found"];
    CAPTURE(left.dump());
    REQUIRE(left.empty());
  }

 private:
  // Of what was put aside nothing is lost.
  void GiveBack() {
    const auto aside = machine_.stores().ListQuarantine().value();
    REQUIRE(aside.size() == 1);
    REQUIRE(machine_.stores().Release(aside[0].store, "default_tenant", "home").ok());
    REQUIRE(machine_.Read("home") == before_);
  }
  std::string ExportFile() { return (machine_.files().root() / "other.jsonl").string(); }
  json Snapshot() const { return {{"action", "snapshot"}, {"store", kHome}, {"repository", "r"}}; }
  json Restore() const {
    return {{"action", "restore"}, {"store", kHome}, {"repository", "r"}, {"snapshot", snapshot_}};
  }

  const std::string action_;
  Machine machine_;
  json snapshot_;
  Content at_snapshot_, before_, other_;
};

const std::vector<std::string>& Actions() {
  static const std::vector<std::string> kActions = {
      "snapshot", "restore",    "restoreTo", "restoreAll", "fork",         "merge",
      "import",   "collection", "compact",   "salvage",    "repositoryGc", "quarantine"};
  return kActions;
}

// How many calls of the disk and of the repository the action makes when nothing fails.
std::pair<int, int> CallsOf(const std::string& action) {
  static std::map<std::string, std::pair<int, int>> known;
  const auto found = known.find(action);
  if (found != known.end()) return found->second;
  Play play(action);
  const int disk = play.machine().files().calls(),
            repository = play.machine().repository_fault().calls;
  play.machine().Do(play.Body());
  const std::pair<int, int> calls{play.machine().files().calls() - disk,
                                  play.machine().repository_fault().calls - repository};
  play.Judge(true);
  play.Finish();
  return known[action] = calls;
}

void DieAt(const std::string& action, int n, std::optional<uint64_t> partly) {
  Play play(action);
  Machine& machine = play.machine();
  machine.files().FailFrom(n);
  const auto uid = machine.Submit(play.Body());
  // The end of one that fails cannot be noted; it is taken up again after the restart.
  if (uid) machine.Await(*uid);
  machine.Die(partly);
  machine.Start();
  json ended;
  if (uid) {
    ended = machine.Await(*uid);
    CAPTURE(ended.dump());
    REQUIRE(ended["state"] == "Succeeded");
  }
  if (!play.Judge(uid.has_value())) machine.Do(play.Body());
  play.Finish();
}

void FailAt(const std::string& action, int n, bool repository, bool after) {
  Play play(action);
  Machine& machine = play.machine();
  if (repository) {
    machine.repository_fault().after = after;
    machine.repository_fault().fail_at = machine.repository_fault().calls + n;
  } else {
    machine.files().FailCall(n);
  }
  const auto uid = machine.Submit(play.Body());
  json ended;
  if (uid) ended = machine.Await(*uid);
  machine.files().Heal();
  machine.repository_fault().fail_at = 0;
  // What a failed call has left in doubt, a restart decides.
  machine.Stop();
  machine.Start();
  const bool succeeded = uid && machine.Await(*uid)["state"] == "Succeeded";
  CAPTURE(ended.dump());
  if (!play.Judge(succeeded)) machine.Do(play.Body());
  REQUIRE(play.Judge(true));
  play.Finish();
}

TEST_CASE("operations: dying at any call leaves old or new, and the next start finishes",
          "[daemon][operations][fault][slow]") {
  test::Random random(test::Seed() ^ 11);
  const int rounds = test::Rounds(60);
  for (int round = 0; round < rounds; ++round) {
    const std::string action = Actions()[static_cast<size_t>(round) % Actions().size()];
    const int n = 1 + static_cast<int>(random.Below(CallsOf(action).first));
    std::optional<uint64_t> partly;
    if (random.OneIn(2)) partly = random.Next();
    CAPTURE(test::Seed(), action, n, partly.has_value());
    DieAt(action, n, partly);
  }
}

TEST_CASE("operations: a call of the disk that fails leaves old or new",
          "[daemon][operations][fault][slow]") {
  test::Random random(test::Seed() ^ 12);
  const int rounds = test::Rounds(36);
  for (int round = 0; round < rounds; ++round) {
    const std::string action = Actions()[static_cast<size_t>(round) % Actions().size()];
    const int n = 1 + static_cast<int>(random.Below(CallsOf(action).first));
    CAPTURE(test::Seed(), action, n);
    FailAt(action, n, /*repository=*/false, false);
  }
}

TEST_CASE(
    "operations: a call of the repository that fails, or whose answer is lost, leaves old or "
    "new",
    "[daemon][operations][fault][slow]") {
  test::Random random(test::Seed() ^ 13);
  const std::vector<std::string> actions = {"snapshot",   "restore", "restoreAll",
                                            "collection", "salvage", "repositoryGc"};
  const int rounds = test::Rounds(30);
  for (int round = 0; round < rounds; ++round) {
    const std::string action = actions[static_cast<size_t>(round) % actions.size()];
    const int n = 1 + static_cast<int>(random.Below(CallsOf(action).second));
    const bool after = random.OneIn(2);
    CAPTURE(test::Seed(), action, n, after);
    FailAt(action, n, /*repository=*/true, after);
  }
}

}  // namespace
}  // namespace pannier::operations

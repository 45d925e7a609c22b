// Goal: each uid is done once, in order, within limits, through cancels, crashes and restarts.
// Method: an action that a test lets go on step by step; a journal that outlives executors.
#include "daemon/operations/executor.h"

#include <catch2/catch.hpp>
#include <thread>

#include "tests/daemon/operations/memory_journal.h"

namespace pannier::operations {
namespace {

using nlohmann::json;

// What the actions of one test share. Waits end after a generous time, so that a defect fails a
// test and does not hang it.
class Stage {
 public:
  void Enter(const std::string& name) {
    MutexLock lock(mutex_);
    entered_.push_back(name);
    changed_.NotifyAll();
  }
  bool AwaitEntered(size_t count) {
    MutexLock lock(mutex_);
    for (int i = 0; i < 600 && entered_.size() < count; ++i) {
      changed_.WaitFor(mutex_, std::chrono::milliseconds(50));
    }
    return entered_.size() >= count;
  }
  std::vector<std::string> entered() {
    MutexLock lock(mutex_);
    return entered_;
  }
  std::atomic<bool> open{false};  // actions may end
  std::atomic<bool> fail{false};
  std::atomic<int> happened{0};

 private:
  Mutex mutex_;
  CondVar changed_;
  std::vector<std::string> entered_ GUARDED_BY(mutex_);
};

class FakeAction final : public ActionRunner {
 public:
  explicit FakeAction(Stage& stage) : stage_(stage) {}
  Status Check(const Request& request) override {
    if (request.store->database == "absent") return NotFound("no such store");
    return {};
  }
  std::vector<Hold> Holds(const Request& request) const override {
    return {StoreHold(*request.store), AllStoresHold(true)};
  }
  Result<json> Run(Context& context) override {
    if (context.happened()) ++stage_.happened;
    context.SetPlan({{"store", context.request().store->database}});
    TRY(context.Enter("waiting"));
    stage_.Enter(context.request().store->database);
    const store::Progress progress = context.Progress();
    while (!stage_.open) {
      if (!progress(1, 2)) return DeadlineExceeded("stopped");
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
    if (stage_.fail) return Corruption("it is broken", "mend it");
    return json{{"done", true}};
  }

 private:
  Stage& stage_;
};

class WantsGrants final : public ActionRunner {
 public:
  Status Check(const Request&) override { return {}; }
  std::vector<Hold> Holds(const Request&) const override { return {}; }
  Result<json> Run(Context& context) override {
    std::atomic<int> granted{0};
    std::atomic<bool> told_to_stop{false};
    context.TakeGrants(
        [&](const Grant& grant) -> Status {
          if (grant.url.empty()) return InvalidArgument("no URL");
          ++granted;
          return {};
        },
        [&] { told_to_stop = true; });
    context.SetWants({{"PUT", "chunks/a"}, {"GET", "chunks/b"}});
    while (granted < 2 && !told_to_stop) std::this_thread::sleep_for(std::chrono::milliseconds(1));
    context.SetWants({});
    context.TakeGrants(nullptr, nullptr);
    if (told_to_stop) return DeadlineExceeded("stopped");
    return json{{"grants", granted.load()}};
  }
};

struct Fixture {
  explicit Fixture(ExecutorOptions given = {}) : options(given) { Restart(); }

  void Restart() {
    executor.reset();
    Runners runners;
    runners[Action::kCompact] = std::make_unique<FakeAction>(stage);
    runners[Action::kSweep] = std::make_unique<WantsGrants>();
    executor = std::make_unique<Executor>(journal, std::move(runners), SystemClock(), options,
                                          [this](const Ended&) { ++ended; });
    executor->Start().value();
  }
  static std::string Body(const std::string& store) {
    return R"({"action":"compact","store":"t/)" + store + "\"}";
  }
  Result<Executor::Submitted> Submit(const std::string& store, const Uuid& uid = Uuid::Random()) {
    return executor->Submit(uid, Body(store));
  }
  json Await(const Uuid& uid) {
    for (int i = 0; i < 30'000; ++i) {
      json shown = executor->Show(uid).value();
      if (!shown["endedAt"].is_null()) return shown;
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
    return json{{"state", "never ended"}};
  }

  const ExecutorOptions options;
  MemoryJournal journal;
  Stage stage;
  std::atomic<int> ended{0};
  std::unique_ptr<Executor> executor;
};

TEST_CASE("executor: an operation runs, and is shown with plan, progress and result",
          "[daemon][operations]") {
  Fixture fixture;
  const Uuid uid = Uuid::Random();
  REQUIRE(fixture.Submit("a", uid).value().is_new);
  REQUIRE(fixture.stage.AwaitEntered(1));
  json shown = fixture.executor->Show(uid).value();
  REQUIRE(shown["state"] == "Running");
  REQUIRE(shown["action"] == "compact");
  REQUIRE(shown["store"] == "t/a");
  REQUIRE(shown["progress"]["phase"] == "waiting");
  REQUIRE(shown["plan"]["store"] == "a");
  fixture.stage.open = true;
  shown = fixture.Await(uid);
  REQUIRE(shown["state"] == "Succeeded");
  REQUIRE(shown["result"]["done"] == true);
  REQUIRE(shown["plan"]["store"] == "a");
  REQUIRE(shown["action"] == "compact");
  REQUIRE(shown["error"].is_null());
  REQUIRE_FALSE(shown["startedAt"].is_null());
}

TEST_CASE("executor: a uid is done once; another body under it is refused",
          "[daemon][operations]") {
  Fixture fixture;
  const Uuid uid = Uuid::Random();
  fixture.Submit("a", uid).value();
  const auto again = fixture.Submit("a", uid).value();
  REQUIRE_FALSE(again.is_new);
  REQUIRE(again.operation["uid"] == uid.ToString());
  REQUIRE(fixture.Submit("b", uid).Is(Errc::kConflict));
  fixture.stage.open = true;
  fixture.Await(uid);
  REQUIRE(fixture.Submit("a", uid).value().operation["state"] == "Succeeded");
  REQUIRE(fixture.Submit("b", uid).Is(Errc::kConflict));
  REQUIRE(fixture.stage.entered().size() == 1);
}

TEST_CASE("executor: operations of one store follow each other, those of others pass",
          "[daemon][operations]") {
  Fixture fixture;
  const Uuid last = Uuid::Random();
  fixture.Submit("a").value();
  REQUIRE(fixture.stage.AwaitEntered(1));
  fixture.Submit("a", last).value();
  fixture.Submit("b").value();
  REQUIRE(fixture.stage.AwaitEntered(2));
  REQUIRE(fixture.stage.entered() == std::vector<std::string>{"a", "b"});
  REQUIRE(fixture.executor->Show(last).value()["state"] == "Pending");
  REQUIRE(fixture.executor->running() == 2);
  REQUIRE(fixture.executor->waiting() == 1);
  fixture.stage.open = true;
  REQUIRE(fixture.Await(last)["state"] == "Succeeded");
}

TEST_CASE("executor: one more than may wait is refused, and nothing of it stays",
          "[daemon][operations]") {
  Fixture fixture({.parallel = 1, .waiting_max = 2});
  fixture.Submit("a").value();
  REQUIRE(fixture.stage.AwaitEntered(1));
  fixture.Submit("a").value();
  fixture.Submit("b").value();
  const Uuid refused = Uuid::Random();
  REQUIRE(fixture.Submit("c", refused).Is(Errc::kResourceExhausted));
  REQUIRE(fixture.executor->Show(refused).Is(Errc::kNotFound));
  REQUIRE(fixture.Submit("absent").Is(Errc::kNotFound));
}

TEST_CASE("executor: a cancelled one ends at its next step, a waiting one at once",
          "[daemon][operations]") {
  Fixture fixture;
  const Uuid running = Uuid::Random(), waiting = Uuid::Random();
  fixture.Submit("a", running).value();
  REQUIRE(fixture.stage.AwaitEntered(1));
  fixture.Submit("a", waiting).value();
  fixture.executor->Cancel(waiting).value();
  REQUIRE(fixture.executor->Show(waiting).value()["state"] == "Cancelled");
  fixture.executor->Cancel(running).value();
  const json ended = fixture.Await(running);
  REQUIRE(ended["state"] == "Cancelled");
  REQUIRE(ended["error"]["message"] == "cancelled while it ran");
  fixture.executor->Cancel(running).value();
  REQUIRE(fixture.executor->Cancel(Uuid::Random()).Is(Errc::kNotFound));
  REQUIRE(fixture.stage.entered().size() == 1);
  fixture.executor->Stop();
  REQUIRE(fixture.ended == 2);
}

TEST_CASE("executor: one that fails says why; one that takes too long ends",
          "[daemon][operations]") {
  Fixture fixture;
  const Uuid slow = Uuid::Random();
  fixture.executor->Submit(slow, R"({"action":"compact","store":"t/a","timeoutSeconds":1})")
      .value();
  json shown = fixture.Await(slow);
  REQUIRE(shown["state"] == "Failed");
  REQUIRE(shown["error"]["error"] == "deadline exceeded");
  fixture.stage.open = fixture.stage.fail = true;
  const Uuid broken = Uuid::Random();
  fixture.Submit("b", broken).value();
  shown = fixture.Await(broken);
  REQUIRE(shown["state"] == "Failed");
  REQUIRE(shown["error"]["message"] == "it is broken");
  REQUIRE(shown["error"]["hint"] == "mend it");
}

TEST_CASE("executor: an end that the disk did not take is noted when it takes notes again",
          "[daemon][operations]") {
  Fixture fixture;
  const Uuid uid = Uuid::Random();
  fixture.Submit("a", uid).value();
  REQUIRE(fixture.stage.AwaitEntered(1));
  fixture.journal.failing = true;
  fixture.stage.open = true;
  for (int i = 0; i < 30'000 && fixture.ended == 0; ++i) {
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  REQUIRE(fixture.ended == 1);
  REQUIRE(fixture.executor->Show(uid).value()["endedAt"].is_null());
  fixture.journal.failing = false;
  REQUIRE(fixture.Await(uid)["state"] == "Succeeded");
  const Uuid next = Uuid::Random();
  fixture.Submit("a", next).value();
  REQUIRE(fixture.Await(next)["state"] == "Succeeded");
}

TEST_CASE("executor: what a shutdown ends goes on at the next start, and that is no attempt",
          "[daemon][operations]") {
  Fixture fixture;
  const Uuid first = Uuid::Random(), second = Uuid::Random();
  fixture.Submit("a", first).value();
  REQUIRE(fixture.stage.AwaitEntered(1));
  fixture.Submit("a", second).value();
  fixture.Restart();
  REQUIRE(fixture.stage.AwaitEntered(2));
  REQUIRE(fixture.executor->Show(first).value()["attempts"] == 1);
  fixture.stage.open = true;
  REQUIRE(fixture.Await(first)["state"] == "Succeeded");
  REQUIRE(fixture.Await(second)["state"] == "Succeeded");
  REQUIRE(fixture.stage.entered() == std::vector<std::string>{"a", "a", "a"});
}

// An entry as a killed process leaves it.
store::JournalEntry Abandoned(const Uuid& uid, uint32_t attempts) {
  store::JournalEntry entry;
  entry.uid = uid;
  entry.request = ParseRequest(uid, Fixture::Body("a")).value().canonical;
  entry.state = "Running";
  entry.attempts = attempts;
  return entry;
}

TEST_CASE("executor: what a crash ended is run again, but not for ever", "[daemon][operations]") {
  Fixture fixture;
  const Uuid again = Uuid::Random(), given_up = Uuid::Random(), happened = Uuid::Random(),
             unreadable = Uuid::Random();
  fixture.journal.Add(Abandoned(again, 2)).value();
  fixture.journal.Add(Abandoned(given_up, 3)).value();
  fixture.journal.Add(Abandoned(happened, 3)).value();
  fixture.journal.SetHappened(happened);
  store::JournalEntry strange = Abandoned(unreadable, 0);
  strange.request = R"({"action":"dance"})";
  fixture.journal.Add(strange).value();
  fixture.stage.open = true;
  fixture.Restart();
  REQUIRE(fixture.Await(again)["state"] == "Succeeded");
  REQUIRE(fixture.Await(happened)["state"] == "Succeeded");
  REQUIRE(fixture.stage.happened == 1);
  REQUIRE(fixture.Await(given_up)["state"] == "Failed");
  REQUIRE(fixture.Await(given_up)["error"]["message"].get<std::string>().find("given up") == 0);
  REQUIRE(fixture.Await(unreadable)["state"] == "Failed");
}

TEST_CASE("executor: a lower epoch than one seen is refused", "[daemon][operations]") {
  Fixture fixture;
  fixture.stage.open = true;
  const auto with_epoch = [&](int epoch) {
    return fixture.executor->Submit(
        Uuid::Random(),
        R"({"action":"compact","store":"t/a","epoch":)" + std::to_string(epoch) + "}");
  };
  REQUIRE(with_epoch(5).ok());
  REQUIRE(with_epoch(4).Is(Errc::kPermissionDenied));
  REQUIRE(with_epoch(5).ok());
  // A person is no leader.
  REQUIRE(fixture.executor->Submit(Uuid::Random(), R"({"action":"compact","store":"t/a"})").ok());
}

TEST_CASE("executor: who leads no more cancels nothing and grants nothing",
          "[daemon][operations]") {
  Fixture fixture;
  const Uuid uid = Uuid::Random();
  fixture.executor->Submit(uid, R"({"action":"compact","store":"t/a","epoch":5})").value();
  REQUIRE(fixture.executor->Cancel(uid, 4).Is(Errc::kPermissionDenied));
  REQUIRE(fixture.executor->GiveGrants(uid, {}, 4).Is(Errc::kPermissionDenied));
  REQUIRE(fixture.executor->Show(uid).value()["endedAt"].is_null());
  // A newer leader is heard, and is then the newest for requests too.
  REQUIRE(fixture.executor->GiveGrants(uid, {}, 6).Is(Errc::kConflict));
  REQUIRE(fixture.executor->Submit(uid, R"({"action":"compact","store":"t/a","epoch":5})")
              .Is(Errc::kPermissionDenied));
  fixture.executor->Cancel(uid, 6).value();
  REQUIRE(fixture.Await(uid)["state"] == "Cancelled");
  fixture.executor->Cancel(uid).value();
}

TEST_CASE("executor: grants that were asked for are handed over", "[daemon][operations]") {
  Fixture fixture;
  const Uuid uid = Uuid::Random();
  REQUIRE(fixture.executor->GiveGrants(uid, {}).Is(Errc::kConflict));
  fixture.executor->Submit(uid, R"({"action":"sweep"})").value();
  json shown;
  for (int i = 0; i < 30'000 && shown["state"] != "AwaitingGrants"; ++i) {
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
    shown = fixture.executor->Show(uid).value();
  }
  REQUIRE(shown["wants"].size() == 2);
  REQUIRE(shown["wants"][0]["key"] == "chunks/a");
  REQUIRE(
      fixture.executor->GiveGrants(uid, {{"PUT", "chunks/a", "", {}}}).Is(Errc::kInvalidArgument));
  fixture.executor->GiveGrants(uid, {{"PUT", "chunks/a", "https://x/a", WallTime::max()}}).value();
  fixture.executor->GiveGrants(uid, {{"GET", "chunks/b", "https://x/b", WallTime::max()}}).value();
  REQUIRE(fixture.Await(uid)["result"]["grants"] == 2);

  const Uuid cancelled = Uuid::Random();
  fixture.executor->Submit(cancelled, R"({"action":"sweep"})").value();
  fixture.executor->Cancel(cancelled).value();
  REQUIRE(fixture.Await(cancelled)["state"] == "Cancelled");
}

TEST_CASE("executor: the list has the newest first, and only so many that have ended",
          "[daemon][operations]") {
  Fixture fixture({.history = 5});
  fixture.stage.open = true;
  Uuid last;
  for (int i = 0; i < 12; ++i) fixture.Submit("a", last = Uuid::Random()).value();
  fixture.Await(last);
  fixture.Restart();  // whose stop waits for what the last one still notes
  const auto list = fixture.executor->List(100).value();
  REQUIRE(list.size() == 5);
  REQUIRE(list.front()["uid"] == last.ToString());
  REQUIRE(fixture.executor->List(2).value().size() == 2);
}

}  // namespace
}  // namespace pannier::operations

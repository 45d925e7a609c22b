// Goal: every key is looked at, none twice at once, failures come back, and a stopped controller is
// still.
#include "operator/kube/controller.h"

#include <atomic>
#include <catch2/catch.hpp>
#include <map>

#include "tests/support/torture.h"

namespace pannier::kube {
namespace {

using std::chrono::milliseconds;

ObjectKey Key(int number) { return {"ns", std::to_string(number)}; }

std::vector<ObjectKey> Keys(int count) {
  std::vector<ObjectKey> keys;
  for (int i = 0; i < count; ++i) keys.push_back(Key(i));
  return keys;
}

template <typename Condition>
bool Await(Condition holds) {
  const auto until = std::chrono::steady_clock::now() + std::chrono::seconds(20);
  while (!holds() && std::chrono::steady_clock::now() < until) std::this_thread::yield();
  return holds();
}

TEST_CASE("controller: all keys are looked at when it starts, and again when it starts again",
          "[operator][kube]") {
  std::atomic<int> runs{0};
  Controller controller(
      {.name = "test"}, SystemClock(), {}, [] { return Keys(20); },
      [&](const ObjectKey&) -> Result<Action> {
        ++runs;
        return Action::AwaitChange();
      });
  controller.Enqueue(Key(1));  // ignored: it does not run
  controller.Start();
  REQUIRE(Await([&] { return runs == 20; }));
  controller.Stop();
  controller.Enqueue(Key(1));
  REQUIRE(runs == 20);
  controller.Start();
  REQUIRE(Await([&] { return runs == 40; }));
}

TEST_CASE("controller: a key never runs twice at once, and no change of it is lost",
          "[operator][kube]") {
  Mutex mutex;
  std::map<ObjectKey, bool> running;
  std::map<ObjectKey, int> wanted, seen;
  std::atomic<bool> overlapped{false};
  Controller controller(
      {.name = "test", .workers = 4}, SystemClock(), {}, [] { return Keys(0); },
      [&](const ObjectKey& key) -> Result<Action> {
        int state = 0;
        {
          MutexLock lock(mutex);
          overlapped = overlapped || running[key];
          running[key] = true;
          state = wanted[key];
        }
        std::this_thread::yield();
        MutexLock lock(mutex);
        running[key] = false;
        seen[key] = state;
        return Action::AwaitChange();
      });
  controller.Start();
  test::Random random(test::Seed());
  for (int i = 0; i < 3'000; ++i) {
    const ObjectKey key = Key(static_cast<int>(random.Below(5)));
    {
      MutexLock lock(mutex);
      ++wanted[key];
    }
    controller.Enqueue(key);
  }
  REQUIRE(Await([&] {
    MutexLock lock(mutex);
    return seen == wanted;
  }));
  controller.Stop();
  REQUIRE(!overlapped);
}

TEST_CASE("controller: what fails is tried again, what asks for a time is looked at then",
          "[operator][kube]") {
  std::atomic<int> failures{0}, visits{0};
  Controller::Options options{.name = "test"};
  options.backoff = {milliseconds(1), milliseconds(5), milliseconds(1'000)};
  metrics::Registry registry;
  Controller controller(
      options, SystemClock(), RuntimeMetrics(registry), [] { return Keys(2); },
      [&](const ObjectKey& key) -> Result<Action> {
        if (key == Key(0) && ++failures < 4) return Unavailable("not yet");
        if (key == Key(1)) {
          return ++visits < 5 ? Action::After(milliseconds(1)) : Action::AwaitChange();
        }
        return Action::AwaitChange();
      });
  controller.Start();
  REQUIRE(Await([&] { return failures == 4 && visits == 5; }));
  controller.Stop();
  const std::string text = registry.Render();
  const auto has = [&](const std::string& line) {
    return text.find(line + "\n") != std::string::npos;
  };
  REQUIRE(has("controller_runtime_reconcile_total{controller=\"test\",result=\"error\"} 3"));
  REQUIRE(
      has("controller_runtime_reconcile_total{controller=\"test\",result=\"requeue_after\"} 4"));
  REQUIRE(has("controller_runtime_reconcile_total{controller=\"test\",result=\"success\"} 2"));
  REQUIRE(has("controller_runtime_reconcile_errors_total{controller=\"test\"} 3"));
  REQUIRE(has("controller_runtime_reconcile_time_seconds_count{controller=\"test\"} 9"));
  REQUIRE(has("workqueue_retries_total{name=\"test\"} 3"));
  REQUIRE(has("workqueue_depth{name=\"test\"} 0"));
}

TEST_CASE("controller: stopped, it waits for the reconciler that runs", "[operator][kube]") {
  std::atomic<bool> has_begun{false}, may_end{false}, has_ended{false};
  Controller controller(
      {.name = "test"}, SystemClock(), {}, [] { return Keys(1); },
      [&](const ObjectKey&) -> Result<Action> {
        has_begun = true;
        while (!may_end) std::this_thread::yield();
        has_ended = true;
        return Action::AwaitChange();
      });
  controller.Start();
  REQUIRE(Await([&] { return has_begun.load(); }));
  std::jthread ending([&] { may_end = true; });
  controller.Stop();
  REQUIRE(has_ended);
}

TEST_CASE("controller: after the resync time everything is looked at again", "[operator][kube]") {
  std::atomic<int> runs{0};
  Controller::Options options{.name = "test"};
  options.resync = std::chrono::seconds(1);
  Controller controller(
      options, SystemClock(), {}, [] { return Keys(3); },
      [&](const ObjectKey&) -> Result<Action> {
        ++runs;
        return Action::AwaitChange();
      });
  controller.Start();
  REQUIRE(Await([&] { return runs >= 6; }));
}

}  // namespace
}  // namespace pannier::kube

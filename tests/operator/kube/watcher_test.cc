// Goal: the cache becomes and stays what the API has, through expired versions, failures and ends
// of watches; health tells what is wrong.
#include "operator/kube/watcher.h"

#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>
#include <set>

#include "tests/operator/kube/api_suite.h"
#include "tests/support/fake_kube_api.h"
#include "tests/support/torture.h"

namespace pannier::kube {
namespace {

using std::chrono::milliseconds;
using test::kWidgets;
using test::Widget;

struct Fixture {
  test::FakeKubeApi api{SystemClock()};
  Cache cache;
  Mutex mutex;
  std::set<std::string> heard GUARDED_BY(mutex);  // names, by the changes alone
  std::atomic<int> lists{0};
  std::unique_ptr<Watcher> watcher;

  Fixture() {
    Watcher::Options options;
    options.resource = kWidgets;
    options.machine.page_items = 3;
    options.machine.backoff = {milliseconds(2), milliseconds(10), milliseconds(1'000)};
    watcher = std::make_unique<Watcher>(api, cache, SystemClock(), options, RuntimeMetrics(),
                                        [this](const Change& change) { Hear(change); });
  }
  ~Fixture() { watcher->Stop(); }
  void Hear(const Change& change) {
    MutexLock lock(mutex);
    if (change.after) heard.insert(change.after->key.name);
    if (!change.after) heard.erase(change.before->key.name);
  }
  std::set<std::string> Heard() {
    MutexLock lock(mutex);
    return heard;
  }
  void Add(const std::string& name) { REQUIRE(api.Create(kWidgets, Widget("ns", name)).ok()); }
  // Whether the cache comes to hold just what the API has.
  bool Agrees() {
    const auto until = std::chrono::steady_clock::now() + std::chrono::seconds(20);
    while (std::chrono::steady_clock::now() < until) {
      std::map<std::string, std::string> truth, cached;
      REQUIRE(api.List(kWidgets, {"", "", 0, ""},
                       [&](nlohmann::json& item) {
                         truth[TextAt(item, "/metadata/name")] =
                             TextAt(item, "/metadata/resourceVersion");
                       })
                  .ok());
      for (const ObjectPtr& object : cache.All()) {
        cached[object->key.name] = object->resource_version;
      }
      if (truth == cached) return true;
      std::this_thread::yield();
    }
    return false;
  }
};

TEST_CASE("watcher: what was there and what comes is in the cache", "[operator][kube]") {
  Fixture fixture;
  for (const char* name : {"a", "b", "c", "d", "e", "f", "g"}) fixture.Add(name);
  fixture.watcher->Start();
  REQUIRE(fixture.Agrees());
  fixture.Add("h");
  REQUIRE(fixture.api.Delete(kWidgets, {"ns", "a"}, {}).ok());
  REQUIRE(fixture.Agrees());
  const Watcher::Health health = fixture.watcher->health();
  REQUIRE(health.synced);
  REQUIRE(health.error.ok());
  REQUIRE(health.age < std::chrono::seconds(20));
}

TEST_CASE("watcher: what went while the version expired is told as deleted", "[operator][kube]") {
  Fixture fixture;
  fixture.Add("a");
  fixture.Add("b");
  fixture.watcher->Start();
  REQUIRE(fixture.Agrees());
  // Nothing reaches the watcher until the API has forgotten what happened.
  std::atomic<bool> is_away{true};
  std::atomic<int> lists{0};
  fixture.api.SetBefore([&](std::string_view verb, const Resource&, const ObjectKey&) -> Status {
    if (verb == "list") ++lists;
    if (is_away && verb == "watch") return Unavailable("no connection");
    return {};
  });
  fixture.api.EndWatches();
  REQUIRE(fixture.api.Delete(kWidgets, {"ns", "a"}, {}).ok());
  fixture.Add("c");
  fixture.api.Compact();
  is_away = false;
  while (lists == 0) std::this_thread::yield();
  const int after = lists;  // those of Agrees() come on top
  REQUIRE(fixture.Agrees());
  REQUIRE(after == 1);
  REQUIRE(fixture.Heard() == std::set<std::string>{"b", "c"});
}

TEST_CASE("watcher: a refusal shows in its health, and it goes on by itself", "[operator][kube]") {
  Fixture fixture;
  fixture.Add("a");
  std::atomic<bool> is_refused{true};
  fixture.api.SetBefore([&](std::string_view verb, const Resource&, const ObjectKey&) -> Status {
    if (is_refused && verb == "list") return PermissionDenied("list widgets: forbidden");
    return {};
  });
  fixture.watcher->Start();
  while (fixture.watcher->health().error.ok()) std::this_thread::yield();
  REQUIRE(fixture.watcher->health().error.Is(Errc::kPermissionDenied));
  REQUIRE(!fixture.watcher->health().synced);
  is_refused = false;
  while (!fixture.cache.synced()) std::this_thread::yield();
  REQUIRE(fixture.Agrees());
  REQUIRE(fixture.watcher->health().error.ok());
}

TEST_CASE("watcher: the cache agrees in the end, whatever happened", "[operator][kube]") {
  CAPTURE(test::Seed());
  test::Random random(test::Seed());
  for (int round = 0; round < test::Rounds(5); ++round) {
    Fixture fixture;
    std::atomic<uint32_t> fails{0};  // one call in so many; 0: none
    std::atomic<uint32_t> calls{0};
    fixture.api.SetBefore([&](std::string_view verb, const Resource&, const ObjectKey&) -> Status {
      if ((verb != "list" && verb != "watch") || fails == 0) return {};
      return ++calls % fails == 0 ? Status(Unavailable("reset")) : Status();
    });
    fixture.watcher->Start();
    for (int step = 0; step < 300; ++step) {
      const std::string name = std::to_string(random.Below(15));
      const auto found = fixture.api.Get(kWidgets, {"ns", name});
      if (!found.ok()) {
        fixture.Add(name);
      } else if (random.OneIn(2)) {
        REQUIRE(fixture.api.Delete(kWidgets, {"ns", name}, {}).ok());
      } else {
        nlohmann::json changed = *found;
        changed["spec"]["size"] = random.Next() % 1'000;
        REQUIRE(fixture.api.Update(kWidgets, changed).ok());
      }
      if (random.OneIn(20)) fixture.api.EndWatches();
      if (random.OneIn(40)) fixture.api.Compact();
      if (random.OneIn(20)) fails = static_cast<uint32_t>(random.Below(4));
    }
    fails = 0;
    // A watch may tell again what a list has said; who hears it agrees once that is through.
    const auto until = std::chrono::steady_clock::now() + std::chrono::seconds(20);
    bool agrees = false;
    while (!agrees && std::chrono::steady_clock::now() < until) {
      REQUIRE(fixture.Agrees());
      std::set<std::string> names;
      for (const ObjectPtr& object : fixture.cache.All()) names.insert(object->key.name);
      agrees = fixture.Heard() == names;
    }
    REQUIRE(agrees);
  }
}

}  // namespace
}  // namespace pannier::kube

#include "tests/operator/kube/api_suite.h"

#include <catch2/catch.hpp>
#include <set>
#include <thread>
#include <vector>

#include "lib/core/mutex.h"

namespace pannier::test {

using kube::Api;
using kube::ObjectKey;
using kube::TextAt;
using Json = nlohmann::json;

Json Widget(const std::string& ns, const std::string& name, int size) {
  return {{"apiVersion", kWidgets.ApiVersion()},
          {"kind", kWidgets.kind},
          {"metadata", {{"namespace", ns}, {"name", name}}},
          {"spec", {{"size", size}}}};
}

namespace {

// Collects events until there are enough.
class Collector final : public kube::WatchSink {
 public:
  struct Event {
    Type type;
    std::string name, version;
  };
  void OnOpen() override { opened = true; }
  void OnEvent(Type type, Json& object) override {
    MutexLock lock(mutex_);
    version_ = TextAt(object, "/metadata/resourceVersion");
    if (type == Type::kBookmark) return;
    events_.push_back({type, TextAt(object, "/metadata/name"), version_});
    changed_.NotifyAll();
  }
  // Whether `count` events came within a generous time.
  bool Await(size_t count) {
    const auto until = std::chrono::steady_clock::now() + std::chrono::seconds(20);
    MutexLock lock(mutex_);
    while (events_.size() < count && std::chrono::steady_clock::now() < until) {
      changed_.WaitFor(mutex_, std::chrono::milliseconds(100));
    }
    return events_.size() >= count;
  }
  std::vector<Event> events() {
    MutexLock lock(mutex_);
    return events_;
  }
  std::atomic<bool> opened{false};

 private:
  Mutex mutex_;
  CondVar changed_;
  std::vector<Event> events_ GUARDED_BY(mutex_);
  std::string version_ GUARDED_BY(mutex_);
};

std::string VersionOf(const Json& object) { return TextAt(object, "/metadata/resourceVersion"); }
std::string UidOf(const Json& object) { return TextAt(object, "/metadata/uid"); }

}  // namespace

void TestReadsAndWrites(Api& api, const std::string& ns) {
  const ObjectKey key{ns, "one"};
  REQUIRE(api.Get(kWidgets, key).Is(Errc::kNotFound));
  const Json created = api.Create(kWidgets, Widget(ns, "one", 3)).value();
  REQUIRE(!UidOf(created).empty());
  REQUIRE(api.Create(kWidgets, Widget(ns, "one")).Is(Errc::kConflict));
  const Json read = api.Get(kWidgets, key).value();
  REQUIRE(read["spec"]["size"] == 3);
  REQUIRE(UidOf(read) == UidOf(created));

  Json changed = read;
  changed["spec"]["size"] = 4;
  const Json stored = api.Update(kWidgets, changed).value();
  REQUIRE(VersionOf(stored) != VersionOf(read));
  REQUIRE(stored["metadata"]["generation"] == 2);
  REQUIRE(api.Update(kWidgets, changed).Is(Errc::kConflict));  // of the version before

  Json unnamed = Widget(ns, "");
  unnamed["metadata"].erase("name");
  unnamed["metadata"]["generateName"] = "some-";
  const Json generated = api.Create(kWidgets, unnamed).value();
  REQUIRE(TextAt(generated, "/metadata/name").starts_with("some-"));

  REQUIRE(api.Delete(kWidgets, key, {}).ok());
  REQUIRE(api.Delete(kWidgets, key, {}).Is(Errc::kNotFound));
  REQUIRE(kube::DeleteIfPresent(api, kWidgets, key, {}).ok());
  REQUIRE(api.Get(kWidgets, key).Is(Errc::kNotFound));
}

void TestPreconditions(Api& api, const std::string& ns) {
  const ObjectKey key{ns, "two"};
  const Json first = api.Create(kWidgets, Widget(ns, "two")).value();
  REQUIRE(
      api.Delete(kWidgets, key, {"0b5a4f3c-0000-4000-8000-000000000000", ""}).Is(Errc::kConflict));
  REQUIRE(api.Delete(kWidgets, key, {UidOf(first), "1"}).Is(Errc::kConflict));
  REQUIRE(api.Delete(kWidgets, key, {UidOf(first), VersionOf(first)}).ok());
  // Another of the same name is not the one that was meant.
  const Json second = api.Create(kWidgets, Widget(ns, "two")).value();
  REQUIRE(api.Delete(kWidgets, key, {UidOf(first), ""}).Is(Errc::kConflict));
  REQUIRE(api.Get(kWidgets, key).ok());

  const Json wrong = Json::array({{{"op", "test"}, {"path", "/spec/size"}, {"value", 7}},
                                  {{"op", "replace"}, {"path", "/spec/size"}, {"value", 8}}});
  REQUIRE(api.PatchJson(kWidgets, key, wrong).Is(Errc::kInvalidArgument));
  const Json right = Json::array({{{"op", "test"}, {"path", "/spec/size"}, {"value", 1}},
                                  {{"op", "replace"}, {"path", "/spec/size"}, {"value", 8}}});
  REQUIRE(api.PatchJson(kWidgets, key, right).value()["spec"]["size"] == 8);
}

void TestFinalizers(Api& api, const std::string& ns) {
  const ObjectKey key{ns, "three"};
  const std::string ours = "pannier.dev/test", other = "pannier.dev/other";
  const Json fresh = api.Create(kWidgets, Widget(ns, "three")).value();
  REQUIRE(kube::AddFinalizer(api, kWidgets, fresh, ours).ok());
  REQUIRE(kube::AddFinalizer(api, kWidgets, fresh, other).Is(Errc::kConflict));  // it has changed
  Json held = api.Get(kWidgets, key).value();
  REQUIRE(kube::AddFinalizer(api, kWidgets, held, ours).ok());  // nothing to do
  REQUIRE(kube::AddFinalizer(api, kWidgets, held, other).ok());
  REQUIRE(api.Delete(kWidgets, key, {UidOf(fresh), ""}).ok());
  held = api.Get(kWidgets, key).value();
  REQUIRE(!TextAt(held, "/metadata/deletionTimestamp").empty());
  REQUIRE(held["metadata"]["finalizers"].size() == 2);

  REQUIRE(kube::RemoveFinalizer(api, kWidgets, held, ours).ok());
  // By the old list the other one would be at place 1: the test of the patch sees that it is not.
  REQUIRE(kube::RemoveFinalizer(api, kWidgets, held, other).Is(Errc::kConflict));
  REQUIRE(kube::RemoveFinalizer(api, kWidgets, api.Get(kWidgets, key).value(), other).ok());
  REQUIRE(api.Get(kWidgets, key).Is(Errc::kNotFound));
  REQUIRE(kube::RemoveFinalizer(api, kWidgets, held, other).ok());
}

void TestApplyAndStatus(Api& api, const std::string& ns) {
  const ObjectKey key{ns, "four"};
  Json wanted = Widget(ns, "four", 5);
  wanted["metadata"]["labels"] = {{"a", "1"}, {"b", "2"}};
  const Json made = api.Apply(kWidgets, key, wanted, true).value();
  REQUIRE(made["spec"]["size"] == 5);
  // The same again changes nothing, what is left out is taken back.
  REQUIRE(VersionOf(api.Apply(kWidgets, key, wanted, true).value()) == VersionOf(made));
  wanted["metadata"]["labels"].erase("b");
  const Json less = api.Apply(kWidgets, key, wanted, true).value();
  REQUIRE(less["metadata"]["labels"] == Json{{"a", "1"}});

  const Json status = {{"phase", "good"}, {"count", 2}};
  const Json with = api.PatchStatus(kWidgets, key, VersionOf(less), status).value();
  REQUIRE(with["status"] == status);
  REQUIRE(with["spec"]["size"] == 5);
  REQUIRE(with["metadata"]["generation"] == less["metadata"]["generation"]);
  REQUIRE(api.PatchStatus(kWidgets, key, VersionOf(less), status).Is(Errc::kConflict));
  const Json dropped = api.PatchStatus(kWidgets, key, "", {{"phase", nullptr}}).value();
  REQUIRE(dropped["status"] == Json{{"count", 2}});
  // The same status again is no write.
  REQUIRE(VersionOf(api.PatchStatus(kWidgets, key, "", {{"count", 2}}).value()) ==
          VersionOf(dropped));
  REQUIRE(api.PatchStatus(kWidgets, {ns, "none"}, "", status).Is(Errc::kNotFound));
}

void TestPagesAndSelectors(Api& api, const std::string& ns) {
  for (int i = 0; i < 7; ++i) {
    Json widget = Widget(ns, "w" + std::to_string(i), i);
    widget["metadata"]["labels"] = {{"parity", i % 2 == 0 ? "even" : "odd"}};
    REQUIRE(api.Create(kWidgets, widget).ok());
  }
  kube::ListRequest request{ns, "", 3, ""};
  std::set<std::string> names;
  int pages = 0;
  kube::ListPage page;
  do {
    page = api.List(kWidgets, request,
                    [&](Json& item) { names.insert(TextAt(item, "/metadata/name")); })
               .value();
    request.continue_token = page.continue_token;
    ++pages;
  } while (!page.continue_token.empty());
  REQUIRE(pages == 3);
  REQUIRE(names.size() == 7);
  REQUIRE(!page.resource_version.empty());

  const auto count = [&](const std::string& selector) {
    int items = 0;
    REQUIRE(api.List(kWidgets, {ns, selector, 500, ""}, [&](Json&) { ++items; }).ok());
    return items;
  };
  REQUIRE(count("parity=even") == 4);
  REQUIRE(count("parity,parity!=even") == 3);
  REQUIRE(count("other") == 0);
}

void TestWatch(Api& api, const std::string& ns) {
  using Type = kube::WatchSink::Type;
  const kube::ListPage page = api.List(kWidgets, {ns, "", 500, ""}, [](Json&) {}).value();
  kube::WatchRequest request{ns, "", page.resource_version, std::chrono::seconds(60)};
  Collector seen;
  {
    std::jthread watching([&](const std::stop_token& stop) {
      REQUIRE(api.Watch(kWidgets, request, seen, stop).ok());
    });
    Json widget = api.Create(kWidgets, Widget(ns, "seen")).value();
    widget["spec"]["size"] = 9;
    REQUIRE(api.Update(kWidgets, widget).ok());
    REQUIRE(api.Delete(kWidgets, {ns, "seen"}, {}).ok());
    REQUIRE(seen.Await(3));
  }  // and the watch ends when it is told to
  REQUIRE(seen.opened);
  const auto events = seen.events();
  REQUIRE(events.size() == 3);
  REQUIRE(events[0].type == Type::kAdded);
  REQUIRE(events[1].type == Type::kModified);
  REQUIRE(events[2].type == Type::kDeleted);
  REQUIRE(events[1].name == "seen");

  // Resumed behind the first event, it tells the rest, once; and it ends by itself.
  request.resource_version = events[0].version;
  request.timeout = std::chrono::seconds(1);
  Collector rest;
  REQUIRE(api.Watch(kWidgets, request, rest, {}).ok());
  REQUIRE(rest.events().size() == 2);
  REQUIRE(rest.events()[0].version == events[1].version);
}

}  // namespace pannier::test

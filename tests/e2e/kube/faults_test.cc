// Goal: what operator-side clients of an API server must survive: none of it loses an event, lists
// more than needed, waits longer than it says, or is told as something else.
// Method: a real API server behind `kubectl proxy` (which takes TLS off) behind a proxy of faults.
#include <signal.h>

#include <catch2/catch.hpp>
#include <map>
#include <nlohmann/json.hpp>
#include <thread>

#include "operator/kube/watcher.h"
#include "tests/e2e/kube/cluster.h"
#include "tests/e2e/kube/process.h"
#include "tests/operator/kube/api_suite.h"
#include "tests/support/fault_proxy.h"
#include "tests/support/temp_dir.h"
#include "tests/support/torture.h"

namespace pannier::kube {
namespace {

using Json = nlohmann::json;
using std::chrono::milliseconds;
using std::chrono::seconds;
using test::Eventually;
using test::Fault;
using test::kWidgets;
using test::SharedCluster;
using test::Widget;

bool IsWatch(const test::FaultProxy::Request& request) {
  return request.target.find("watch=true") != std::string::npos;
}
bool IsList(const std::string& request) {
  return request.find("/widgets?limit=") != std::string::npos;
}

struct Faulty {
  test::TempDir dir;
  test::Process kubectl{{test::Cluster::Programs() / "kubectl", "--kubeconfig",
                         SharedCluster().kubeconfig(), "proxy", "--disable-filter=true",
                         "--unix-socket=" + (dir / "s").string()}};
  test::FaultProxy proxy{dir / "s"};
  std::string ns = SharedCluster().NewNamespace();
  std::unique_ptr<ApiServer> direct = SharedCluster().Connect();
  std::unique_ptr<ApiServer> api = Connect({});
  Cache cache;
  std::unique_ptr<Watcher> watcher;

  Faulty() {
    REQUIRE(Eventually([&] { return api->GetPath("/version").ok(); }));
    proxy.Reset();
  }
  ~Faulty() {
    if (watcher) watcher->Stop();
  }
  std::unique_ptr<ApiServer> Connect(ApiServer::Options options) const {
    Access access;
    access.server = proxy.endpoint();
    return SharedCluster().ConnectBy(access, std::move(options));
  }
  void Watch(seconds server_timeout = seconds(290)) {
    Watcher::Options options;
    options.resource = kWidgets;
    options.ns = ns;
    options.server_timeout = server_timeout;
    options.machine.backoff = {milliseconds(20), milliseconds(200), seconds(10)};
    watcher =
        std::make_unique<Watcher>(*api, cache, SystemClock(), options, RuntimeMetrics(), nullptr);
    watcher->Start();
  }
  void Add(const std::string& name) { REQUIRE(direct->Create(kWidgets, Widget(ns, name)).ok()); }
  bool Agrees() {
    return Eventually([&] {
      std::map<std::string, std::string> truth, cached;
      const auto page = direct->List(kWidgets, {ns, "", 500, ""}, [&](Json& item) {
        truth[TextAt(item, "/metadata/name")] = TextAt(item, "/metadata/resourceVersion");
      });
      for (const ObjectPtr& object : cache.All()) {
        cached[object->key.name] = object->resource_version;
      }
      return page.ok() && cache.synced() && truth == cached;
    });
  }
  int Lists() const {
    int lists = 0;
    for (const std::string& request : proxy.requests()) lists += IsList(request) ? 1 : 0;
    return lists;
  }
};

TEST_CASE("faults: 429 is waited for as long as the server says", "[e2e][kube][fault]") {
  Faulty world;
  world.proxy.Spoil(Fault::kTooMany, 1, 2);
  const auto began = std::chrono::steady_clock::now();
  REQUIRE(world.api->GetPath("/version").ok());
  REQUIRE(std::chrono::steady_clock::now() - began >= seconds(2));
  REQUIRE(world.proxy.requests().size() == 3);

  ApiServer::Options options;
  options.timeout = milliseconds(1'500);
  world.proxy.Spoil(Fault::kTooMany, 1, 100);
  REQUIRE(world.Connect(options)->GetPath("/version").Is(Errc::kUnavailable));
}

TEST_CASE("faults: each way to fail has its code, and nothing is sent twice",
          "[e2e][kube][fault]") {
  Faulty world;
  ApiServer::Options options;
  options.timeout = milliseconds(1'000);
  const auto api = world.Connect(options);
  const std::pair<Fault, Errc> kTable[] = {
      {Fault::kStatus500, Errc::kUnavailable},    {Fault::kSlowDown, Errc::kUnavailable},
      {Fault::kHtml, Errc::kUnavailable},         {Fault::kResetRequest, Errc::kUnavailable},
      {Fault::kResetReply, Errc::kUnavailable},   {Fault::kDropReply, Errc::kUnavailable},
      {Fault::kSilence, Errc::kDeadlineExceeded}, {Fault::kTruncate, Errc::kUnavailable},
      {Fault::kErrorBody, Errc::kInternal},       {Fault::kLostPage, Errc::kNotFound},
  };
  for (const auto& [fault, code] : kTable) {
    CAPTURE(ToString(fault));
    world.proxy.Reset();
    world.proxy.Spoil(fault);
    const auto began = std::chrono::steady_clock::now();
    const Result<Json> made = api->Create(kWidgets, Widget(world.ns, "w"));
    REQUIRE(!made.ok());
    REQUIRE(ToString(made.error().code) == ToString(code));
    REQUIRE(std::chrono::steady_clock::now() - began < seconds(5));
    REQUIRE(world.proxy.requests().size() == 1);
    world.proxy.Heal();
    REQUIRE(DeleteIfPresent(*world.direct, kWidgets, {world.ns, "w"}, {}).ok());
  }
}

TEST_CASE("faults: a watch that is cut, reset or silent loses no event and lists no more",
          "[e2e][kube][fault]") {
  for (const Fault fault : {Fault::kCut, Fault::kResetReply, Fault::kStall, Fault::kDropReply}) {
    CAPTURE(ToString(fault));
    Faulty world;
    world.Add("before");
    world.proxy.Spoil(fault, 1, 3, IsWatch);
    world.Watch(seconds(1));
    REQUIRE(Eventually([&] { return world.cache.synced(); }));
    for (int i = 0; i < 5; ++i) world.Add("during-" + std::to_string(i));
    REQUIRE(world.Agrees());
    world.Add("after");
    REQUIRE(world.Agrees());
    REQUIRE(world.Lists() == 1);
    REQUIRE(world.proxy.spoiled() >= 1);
  }
}

TEST_CASE("faults: a list that fails is tried again with pauses", "[e2e][kube][fault]") {
  for (const Fault fault :
       {Fault::kStatus500, Fault::kResetReply, Fault::kTruncate, Fault::kHtml, Fault::kSilence}) {
    CAPTURE(ToString(fault));
    Faulty world;
    ApiServer::Options options;
    options.timeout = seconds(1);
    world.api = world.Connect(options);
    world.Add("w");
    world.proxy.Spoil(fault, 1, 3);
    const auto began = std::chrono::steady_clock::now();
    world.Watch();
    REQUIRE(world.Agrees());
    REQUIRE(std::chrono::steady_clock::now() - began >= milliseconds(10 + 20 + 40));
    REQUIRE(world.Lists() == 4);
  }
}

TEST_CASE("faults: a version that is too old leads to one list", "[e2e][kube][fault]") {
  Faulty world;
  struct None final : WatchSink {
    void OnOpen() override {}
    void OnEvent(Type, Json&) override {}
  } none;
  WatchRequest request{world.ns, "", "1", seconds(5)};
  REQUIRE(world.direct->Watch(kWidgets, request, none, {}).Is(Errc::kConflict));
  kube::ListRequest page{world.ns, "", 1, "bm9uc2Vuc2U"};
  REQUIRE(!world.direct->List(kWidgets, page, [](Json&) {}).ok());
}

TEST_CASE("faults: an event beyond the bound is met by a list", "[e2e][kube][fault]") {
  Faulty world;
  ApiServer::Options options;
  options.event_bytes_max = 100 << 10;
  world.api = world.Connect(options);
  world.Watch();
  REQUIRE(Eventually([&] { return world.cache.synced(); }));
  Json large = Widget(world.ns, "large");
  large["spec"]["pad"] = std::string(1'200'000, 'p');
  REQUIRE(world.direct->Create(kWidgets, large).ok());
  REQUIRE(world.Agrees());
  REQUIRE(world.Lists() >= 2);
}

TEST_CASE("faults: an API server that restarts is found again, and no event is lost",
          "[e2e][kube][fault]") {
  Faulty world;
  world.api = SharedCluster().Connect();
  world.Add("before");
  world.Watch();
  REQUIRE(world.Agrees());
  SharedCluster().StopApiServer();
  REQUIRE(Eventually([&] { return !world.watcher->health().error.ok(); }));
  REQUIRE(world.direct->GetPath("/version").Is(Errc::kUnavailable));
  SharedCluster().StartApiServer();
  REQUIRE(Eventually([&] { return world.direct->GetPath("/version").ok(); }));
  world.Add("after");
  REQUIRE(world.Agrees());
  REQUIRE(Eventually([&] { return world.watcher->health().error.ok(); }));
}

TEST_CASE("faults: the cache agrees in the end, whatever happened", "[e2e][kube][fault]") {
  CAPTURE(test::Seed());
  test::Random random(test::Seed());
  Faulty world;
  ApiServer::Options options;
  options.timeout = seconds(1);
  world.api = world.Connect(options);
  const std::vector<Fault> faults = {Fault::kNone,      Fault::kNone,         Fault::kStatus500,
                                     Fault::kTooMany,   Fault::kResetRequest, Fault::kResetReply,
                                     Fault::kDropReply, Fault::kCut,          Fault::kTruncate};
  const uint64_t salt = random.Next();
  world.proxy.SpoilBy([&](const test::FaultProxy::Request& request, int number) {
    const Fault fault = faults[(salt + static_cast<uint64_t>(number) * 7) % faults.size()];
    const bool fits = IsWatch(request) ? fault != Fault::kTruncate : fault != Fault::kCut;
    return fits ? fault : Fault::kNone;
  });
  world.Watch(seconds(1));
  for (int step = 0; step < 150; ++step) {
    const std::string name = "w" + std::to_string(random.Below(10));
    const auto found = world.direct->Get(kWidgets, {world.ns, name});
    if (!found.ok()) {
      world.Add(name);
    } else if (random.OneIn(2)) {
      REQUIRE(world.direct->Delete(kWidgets, {world.ns, name}, {}).ok());
    } else {
      Json changed = *found;
      changed["spec"]["size"] = random.Below(1'000);
      REQUIRE(world.direct->Update(kWidgets, changed).ok());
    }
  }
  world.proxy.Heal();
  REQUIRE(world.Agrees());
}

}  // namespace
}  // namespace pannier::kube

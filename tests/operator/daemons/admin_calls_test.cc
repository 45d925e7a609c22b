// Goal: what a daemon says reaches the planner whole or not at all, in bounded time, from nobody
// but that daemon; and what is asked of it is asked with the epoch.
// Method: real daemons behind mutual TLS, with certificates as the operator makes them; and a
// server of lib/http that answers oddly.
#include "operator/daemons/admin_calls.h"

#include <atomic>
#include <catch2/catch.hpp>
#include <map>

#include "daemon/daemon.h"
#include "lib/core/mutex.h"
#include "lib/http/server.h"
#include "lib/json/cold.h"
#include "operator/daemons/admin_certificates.h"
#include "tests/support/temp_dir.h"

namespace pannier::control {
namespace {

using namespace std::chrono_literals;
using nlohmann::json;
using test::TempDir;

const std::string kUid = "7a3f2f54-32c4-4c0e-b1fb-2f5cf3ee2f5b";  // of a VectorStore
constexpr const char* kStore = "default_tenant/default_database";

std::vector<Uuid> Nothing(const DaemonView&) { return {}; }

// What every world has: an authority, and calls that use it.
struct World {
  explicit World(AdminCalls::Options options = {}) : calls(Tls(), options) {
    WallTime again;
    authority = *RenewAuthority(std::nullopt, SystemClock().Now(), &again).value();
  }
  AdminCalls::TlsFor Tls() {
    return [this](const std::string& name) -> Result<http::ClientTls> {
      if (!has_certificates) return Unavailable("there are no certificates yet");
      return ClientTlsOf(authority, name);
    };
  }
  SecretData SecretOf(const std::string& name) const {
    WallTime again;
    return *RenewDaemonSecret({}, authority, name, SystemClock().Now(), &again).value();
  }

  AdminAuthority authority;
  std::atomic<bool> has_certificates{true};
  AdminCalls calls;
};

class RealDaemon {
 public:
  RealDaemon(const World& world, const std::string& pod) : pod_(pod) {
    const SecretData secret = world.SecretOf(AdminNameOf(kUid));
    for (const auto& [name, text] : secret) {
      file::ReplaceFile(file::RealFileSystem(), dir_ / name, text).value();
    }
    config_.data_dir = dir_ / "data";
    config_.listen.socket.path = (dir_ / "p.sock").string();
    config_.listen.admin.path = (dir_ / "p.admin.sock").string();
    config_.listen.admin_address = "127.0.0.1:0";
    config_.listen.admin_tls = {dir_ / "tls.crt", dir_ / "tls.key", dir_ / "ca.crt"};
    config_.listen.admin_names = {kOperatorAdminName};
    config_.shutdown_grace = 2s;
    Restart();
  }
  void Restart() {
    daemon_.reset();
    daemon_ = daemon::Daemon::Start(config_, file::RealFileSystem(), SystemClock()).value();
  }
  DaemonAddress address() const {
    DaemonAddress found{pod_ + "-uid", pod_, "", AdminNameOf(kUid)};
    for (const std::string& each : daemon_->addresses()) {
      if (each.starts_with("https://")) found.address = each;
    }
    return found;
  }

 private:
  const TempDir dir_;
  const std::string pod_;
  daemon::Config config_;
  std::unique_ptr<daemon::Daemon> daemon_;
};

// Answers as the test says, by "METHOD path", else 404; remembers what it was asked.
class OddDaemon {
 public:
  explicit OddDaemon(const World& world, const std::string& name = AdminNameOf(kUid))
      : server_({.name = "odd", .limits = {}, .refusal = {}}) {
    const SecretData secret = world.SecretOf(name);
    auto tls = std::make_shared<http::TlsServer>(
        http::TlsServer::Options{http::ClientCertificates::kRequired, {}, nullptr});
    tls->Use({secret.at("tls.crt"), secret.at("tls.key"), secret.at("ca.crt")}).value();
    http::Listener listener;
    listener.tcp_address = "127.0.0.1:0";
    listener.tls = tls;
    listener.handler = [this](const http::Request& request) { return Answer(request); };
    server_.Add(std::move(listener));
    server_.Start().value();
    Say("GET /admin/v1/status", 200, R"({"sessionID":"s1","version":"9"})");
    Say("GET /admin/v1/stores", 200, R"({"stores":[]})");
  }
  ~OddDaemon() {
    stopped_ = true;
    server_.Stop(0s);
  }

  void Say(const std::string& what, int status, std::string body) {
    const MutexLock lock(mutex_);
    answers_[what] = {status, std::move(body)};
  }
  std::vector<std::string> asked() const {
    const MutexLock lock(mutex_);
    return asked_;
  }
  DaemonAddress address() const {
    return {"odd-uid", "odd", server_.addresses().front(), AdminNameOf(kUid)};
  }
  std::atomic<bool> is_slow{false};
  std::atomic<int> at_once{0}, most_at_once{0};

 private:
  http::Response Answer(const http::Request& request) {
    const int now = ++at_once;
    for (int most = most_at_once; now > most && !most_at_once.compare_exchange_weak(most, now);) {
    }
    while (is_slow && !stopped_) std::this_thread::sleep_for(1ms);
    --at_once;
    const std::string what = std::string(request.method) + " " + std::string(request.path);
    const MutexLock lock(mutex_);
    asked_.push_back(what + (request.query.empty() ? "" : "?" + std::string(request.query)) +
                     (request.body.empty() ? "" : " " + std::string(request.body)));
    http::Response response;
    const auto found = answers_.find(what);
    response.status = found == answers_.end() ? 404 : found->second.first;
    response.body =
        found == answers_.end() ? R"({"error":"not found","message":"no"})" : found->second.second;
    return response;
  }

  mutable Mutex mutex_;
  std::map<std::string, std::pair<int, std::string>> answers_ GUARDED_BY(mutex_);
  std::vector<std::string> asked_ GUARDED_BY(mutex_);
  std::atomic<bool> stopped_{false};
  http::Server server_;
};

TEST_CASE("admin calls: a daemon shows its stores and the operations it was given",
          "[operator][tls]") {
  World world;
  RealDaemon daemon(world, "pod-0");
  const Uuid uid = Uuid::Random(), unknown = Uuid::Random();
  const json body = {{"action", "verify"}, {"store", kStore}};
  REQUIRE(world.calls.Start(daemon.address(), uid, body, 5).ok());
  REQUIRE(world.calls.Start(daemon.address(), uid, body, 5).ok());  // there already: as good
  const json other = {{"action", "compact"}, {"store", kStore}};
  REQUIRE(world.calls.Start(daemon.address(), uid, other, 5).ok());

  const auto which = [&](const DaemonView& view) {
    REQUIRE(view.Store(kStore) != nullptr);
    return std::vector<Uuid>{unknown, uid};
  };
  DaemonView view;
  for (int i = 0; i < 1'000; ++i) {
    view = world.calls.Look({daemon.address()}, which).front();
    REQUIRE(view.reachable);
    if (view.Operation(uid)->HasEnded()) break;
    std::this_thread::sleep_for(10ms);
  }
  REQUIRE(view.pod_name == "pod-0");
  REQUIRE(view.pod_uid == "pod-0-uid");
  REQUIRE(view.Operation(uid)->state == OperationState::kSucceeded);
  REQUIRE(view.Operation(uid)->result["sound"] == true);
  REQUIRE(view.Operation(unknown) == nullptr);
  REQUIRE(world.calls.Repositories(daemon.address())->at("repositories").empty());
  REQUIRE(world.calls.Snapshots(daemon.address(), "none").Is(Errc::kNotFound));
  REQUIRE(world.calls.Sessions(daemon.address())->at("sessions").empty());

  const std::string session = view.session_id;
  daemon.Restart();
  view = world.calls.Look({daemon.address()}, Nothing).front();
  REQUIRE(view.reachable);
  REQUIRE(view.session_id != session);
}

TEST_CASE("admin calls: a leader of before starts, cancels and grants nothing any more",
          "[operator][tls]") {
  World world;
  const RealDaemon daemon(world, "pod-0");
  const DaemonAddress at = daemon.address();
  const Uuid uid = Uuid::Random();
  const json body = {{"action", "verify"}, {"store", kStore}};
  const std::vector<GrantedUrl> urls = {{"PUT", "chunks/a", "https://x/a", SystemClock().Now()}};
  REQUIRE(world.calls.Start(at, uid, body, 7).ok());
  REQUIRE(world.calls.Start(at, Uuid::Random(), body, 6).Is(Errc::kPermissionDenied));
  REQUIRE(world.calls.Cancel(at, uid, 6).Is(Errc::kPermissionDenied));
  REQUIRE(world.calls.Grant(at, uid, urls, 6).Is(Errc::kPermissionDenied));
  REQUIRE(world.calls.Cancel(at, uid, 7).ok());
  REQUIRE(world.calls.Cancel(at, Uuid::Random(), 7).ok());  // not there: fine
  REQUIRE(world.calls.Grant(at, uid, urls, 7).ok());        // waits for none: fine
}

TEST_CASE("admin calls: what a daemon does not understand is told apart from what may pass",
          "[operator][tls]") {
  World world;
  const RealDaemon daemon(world, "pod-0");
  const DaemonAddress at = daemon.address();
  const Status wrong =
      world.calls.Start(at, Uuid::Random(), {{"action", "verify"}, {"levels", 1}}, 1);
  REQUIRE(wrong.Is(Errc::kInvalidArgument));
  REQUIRE(wrong.error().what.find("pod-0") != std::string::npos);
  REQUIRE(wrong.error().what.find("levels") != std::string::npos);
  REQUIRE(world.calls.Start(at, Uuid::Random(), {{"action", "verify"}, {"store", "t/gone"}}, 1)
              .Is(Errc::kNotFound));

  OddDaemon odd(world);
  const Uuid uid = Uuid::Random();
  const std::string put = "PUT /admin/v1/operations/" + uid.ToString();
  for (const auto& [status, code] : std::map<int, Errc>{{400, Errc::kInvalidArgument},
                                                        {501, Errc::kInvalidArgument},
                                                        {403, Errc::kPermissionDenied},
                                                        {429, Errc::kUnavailable},
                                                        {500, Errc::kUnavailable},
                                                        {503, Errc::kUnavailable},
                                                        {507, Errc::kUnavailable}}) {
    CAPTURE(status);
    odd.Say(put, status, "<html>");
    REQUIRE(world.calls.Start(odd.address(), uid, json::object(), 1).Is(code));
  }
  odd.Say(put, 200, "not JSON");
  REQUIRE(world.calls.Start(odd.address(), uid, json::object(), 1).Is(Errc::kUnavailable));
}

TEST_CASE("admin calls: half a view is none", "[operator][tls]") {
  World world;
  OddDaemon odd(world);
  const Uuid uid = Uuid::Random();
  const std::string get = "GET /admin/v1/operations/" + uid.ToString();
  const auto which = [&](const DaemonView&) { return std::vector<Uuid>{uid}; };
  const auto look = [&] { return world.calls.Look({odd.address()}, which).front(); };
  REQUIRE(look().reachable);
  REQUIRE(look().operations.empty());
  odd.Say(get, 200, R"({"uid":")" + uid.ToString() + R"(","state":"Running"})");
  REQUIRE(look().Operation(uid)->state == OperationState::kRunning);

  const std::vector<std::tuple<std::string, int, std::string>> bad = {
      {get, 500, ""},
      {get, 200, R"({"uid":")" + Uuid::Random().ToString() + "\"}"},
      {get, 200, "[]"},
      {"GET /admin/v1/stores", 200, "{}"},
      {"GET /admin/v1/stores", 200, R"({"stores":{}})"},
      {"GET /admin/v1/stores", 503, ""},
      {"GET /admin/v1/status", 200, "{}"},
      {"GET /admin/v1/status", 403, R"({"message":"its certificate is of mallory"})"},
      {"GET /admin/v1/status", 200, std::string(9 << 20, ' ')}};
  for (const auto& [what, status, body] : bad) {
    CAPTURE(what, status, body.substr(0, 80));
    odd.Say(what, status, body);
    const DaemonView view = look();
    REQUIRE(!view.reachable);
    REQUIRE(!view.trouble.empty());
    REQUIRE(view.pod_uid == "odd-uid");
    REQUIRE(view.session_id.empty());
    REQUIRE(view.operations.empty());
    odd.Say("GET /admin/v1/status", 200, R"({"sessionID":"s1"})");
    odd.Say("GET /admin/v1/stores", 200, R"({"stores":[]})");
    odd.Say(get, 200, R"({"uid":")" + uid.ToString() + R"(","state":"Running"})");
  }
  odd.Say("GET /admin/v1/status", 200, R"({"sessionID":"s2"})");
  REQUIRE(look().session_id == "s2");
}

TEST_CASE("admin calls: who cannot prove its name learns nothing", "[operator][tls]") {
  World world;
  OddDaemon odd(world, AdminNameOf("another-vector-store"));
  const DaemonView view = world.calls.Look({odd.address()}, Nothing).front();
  REQUIRE(!view.reachable);
  REQUIRE(view.trouble.find("not to be trusted") != std::string::npos);
  REQUIRE(world.calls.Start(odd.address(), Uuid::Random(), json::object(), 1)
              .Is(Errc::kPermissionDenied));
  REQUIRE(odd.asked().empty());

  // One of another authority.
  World elsewhere;
  OddDaemon stranger(elsewhere);
  REQUIRE(world.calls.Cancel(stranger.address(), Uuid::Random(), 1).Is(Errc::kPermissionDenied));
  REQUIRE(stranger.asked().empty());
}

TEST_CASE("admin calls: renewed certificates are used in the next call", "[operator][tls]") {
  World world;
  OddDaemon odd(world);
  const AdminAuthority ours = world.authority;
  world.authority = World().authority;
  REQUIRE(!world.calls.Look({odd.address()}, Nothing).front().reachable);
  world.authority = ours;
  REQUIRE(world.calls.Look({odd.address()}, Nothing).front().reachable);
  world.has_certificates = false;
  const DaemonView view = world.calls.Look({odd.address()}, Nothing).front();
  REQUIRE(view.trouble.find("no certificates") != std::string::npos);
}

TEST_CASE("admin calls: many daemons are looked at in order, a few at a time, and none for ever",
          "[operator][tls]") {
  AdminCalls::Options options;
  options.call_timeout = 2s;
  World world(options);
  OddDaemon quick(world), slow(world);
  slow.is_slow = true;
  std::vector<DaemonAddress> pods;
  for (int i = 0; i < 20; ++i) {
    pods.push_back(quick.address());
    pods.back().pod_name = "pod-" + std::to_string(i);
  }
  pods[3].address = slow.address().address;
  pods[4].address.clear();
  pods[5].address = "https://127.0.0.1:1";
  pods[6].address = "nonsense";
  const SteadyTime began = std::chrono::steady_clock::now();
  const std::vector<DaemonView> views = world.calls.Look(pods, Nothing);
  REQUIRE(std::chrono::steady_clock::now() - began < 15s);
  REQUIRE(views.size() == pods.size());
  for (size_t i = 0; i < views.size(); ++i) {
    CAPTURE(i, views[i].trouble);
    REQUIRE(views[i].pod_name == pods[i].pod_name);
    REQUIRE(views[i].reachable == (i < 3 || i > 6));
  }
  REQUIRE(views[3].trouble.find("in time") != std::string::npos);
  REQUIRE(quick.most_at_once <= 8);
  REQUIRE(world.calls.Cancel(slow.address(), Uuid::Random(), 1).Is(Errc::kUnavailable));
  REQUIRE(world.calls.Look({}, Nothing).empty());
}

TEST_CASE("admin calls: grants go in calls of a bounded size, each with the epoch",
          "[operator][tls]") {
  World world;
  OddDaemon odd(world);
  const Uuid uid = Uuid::Random();
  const std::string path = "/admin/v1/operations/" + uid.ToString();
  odd.Say("POST " + path + "/grants", 200, "{}");
  odd.Say("POST " + path + "/cancel", 200, "{}");
  const WallTime until(1'700'000'000s);
  const std::vector<GrantedUrl> urls(1'500, {"PUT", "chunks/a", "https://x/a?y", until});
  REQUIRE(world.calls.Grant(odd.address(), uid, urls, 8).ok());
  REQUIRE(world.calls.Cancel(odd.address(), uid, 8).ok());
  const std::vector<std::string> asked = odd.asked();
  REQUIRE(asked.size() == 3);
  size_t total = 0;
  for (int i = 0; i < 2; ++i) {
    const json body = pannier::json::ParseCold(asked[i].substr(asked[i].find('{'))).value();
    REQUIRE(body["epoch"] == 8);
    REQUIRE(body["grants"][0]["expiresAt"] == "2023-11-14T22:13:20Z");
    REQUIRE(body["grants"][0]["method"] == "PUT");
    total += body["grants"].size();
  }
  REQUIRE(total == urls.size());
  const json plain = pannier::json::ParseCold(asked[0].substr(asked[0].find('{'))).value();
  REQUIRE(!plain.contains("caBundle"));
  REQUIRE(!plain["grants"][0].contains("headers"));
  REQUIRE(asked[2] == "POST " + path + "/cancel?epoch=8");

  GrantedUrl signed_with = urls.front();
  signed_with.headers = {{"x-amz-server-side-encryption", "AES256"}};
  signed_with.ca_pem = std::make_shared<std::string>("PEM");
  REQUIRE(world.calls.Grant(odd.address(), uid, {signed_with}, 8).ok());
  const std::string last = odd.asked().back();
  const json body = pannier::json::ParseCold(last.substr(last.find('{'))).value();
  REQUIRE(body["caBundle"] == "PEM");
  REQUIRE(body["grants"][0]["headers"]["x-amz-server-side-encryption"] == "AES256");
}

}  // namespace
}  // namespace pannier::control

#include "operator/operator.h"

#include <unistd.h>

#include "lib/contract/version.h"
#include "lib/core/log.h"
#include "lib/core/memory.h"
#include "lib/core/uuid.h"
#include "operator/kube/discovery.h"

namespace pannier::control {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr seconds kGrace{5};
// How long after the start, and then how often, memory is given back.
constexpr seconds kSettling{10};
constexpr seconds kTidyEvery{30};
// How often the definitions of our kinds are looked at: they may be replaced at any time.
constexpr int kTidiesPerLook = 20;
constexpr const char* kName = "pannier-operator";

std::string Hostname() {
  char name[256] = {};
  return ::gethostname(name, sizeof name - 1) == 0 && name[0] != '\0' ? name : "unknown";
}

kube::LeaderElector::Options Electing(const OperatorOptions& options) {
  kube::LeaderElector::Options electing;
  electing.lease = {options.own_namespace, kName};
  electing.identity = Hostname() + "_" + RandomHex(8);
  electing.seed = static_cast<uint64_t>(::getpid());
  return electing;
}

kube::EventRecorder::Options Recording() {
  kube::EventRecorder::Options options;
  options.instance = Hostname();
  return options;
}

http::Limits LimitsOfStatus() {
  http::Limits limits;
  limits.threads_max = 3;
  limits.connections_max = 64;
  limits.body_bytes_max = 4 << 10;
  limits.buffered_bytes_max = 16 << 20;
  return limits;
}

http::Response Text(int status, std::string body) {
  http::Response response;
  response.status = status;
  response.content_type = "text/plain; charset=utf-8";
  response.body = std::move(body);
  return response;
}

}  // namespace

Result<std::unique_ptr<Operator>> Operator::Make(const OperatorOptions& options,
                                                 const kube::Access& access, const Clock& clock) {
  auto registry = std::make_unique<metrics::Registry>();
  kube::RuntimeMetrics metrics(*registry);
  kube::ApiServer::Options calls;
  calls.user_agent = std::string(kName) + "/" + std::string(contract::Version());
  calls.calls_per_second = 100;
  calls.calls_burst = 200;
  Apis apis;
  apis.api = TRY(kube::ApiServer::Make(access, calls, clock, metrics));
  calls.timeout = seconds(4);
  calls.connect_timeout = seconds(2);
  calls.calls_per_second = 0;
  apis.electing = TRY(kube::ApiServer::Make(access, calls, clock, metrics));
  std::unique_ptr<Operator> made(
      new Operator(options, std::move(registry), metrics, std::move(apis), clock));
  made->Prepare();
  return made;
}

Operator::Operator(const OperatorOptions& options, std::unique_ptr<metrics::Registry> registry,
                   kube::RuntimeMetrics metrics, Apis apis, const Clock& clock)
    : options_(options),
      registry_(std::move(registry)),
      metrics_(std::move(metrics)),
      apis_(std::move(apis)),
      clock_(clock),
      events_(*apis_.api, clock, Recording(), metrics_),
      guarded_(*apis_.api, [this] { return Epoch().has_value(); }),
      trust_(guarded_, clock, {options.own_namespace, std::string(kName) + "-admin"}),
      secrets_(guarded_, clock),
      daemons_([this](const std::string& server_name) -> Result<http::ClientTls> {
        const std::shared_ptr<const AdminAuthority> authority = TRY(trust_.Current());
        return ClientTlsOf(*authority, server_name);
      }),
      s3_(MakeS3Repositories(clock)),
      context_{guarded_,
               caches_,
               daemons_,
               *s3_,
               secrets_,
               clock,
               nullptr,
               nullptr,
               nullptr,
               options.allow_claim_deletion,
               options.honour_admin_address},
      controllers_(*apis_.api, caches_, context_, options.watch_namespace, metrics_),
      elector_(*apis_.electing, clock, Electing(options), metrics_,
               {[this](int64_t epoch) { OnLeading(epoch); }, [this] { OnFollowing(); }}),
      status_({.name = "status", .limits = LimitsOfStatus(), .refusal = {}}) {}

Operator::~Operator() { Stop(); }

void Operator::Prepare() {
  context_.epoch = [this] { return Epoch(); };
  context_.keep_admin_secret = [this](const VectorStore& store) {
    return trust_.KeepSecretOf(store);
  };
  context_.tell = [this](const kube::Regarding& regarding, const PlanEvent& event) {
    events_.Say(
        regarding,
        event.warning ? kube::EventRecorder::Type::kWarning : kube::EventRecorder::Type::kNormal,
        event.reason, event.reason, event.message);
  };
  if (!options_.webhook_service.empty()) {
    webhook_ = std::make_unique<WebhookRunner>(*apis_.api, caches_, clock_, options_);
  }
  registry_
      ->AddGauge("pannier_operator_build_info", "1; the version is the label",
                 {{"version", std::string(contract::Version())}})
      .Set(1);
  registry_->AddCollector([this](metrics::Sink& sink) {
    object_metrics_.Collect(sink);
    for (const auto& [kind, age] : controllers_.WatchAges()) {
      sink.Gauge("pannier_operator_watch_age_seconds",
                 "Seconds since the API server last said something of a kind", age,
                 {{"kind", kind}});
    }
    const std::optional<WallTime> until = webhook_ ? webhook_->ValidUntil() : std::nullopt;
    if (!until) return;
    sink.Gauge("pannier_operator_webhook_certificate_expiry_timestamp_seconds",
               "When the certificate that the webhook shows is over",
               std::chrono::duration<double>(until->time_since_epoch()).count());
  });
  http::Listener listener;
  listener.tcp_address = options_.metrics_address;
  listener.handler = [this](const http::Request& request) { return Answer(request); };
  status_.Add(std::move(listener));
}

Status Operator::Start() {
  TRY(status_.Start());
  LogInfo("metrics and health are served").Add("address", status_.addresses().front());
  if (webhook_ != nullptr) TRY(webhook_->Start());
  events_.Start();
  controllers_.Start();
  beginning_ = std::jthread([this](std::stop_token stop) { Begin(std::move(stop)); });
  return {};
}

bool Operator::AreKindsServed(LogLimiter* limiter) {
  const Status served = kube::CheckServed(*apis_.api, kOurKinds);
  if (served.ok()) return true;
  int64_t held_back = 0;
  if (limiter->Allow(&held_back)) {
    LogError("the operator cannot begin")
        .Add("error", served.error().what)
        .Add("hint", served.error().hint);
  }
  return false;
}

void Operator::Begin(std::stop_token stop) {
  LogLimiter limiter{seconds(30)};
  bool served = false;
  while (!stop.stop_requested() && !(served && caches_.AllSynced())) {
    if (!served && AreKindsServed(&limiter)) {
      served = true;
      context_.definitions.Look(*apis_.api);
    }
    const milliseconds pause = served ? milliseconds(20) : milliseconds(1'000);
    MutexLock lock(mutex_);
    if (!stop.stop_requested()) stopped_.WaitFor(mutex_, pause);
  }
  if (stop.stop_requested()) return;
  may_lead_ = true;
  LogInfo("all objects are known");
  if (options_.leader_election) {
    electing_ = true;
    elector_.Start();
  } else {
    // As an elector's first one: beyond those of leaders that there were before.
    alone_epoch_ = clock_.Now().time_since_epoch() / seconds(1) % (1ll << 31);
    metrics_.leader.With({kName}).Set(1);
    OnLeading(alone_epoch_);
  }
  KeepSmall(stop);
}

void Operator::KeepSmall(const std::stop_token& stop) {
  std::chrono::steady_clock::duration pause = kSettling;
  int until_look = 1;
  while (!stop.stop_requested()) {
    const SteadyTime until = std::chrono::steady_clock::now() + pause;
    {
      MutexLock lock(mutex_);
      while (!stop.stop_requested() && std::chrono::steady_clock::now() < until) {
        stopped_.WaitFor(mutex_, milliseconds(500));
      }
    }
    if (stop.stop_requested()) break;
    if (--until_look == 0) {
      const bool is_fine = context_.definitions.Look(*apis_.api) == Definitions::Found::kComplete;
      until_look = is_fine ? kTidiesPerLook : 1;
    }
    LetGoOfIdleMemory();
    pause = kTidyEvery;
  }
}

std::optional<int64_t> Operator::Epoch() const {
  if (!options_.leader_election) {
    const int64_t epoch = alone_epoch_;
    return epoch != 0 ? std::optional(epoch) : std::nullopt;
  }
  return elector_.epoch();
}

void Operator::OnLeading(int64_t epoch) {
  LogInfo("leading").Add("epoch", epoch);
  controllers_.Lead();
}

void Operator::OnFollowing() {
  controllers_.Follow();
  LogInfo("following");
}

void Operator::Stop() {
  if (!beginning_.joinable()) return;
  beginning_.request_stop();
  stopped_.NotifyAll();
  beginning_.join();
  beginning_ = std::jthread();
  if (electing_) elector_.Stop();
  alone_epoch_ = 0;
  controllers_.Stop();
  if (webhook_ != nullptr) webhook_->Stop();
  events_.Stop();
  status_.Stop(kGrace);
}

bool Operator::IsReady() const { return may_lead_ && (webhook_ == nullptr || webhook_->IsReady()); }

http::Response Operator::Answer(const http::Request& request) const {
  if (request.method != "GET") return Text(405, "only GET is answered here\n");
  if (request.path == "/healthz") return Text(200, "ok\n" + controllers_.Describe());
  if (request.path == "/readyz") {
    return IsReady() ? Text(200, "ok\n") : Text(503, "not ready\n" + controllers_.Describe());
  }
  if (request.path != "/metrics") return Text(404, "there is /metrics, /healthz and /readyz\n");
  http::Response response = Text(200, registry_->Render());
  response.content_type = metrics::kContentType;
  return response;
}

}  // namespace pannier::control

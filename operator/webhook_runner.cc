#include "operator/webhook_runner.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "lib/core/log.h"
#include "lib/inject/vector_store.h"
#include "operator/cron/cron.h"
#include "operator/daemons/admin_certificates.h"

namespace pannier::control {
namespace {

using Json = nlohmann::json;

// How soon a configuration that somebody changed trusts us again.
constexpr std::chrono::seconds kLookEvery{60};
constexpr std::chrono::seconds kAfterError{3};
constexpr std::chrono::seconds kGrace{5};

CertificateRules RulesOf(const OperatorOptions& options) {
  CertificateRules rules;
  const std::string name = options.webhook_service + "." + options.own_namespace;
  rules.dns_names = {name + ".svc", name + ".svc.cluster.local", name};
  return rules;
}

Status CheckCron(const std::string& schedule, const std::string& time_zone) {
  const Result<Cron> cron = Cron::Parse(schedule, time_zone, "");
  return cron.ok() ? Status() : Status(cron.error());
}

}  // namespace

WebhookRunner::WebhookRunner(kube::Api& api, const Caches& caches, const Clock& clock,
                             const OperatorOptions& options)
    : api_(api),
      caches_(caches),
      daemon_image_(options.daemon_image),
      admission_(
          [this](const std::string& ns, const std::string& name) { return SidecarOf(ns, name); },
          CheckCron),
      server_(options.webhook_address, admission_),
      secret_(api, {options.own_namespace, options.webhook_service + "-certs"},
              options.webhook_name),
      keeper_(secret_, RulesOf(options), clock,
              [this](const http::TlsMaterial& material) { return server_.Use(material); }),
      clock_(clock) {}

WebhookRunner::~WebhookRunner() { Stop(); }

Status WebhookRunner::Start() {
  TRY(server_.Start());
  LogInfo("the webhook listens").Add("address", server_.address());
  thread_ = std::jthread([this](std::stop_token stop) { KeepCertificates(std::move(stop)); });
  return {};
}

void WebhookRunner::Stop() {
  if (thread_.joinable()) {
    thread_.request_stop();
    stopped_.NotifyAll();
    thread_.join();
  }
  server_.Stop(kGrace);
}

void WebhookRunner::KeepCertificates(std::stop_token stop) {
  LogLimiter limiter{std::chrono::seconds(60)};
  while (!stop.stop_requested()) {
    const Result<WallTime> next = keeper_.Tend();
    std::chrono::nanoseconds wait = kAfterError;
    int64_t held_back = 0;
    if (next.ok()) {
      wait = std::clamp<std::chrono::nanoseconds>(*next - clock_.Now(), kAfterError, kLookEvery);
    } else if (limiter.Allow(&held_back)) {
      LogWarn("the webhook's certificates cannot be kept")
          .Add("error", next.error().what)
          .Add("hint", next.error().hint);
    }
    const SteadyTime until = std::chrono::steady_clock::now() + wait;
    MutexLock lock(mutex_);
    while (!stop.stop_requested() && std::chrono::steady_clock::now() < until) {
      stopped_.WaitFor(mutex_, std::chrono::milliseconds(500));
    }
  }
}

Result<Json> WebhookRunner::Find(const kube::Resource& resource, const kube::ObjectKey& key) const {
  const kube::ObjectPtr cached = caches_.Of(resource).Find(key);
  if (cached != nullptr) return cached->Tree();
  return api_.Get(resource, key);
}

Result<inject::Sidecar> WebhookRunner::SidecarOf(const std::string& ns,
                                                 const std::string& name) const {
  const Json store = TRY(Find(kVectorStores, {ns, name}));
  Json repository;
  const std::string repository_name = kube::TextAt(store, "/spec/repositoryRef/name");
  if (!repository_name.empty()) {
    Result<Json> found = Find(kRepositories, {ns, repository_name});
    if (!found.ok() && !found.Is(Errc::kNotFound)) return std::move(found).error();
    if (found.ok()) repository = std::move(found).value();
  }
  inject::Installation installation;
  installation.image = daemon_image_;
  installation.tls_secret = AdminSecretOf(name);
  installation.admin_names = {kOperatorAdminName};
  return inject::SidecarOf(store, repository, installation);
}

}  // namespace pannier::control

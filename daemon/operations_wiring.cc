#include "daemon/operations_wiring.h"

#include "daemon/admin/routes.h"
#include "daemon/operations/actions/actions.h"
#include "daemon/operations/executor.h"
#include "daemon/operations/members.h"
#include "daemon/operations/recovery.h"
#include "daemon/operations/services.h"
#include "daemon/process/child.h"
#include "lib/contract/version.h"

namespace pannier::daemon {
namespace {

using operations::RepositorySettings;

repository::Addressing AddressingOf(S3Addressing addressing) {
  if (addressing == S3Addressing::kPath) return repository::Addressing::kPath;
  if (addressing == S3Addressing::kVirtual) return repository::Addressing::kVirtual;
  return repository::Addressing::kAuto;
}

repository::S3Options S3OptionsOf(const S3Config& config) {
  repository::S3Options s3;
  s3.bucket = config.bucket;
  s3.prefix = config.prefix;
  s3.endpoint = config.endpoint;
  s3.region = config.region;
  s3.addressing = AddressingOf(config.addressing);
  s3.credentials = {config.access_key_file, config.secret_key_file, config.session_token_file};
  s3.ca_file = config.ca_file;
  using Encryption = repository::S3Options::Encryption;
  if (config.encryption == S3Encryption::kAes256) s3.encryption = Encryption::kAes256;
  if (config.encryption == S3Encryption::kKms) s3.encryption = Encryption::kKms;
  s3.kms_key_id = config.kms_key_id;
  return s3;
}

std::vector<RepositorySettings> SettingsOf(const std::vector<RepositoryConfig>& repositories) {
  std::vector<RepositorySettings> all;
  for (const RepositoryConfig& each : repositories) {
    RepositorySettings settings;
    settings.name = each.name;
    settings.volume_path = each.volume.path;
    if (!each.s3.bucket.empty()) settings.s3 = S3OptionsOf(each.s3);
    all.push_back(std::move(settings));
  }
  return all;
}

operations::ActionSettings ActionSettingsOf(const Config& config,
                                            const store::StoreOptions& options) {
  operations::ActionSettings settings;
  settings.data_dir = config.data_dir.string();
  settings.version = contract::Version();
  settings.quarantine =
      std::chrono::duration_cast<std::chrono::seconds>(config.recovery.quarantine);
  settings.transfers = config.operations.transfers;
  settings.salvage_loss_max = config.recovery.maximum_loss;
  settings.store = options;
  settings.run_child = [](const std::string& verb, const std::string& arguments,
                          const store::Progress& progress) {
    return RunChild(verb, arguments, {}, progress);
  };
  return settings;
}

operations::RecoveryOptions RecoveryOptionsOf(const Config& config) {
  operations::RecoveryOptions options;
  options.automatic = config.recovery.mode == RecoveryMode::kAutomatic;
  options.repository = config.recovery.repository;
  options.scrub.bytes_per_second = config.recovery.scrub_bytes;
  options.scrub.every =
      std::chrono::duration_cast<std::chrono::seconds>(config.recovery.scrub_every);
  options.scrub.memory = (config.data_dir / "scrub.json").string();
  return options;
}

std::string WordOf(operations::State state) {
  if (state == operations::State::kSucceeded) return "succeeded";
  return state == operations::State::kCancelled ? "cancelled" : "failed";
}

}  // namespace

class Operations::Impl {
 public:
  Impl(const Config& config, const store::StoreOptions& options, store::Stores& stores,
       service::DaemonMetrics& metrics, sessions::Registry& sessions, file::FileSystem& files,
       const Clock& clock, std::function<Status()> on_all_restored)
      : stores_(stores),
        sessions_(sessions),
        clock_(clock),
        all_metrics_(metrics),
        metrics_(metrics.operations()),
        events_(clock),
        repositories_(SettingsOf(config.repositories),
                      (config.data_dir / "repositories.json").string(),
                      operations::RealObjects(files, clock), files, clock),
        services_{stores,
                  repositories_,
                  finder_,
                  events_,
                  metrics_,
                  files,
                  clock,
                  sessions,
                  ActionSettingsOf(config, options),
                  std::move(on_all_restored)},
        executor_(stores.journal(), operations::MakeRunners(services_), clock,
                  {.parallel = config.operations.parallel},
                  [this](const operations::Ended& ended) { OnEnd(ended); }),
        recovery_(services_, executor_, RecoveryOptionsOf(config)) {
    metrics_.Watch([this] { return Gauges(); });
  }

  void AddRoutes(admin::Router& router) {
    admin::AddOperationRoutes(router, executor_);
    admin::AddEventRoutes(router, events_);
    admin::AddRepositoryRoutes(router, repositories_, finder_, clock_);
    admin::AddQuarantineRoutes(router, stores_, events_);
    admin::AddSessionRoutes(router, sessions_);
  }
  Status Start() {
    TRY(executor_.Start());
    all_metrics_.SetDamageHandler(
        [this](const std::string& tenant, const std::string& database, const std::string& what) {
          recovery_.OnDamage({tenant, database}, what);
        });
    all_metrics_.SetGateHandler([this](const store::GateState& now) { OnGate(now); });
    // What was so before anybody listened.
    if (const store::GateState now = stores_.write_state(); now.is_closed()) OnGate(now);
    recovery_.Start();
    return {};
  }
  void Stop() {
    all_metrics_.SetDamageHandler(nullptr);
    all_metrics_.SetGateHandler(nullptr);
    recovery_.Stop();
    executor_.Stop();
  }

 private:
  void OnEnd(const operations::Ended& ended);
  void OnGate(const store::GateState& now);
  service::OperationGauges Gauges();

  store::Stores& stores_;
  sessions::Registry& sessions_;
  const Clock& clock_;
  service::DaemonMetrics& all_metrics_;
  service::OperationMetrics& metrics_;
  service::Events events_;
  operations::Repositories repositories_;
  operations::SnapshotFinder finder_;
  operations::Services services_;
  operations::Executor executor_;  // these run only while all else is there
  operations::Recovery recovery_;
};

void Operations::Impl::OnEnd(const operations::Ended& ended) {
  const std::string action(ToString(ended.request.action));
  metrics_.OnEnd(action, WordOf(ended.state));
  if (ended.state != operations::State::kFailed || ended.error == nullptr) return;
  events_.Warning(
      "OperationFailed", ended.request.store ? ToString(*ended.request.store) : std::string(),
      action + " " + ended.request.uid.ToString() + ": " + ended.error->what, ended.error->hint);
}

void Operations::Impl::OnGate(const store::GateState& now) {
  if (now.is_closed()) {
    events_.Warning("WritesRefused", "", "read-only: " + now.reason, now.action);
  } else {
    events_.Normal("WritesAccepted", "", "writes are accepted again");
  }
}

service::OperationGauges Operations::Impl::Gauges() {
  service::OperationGauges gauges;
  gauges.running = executor_.running();
  gauges.waiting = executor_.waiting();
  const auto quarantined = stores_.ListQuarantine();
  gauges.quarantined = quarantined.ok() ? quarantined->size() : 0;
  gauges.damaged = stores_.stats().stores_damaged;
  gauges.events_normal = events_.total(service::EventType::kNormal);
  gauges.events_warning = events_.total(service::EventType::kWarning);
  for (const auto& [type, health] : repositories_.health()) {
    gauges.repositories.push_back({type, health.configured, health.up});
  }
  return gauges;
}

Operations::Operations(const Config& config, const store::StoreOptions& options,
                       store::Stores& stores, service::DaemonMetrics& metrics,
                       sessions::Registry& sessions, file::FileSystem& files, const Clock& clock,
                       std::function<Status()> on_all_restored)
    : impl_(std::make_unique<Impl>(config, options, stores, metrics, sessions, files, clock,
                                   std::move(on_all_restored))) {}
Operations::~Operations() { Stop(); }

void Operations::AddRoutes(admin::Router& router) { impl_->AddRoutes(router); }
Status Operations::Start() { return impl_->Start(); }
void Operations::Stop() { impl_->Stop(); }

}  // namespace pannier::daemon

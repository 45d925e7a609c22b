#include "daemon/daemon.h"

#include <atomic>
#include <utility>

#include "daemon/admin/admin_api.h"
#include "daemon/api/api.h"
#include "daemon/operations_wiring.h"
#include "daemon/process/process.h"
#include "daemon/service/daemon_metrics.h"
#include "daemon/service/tokens.h"
#include "daemon/store/stores.h"
#include "lib/contract/version.h"
#include "lib/core/log.h"
#include "lib/core/uuid.h"
#include "lib/http/server.h"
#include "lib/http/tls_files.h"
#include "lib/json/reader.h"

namespace pannier::daemon {
namespace {

// Beside the stores' files: sockets, logs, and a margin.
constexpr uint64_t kOpenFilesReserve = 256;
constexpr uint32_t kAdminThreadsMax = 4;
constexpr uint32_t kAdminConnectionsMax = 256;

store::StoreOptions StoreOptionsOf(const Config& config) {
  store::StoreOptions options;
  options.open_max = config.stores.open_max;
  options.readers_per_store_max = config.stores.readers_per_store;
  options.writes_queued_max = config.stores.writes_queued;
  options.commit_bytes_max = config.stores.commit_bytes;
  options.wal_bytes_checkpoint = config.stores.wal_bytes;
  options.reserve_bytes = config.stores.reserve_bytes;
  options.memory_budget_bytes = config.memory_budget;
  options.idle_after = std::chrono::duration_cast<std::chrono::seconds>(config.stores.idle_after);
  options.graph_threshold = config.index_graph_threshold;
  return options;
}

http::Limits DataLimitsOf(const LimitsConfig& config) {
  http::Limits limits;
  limits.threads_max = config.requests_in_flight;
  limits.requests_queued_max = config.requests_queued;
  limits.connections_max = config.connections;
  limits.header_bytes_max = static_cast<uint32_t>(config.header_bytes);
  limits.body_bytes_max = config.body_bytes;
  limits.buffered_bytes_max = config.buffered_bytes;
  limits.request_timeout = config.request_timeout;
  limits.idle_timeout = config.idle_timeout;
  limits.write_timeout = config.write_timeout;
  limits.handler_deadline = config.deadline;
  return limits;
}

// Operators and probes get threads of their own, so that a flood of work cannot silence them.
http::Limits AdminLimitsOf(const LimitsConfig& config) {
  http::Limits limits = DataLimitsOf(config);
  limits.threads_max = kAdminThreadsMax;
  limits.connections_max = kAdminConnectionsMax;
  return limits;
}

api::ApiOptions ApiOptionsOf(const Config& config) {
  api::ApiOptions options;
  options.allow_reset = config.allow_reset;
  options.limits.body_bytes = config.limits.body_bytes;
  options.limits.answer_bytes = config.limits.answer_bytes;
  options.limits.dimension = config.limits.dimension;
  options.limits.batch_size_announced = config.limits.batch_records;
  options.limits.id_bytes = config.limits.id_bytes;
  options.limits.document_bytes = config.limits.document_bytes;
  options.limits.metadata_bytes = config.limits.metadata_bytes;
  options.limits.metadata_keys = config.limits.metadata_keys;
  options.limits.tenant_name_bytes = static_cast<uint32_t>(config.limits.name_bytes);
  return options;
}

std::string Joined(const std::vector<std::string>& words) {
  std::string text;
  for (const std::string& word : words) text += (text.empty() ? "" : ",") + word;
  return text;
}

}  // namespace

// Members in the order of construction: what serves goes before what it serves from.
class Daemon::Impl {
 public:
  Impl(const Config& config, const Clock& clock)
      : config_(config),
        clock_(clock),
        metrics_(contract::Version(), contract::Commit(), clock),
        data_server_({"data", DataLimitsOf(config.limits), api::Api::Refuse}),
        admin_server_({"admin", AdminLimitsOf(config.limits), api::Api::Refuse}) {}

  Status Start(file::FileSystem& files);
  void Stop();
  std::vector<std::string> addresses() const {
    std::vector<std::string> all = data_server_.addresses();
    for (std::string& address : admin_server_.addresses()) all.push_back(std::move(address));
    return all;
  }

 private:
  void MakeApi();
  Status AddListeners(file::FileSystem& files);
  Result<std::shared_ptr<http::TlsServer>> AdminTls(file::FileSystem& files) const;
  Result<std::shared_ptr<http::TlsServer>> DataTls(file::FileSystem& files) const;
  void SayReady();

  const Config config_;
  const Clock& clock_;
  std::atomic<bool> serving_{false};
  service::DaemonMetrics metrics_;
  std::unique_ptr<service::TokenFile> tokens_;  // null: no token is asked for
  std::unique_ptr<store::Stores> stores_;
  std::unique_ptr<Operations> operations_;
  std::unique_ptr<api::Api> api_;
  std::unique_ptr<admin::AdminApi> admin_api_;
  http::Server data_server_;
  http::Server admin_server_;
};

Status Daemon::Impl::Start(file::FileSystem& files) {
  json::SetDepthMax(static_cast<int>(config_.limits.json_depth));
  const uint64_t wanted =
      config_.limits.open_files + config_.limits.connections + kOpenFilesReserve;
  const uint64_t open_files = RaiseOpenFiles(wanted);
  if (open_files < wanted) {
    LogInfo("fewer open files than wanted").Add("have", open_files).Add("wanted", wanted);
  }
  stores_ =
      TRY(store::Stores::Open(config_.data_dir, StoreOptionsOf(config_), files, clock_, &metrics_));
  if (!config_.listen.tcp.token_file.empty()) {
    tokens_ = TRY(service::TokenFile::Open(config_.listen.tcp.token_file, files, clock_)
                      .Context("listen.tcp.tokenFile"));
  }
  operations_ = std::make_unique<Operations>(config_, StoreOptionsOf(config_), *stores_, metrics_,
                                             files, clock_);
  MakeApi();
  TRY(AddListeners(files));
  TRY(operations_->Start().Context("take up operations"));
  TRY(admin_server_.Start());
  TRY(data_server_.Start());
  serving_ = true;
  SayReady();
  return {};
}

void Daemon::Impl::MakeApi() {
  api::ApiHooks hooks;
  hooks.on_request = [this](std::string_view route, int status, std::chrono::nanoseconds took) {
    metrics_.OnRequest(route, status, took);
  };
  hooks.on_error = [this](std::string_view kind) { metrics_.OnError(kind); };
  hooks.health = [this] {
    api::Health health;
    health.serving = serving_;
    if (!health.serving) health.reason = "starting or stopping";
    return health;
  };
  api_ = std::make_unique<api::Api>(*stores_, clock_, ApiOptionsOf(config_), std::move(hooks));
  admin_api_ = std::make_unique<admin::AdminApi>(admin::Parts{
      *stores_, metrics_, std::string(contract::Version()), std::string(contract::Commit()),
      RandomHex(16), serving_, clock_, clock_.Steady()});
  operations_->AddRoutes(admin_api_->router());
  metrics_.Watch(*stores_);
  metrics_.Watch(data_server_, "data");
  metrics_.Watch(admin_server_, "admin");
}

Result<std::shared_ptr<http::TlsServer>> Daemon::Impl::AdminTls(file::FileSystem& files) const {
  const ListenConfig& listen = config_.listen;
  http::TlsServer::Options options;
  options.clients = http::ClientCertificates::kRequired;
  options.allowed_names = listen.admin_names;
  const TlsConfig& tls = listen.admin_tls;
  return http::TlsServerOfFiles({tls.cert_file, tls.key_file, tls.client_ca_file},
                                std::move(options), files, clock_)
      .Context("listen.admin.tls");
}

Result<std::shared_ptr<http::TlsServer>> Daemon::Impl::DataTls(file::FileSystem& files) const {
  const TlsConfig& tls = config_.listen.tcp.tls;
  if (!tls.IsSet()) return std::shared_ptr<http::TlsServer>();
  return http::TlsServerOfFiles({tls.cert_file, tls.key_file, {}}, {}, files, clock_)
      .Context("listen.tcp.tls");
}

Status Daemon::Impl::AddListeners(file::FileSystem& files) {
  const http::Handler data = [this](const http::Request& request) {
    return api_->Handle(request, tokens_.get());
  };
  // Whoever can open the admin socket, or comes in by a certificate, may do everything.
  const http::Handler admin = [this](const http::Request& request) {
    const bool ours = request.path.starts_with("/api/") || request.path.starts_with("/pannier/") ||
                      request.path.starts_with("/health/");
    return ours ? api_->Handle(request, nullptr) : admin_api_->HandleAdmin(request);
  };
  const ListenConfig& listen = config_.listen;
  data_server_.Add({listen.socket.path, "", listen.socket.mode, listen.socket.group, data});
  if (!listen.tcp.address.empty()) {
    const auto tls = TRY(DataTls(files));
    data_server_.Add({"", listen.tcp.address, 0, "", data, tls});
  }
  if (!listen.admin.path.empty()) {
    admin_server_.Add({listen.admin.path, "", listen.admin.mode, listen.admin.group, admin});
  }
  if (!listen.admin_address.empty()) {
    const auto tls = TRY(AdminTls(files));
    admin_server_.Add({"", listen.admin_address, 0, "", admin, tls});
  }
  if (!listen.metrics_address.empty()) {
    admin_server_.Add({"", listen.metrics_address, 0, "", [this](const http::Request& request) {
                         return admin_api_->HandleMetrics(request);
                       }});
  }
  return {};
}

void Daemon::Impl::SayReady() {
  LogInfo("ready")
      .Add("version", contract::Version())
      .Add("data", config_.data_dir.string())
      .Add("listen", Joined(data_server_.addresses()))
      .Add("admin", Joined(admin_server_.addresses()));
}

void Daemon::Impl::Stop() {
  serving_ = false;
  if (operations_) operations_->Stop();
  data_server_.Stop(config_.shutdown_grace);
  admin_server_.Stop(std::chrono::milliseconds(0));
}

Daemon::Daemon(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Daemon::~Daemon() { Stop(); }

Result<std::unique_ptr<Daemon>> Daemon::Start(const Config& config, file::FileSystem& files,
                                              const Clock& clock) {
  auto impl = std::make_unique<Impl>(config, clock);
  TRY(impl->Start(files));
  return std::unique_ptr<Daemon>(new Daemon(std::move(impl)));
}

std::vector<std::string> Daemon::addresses() const { return impl_->addresses(); }
void Daemon::Stop() { impl_->Stop(); }

}  // namespace pannier::daemon

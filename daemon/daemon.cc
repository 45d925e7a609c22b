#include "daemon/daemon.h"

#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <optional>
#include <thread>
#include <utility>

#include "daemon/admin/admin_api.h"
#include "daemon/admin/routes.h"
#include "daemon/api/api.h"
#include "daemon/api/lane.h"
#include "daemon/bootstrap.h"
#include "daemon/memory_directory.h"
#include "daemon/operations_wiring.h"
#include "daemon/process/process.h"
#include "daemon/service/daemon_metrics.h"
#include "daemon/service/mode.h"
#include "daemon/service/tokens.h"
#include "daemon/sessions/registry.h"
#include "daemon/store/stores.h"
#include "lib/contract/version.h"
#include "lib/core/log.h"
#include "lib/core/mutex.h"
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
constexpr auto kLookForDirectoryEvery = std::chrono::seconds(5);

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

// Of 32 threads, and 75 percent: 24. Never none.
uint32_t ShareOf(uint32_t all, uint32_t percent) {
  return std::max<uint32_t>(1, static_cast<uint32_t>(uint64_t{all} * percent / 100));
}

sessions::Registry::Options SessionOptionsOf(const SessionsConfig& config) {
  using std::chrono::duration_cast, std::chrono::seconds;
  sessions::Registry::Options options;
  options.timeout = duration_cast<seconds>(config.timeout);
  options.timeout_max = duration_cast<seconds>(config.timeout_max);
  options.sessions_max = config.maximum;
  return options;
}

http::Limits DataLimitsOf(const LimitsConfig& config) {
  http::Limits limits;
  limits.threads_max = config.requests_in_flight;
  limits.requests_queued_max = config.requests_queued;
  limits.threads_per_peer_max = ShareOf(config.requests_in_flight, config.share_percent);
  limits.threads_per_lane_max = limits.threads_per_peer_max;
  limits.computing_in_company_max = std::max(std::thread::hardware_concurrency(), 1u);
  limits.requests_queued_per_peer_max = ShareOf(config.requests_queued, config.share_percent);
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
  // A person, a probe, an operator.
  limits.threads_per_peer_max = limits.threads_per_lane_max = limits.computing_in_company_max = 0;
  limits.requests_queued_per_peer_max = 0;
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

Result<http::Listener> OnSocket(const SocketConfig& socket, const http::Handler& handler,
                                ActivatedSockets* activated) {
  http::Listener listener{socket.path, "", socket.mode, socket.group, handler};
  if (auto lent = activated->extract(socket.path)) listener.lent = std::move(lent.mapped());
  listener.peers = TRY(http::PeerList::Of(socket.users, socket.groups));
  // The health check; and who is this user can do anything to this process anyhow.
  if (!listener.peers.IsEmpty()) listener.peers.AddUser(geteuid());
  return listener;
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
  Impl(const Config& config, const Clock& clock, ActivatedSockets sockets)
      : config_(config),
        activated_(std::move(sockets)),
        clock_(clock),
        metrics_(contract::Version(), contract::Commit(), clock),
        data_server_({"data", DataLimitsOf(config.limits), api::Api::Refuse, api::LaneOf,
                      api::Computes, OnClosed()}),
        admin_server_({"admin", AdminLimitsOf(config.limits), api::Api::Refuse, nullptr, nullptr,
                       OnClosed()}) {}
  // A start that failed in the middle stops, too: what runs already uses what ends first.
  ~Impl() { Stop(); }

  Status Start(file::FileSystem& files);
  void Stop();
  std::vector<std::string> addresses() const {
    std::vector<std::string> all = data_server_.addresses();
    for (std::string& address : admin_server_.addresses()) all.push_back(std::move(address));
    return all;
  }

 private:
  Status OpenStores(file::FileSystem& files);
  Status OpenDirectory(file::FileSystem& files);
  Status FallBack(const Error& why, file::FileSystem& files);
  service::Mode ModeNow() const;
  service::Mode ModeAndWhatIsBack(file::FileSystem& files) const;
  void MakeApi(file::FileSystem& files);
  std::function<void(uint64_t, bool)> OnClosed() {
    return [this](uint64_t connection, bool by_peer) {
      sessions_->OnConnectionClosed(connection, by_peer);
    };
  }
  Status OpenSessions();
  Status AddListeners(file::FileSystem& files);
  Status CheckAllListen() const;
  Result<std::shared_ptr<http::TlsServer>> AdminTls(file::FileSystem& files) const;
  Result<std::shared_ptr<http::TlsServer>> DataTls(file::FileSystem& files) const;
  void SayReady();
  Status OnAllRestored();
  void Serve(bool started);

  const Config config_;
  ActivatedSockets activated_;  // until they listen
  const Clock& clock_;
  Mutex mutex_;
  bool started_ GUARDED_BY(mutex_) = false;  // and not stopped
  std::atomic<bool> serving_{false};         // written under mutex_
  service::DaemonMetrics metrics_;
  std::unique_ptr<service::TokenFile> tokens_;  // null: no token is asked for
  file::Path data_dir_;                         // the configuration's, unless we serve from memory
  std::optional<MemoryDirectory> memory_;
  std::optional<service::MemoryMode> memory_mode_;
  // Of the directory that could not be used: when we last looked (0: never), and what was seen.
  mutable std::atomic<SteadyTime::rep> looked_{0};
  mutable std::atomic<bool> directory_is_back_{false};
  std::unique_ptr<store::Stores> stores_;
  std::unique_ptr<Bootstrap> bootstrap_;
  std::unique_ptr<sessions::Registry> sessions_;
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
  TRY(OpenStores(files));
  if (!config_.listen.tcp.token_file.empty()) {
    tokens_ = TRY(service::TokenFile::Open(config_.listen.tcp.token_file, files, clock_)
                      .Context("listen.tcp.tokenFile"));
  }
  TRY(OpenSessions().Context("read the sessions"));
  Config config = config_;
  config.data_dir = data_dir_;
  operations_ =
      std::make_unique<Operations>(config, StoreOptionsOf(config_), *stores_, metrics_, *sessions_,
                                   files, clock_, [this] { return OnAllRestored(); });
  MakeApi(files);
  metrics_.Watch(files, data_dir_);
  TRY(AddListeners(files));
  TRY(CheckAllListen());
  TRY(operations_->Start().Context("take up operations"));
  TRY(admin_server_.Start());
  TRY(data_server_.Start());
  sessions_->Start();
  Serve(true);
  SayReady();
  return {};
}

Status Daemon::Impl::OnAllRestored() {
  TRY(bootstrap_->Finish());
  const MutexLock lock(mutex_);
  serving_ = started_;
  return {};
}

void Daemon::Impl::Serve(bool started) {
  const MutexLock lock(mutex_);
  started_ = started;
  serving_ = started && !bootstrap_->awaiting();
}

Status Daemon::Impl::OpenSessions() {
  sessions::Registry::Hooks hooks;
  hooks.hang_up = [this](uint64_t connection) {
    return data_server_.HangUp(connection) || admin_server_.HangUp(connection);
  };
  sessions_ = std::make_unique<sessions::Registry>(
      *stores_, clock_, SessionOptionsOf(config_.sessions), std::move(hooks));
  return sessions_->Load();
}

Status Daemon::Impl::OpenStores(file::FileSystem& files) {
  data_dir_ = config_.data_dir;
  Status opened = OpenDirectory(files);
  if (!opened.ok()) {
    if (!config_.fallback_memory || !MayServeFromMemory(opened.error())) return opened;
    TRY(FallBack(opened.error(), files));
  }
  if (config_.stores.read_only) stores_->RefuseWrites("stores.readOnly is set");
  return {};
}

Status Daemon::Impl::OpenDirectory(file::FileSystem& files) {
  bootstrap_ = std::make_unique<Bootstrap>(config_, files);
  TRY(bootstrap_->Open().Context("bootstrap"));
  stores_ = TRY(store::Stores::Open(data_dir_, StoreOptionsOf(config_), files, clock_, &metrics_));
  return bootstrap_->OnOwned().Context("bootstrap");
}

Status Daemon::Impl::FallBack(const Error& why, file::FileSystem& files) {
  memory_.emplace(TRY(MemoryDirectory::Make(config_.fallback_directory, files)
                          .Context("the data directory cannot be used (" + why.what +
                                   "), nor can fallback.directory")));
  data_dir_ = memory_->path();
  Config without;  // what is empty here waits for nothing
  without.data_dir = data_dir_;
  bootstrap_ = std::make_unique<Bootstrap>(without, files);
  stores_ = TRY(store::Stores::Open(data_dir_, StoreOptionsOf(config_), files, clock_, &metrics_));
  memory_mode_ = {clock_.Now(), "the data directory cannot be used (" + why.what + ")"};
  LogWarn("serving from memory: all that is written is lost when this process ends")
      .Add("why", why.what)
      .Add("folder", data_dir_.string());
  return {};
}

service::Mode Daemon::Impl::ModeNow() const {
  return service::ModeOf(stores_->write_state(), memory_mode_);
}

// For people and machines that ask now and then.
service::Mode Daemon::Impl::ModeAndWhatIsBack(file::FileSystem& files) const {
  service::Mode mode = ModeNow();
  if (bootstrap_->awaiting()) mode.name = "AwaitingBootstrap";
  if (!memory_mode_) return mode;
  const SteadyTime now = clock_.Steady();
  SteadyTime::rep last = looked_.load();
  const bool due = last == 0 || now.time_since_epoch() - SteadyTime::duration(last) >=
                                    SteadyTime::duration(kLookForDirectoryEvery);
  if (due && looked_.compare_exchange_strong(last, now.time_since_epoch().count())) {
    directory_is_back_ = TakesFiles(config_.data_dir, files);
  }
  if (directory_is_back_) mode.reason += "; it can be used again by now";
  return mode;
}

void Daemon::Impl::MakeApi(file::FileSystem& files) {
  api::ApiHooks hooks;
  hooks.on_request = [this](std::string_view route, int status, std::chrono::nanoseconds took) {
    metrics_.OnRequest(route, status, took);
  };
  hooks.on_error = [this](std::string_view kind) { metrics_.OnError(kind); };
  hooks.health = [this] {
    service::Mode mode = ModeNow();
    api::Health health{serving_, std::move(mode.name), std::move(mode.reason),
                       std::move(mode.action)};
    if (bootstrap_->awaiting()) {
      health.reason = "waits for its first snapshot";
    } else if (!health.serving) {
      health.reason = "starting or stopping";
    }
    return health;
  };
  api_ = std::make_unique<api::Api>(*stores_, clock_, ApiOptionsOf(config_), std::move(hooks),
                                    sessions_.get());
  admin_api_ = std::make_unique<admin::AdminApi>(
      admin::Parts{*stores_, metrics_, std::string(contract::Version()),
                   std::string(contract::Commit()), RandomHex(16), serving_, clock_,
                   clock_.Steady(), [this, &files] { return ModeAndWhatIsBack(files); }});
  admin::AddModeRoutes(admin_api_->router(), *stores_,
                       [this, &files] { return ModeAndWhatIsBack(files); });
  operations_->AddRoutes(admin_api_->router());
  metrics_.WatchMode([this] { return ModeNow(); });
  metrics_.Watch(*stores_);
  metrics_.Watch(*sessions_);
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

Status Daemon::Impl::CheckAllListen() const {
  if (activated_.empty()) return {};
  return InvalidArgument("systemd hands over a socket at " + activated_.begin()->first +
                             ", which the configuration does not name",
                         "name it as listen.socket.path, or that path as ListenStream=");
}

Status Daemon::Impl::AddListeners(file::FileSystem& files) {
  const http::Handler data = [this](const http::Request& request) {
    // Nothing may be written that a restore then puts aside.
    const bool asks_for_health = request.path.starts_with("/health/");
    if (bootstrap_->awaiting() && !asks_for_health) {
      return api::Api::Refuse(503, "the daemon waits for its first snapshot", &request);
    }
    return api_->Handle(request, tokens_.get());
  };
  // Whoever can open the admin socket, or comes in by a certificate, may do everything.
  const http::Handler admin = [this](const http::Request& request) {
    const bool ours = request.path.starts_with("/api/") || request.path.starts_with("/pannier/") ||
                      request.path.starts_with("/health/");
    return ours ? api_->Handle(request, nullptr, /*is_admin=*/true)
                : admin_api_->HandleAdmin(request);
  };
  const ListenConfig& listen = config_.listen;
  data_server_.Add(TRY(OnSocket(listen.socket, data, &activated_).Context("listen.socket")));
  if (!listen.tcp.address.empty()) {
    const auto tls = TRY(DataTls(files));
    if (tls != nullptr) metrics_.Watch(tls, "data");
    data_server_.Add({"", listen.tcp.address, 0, "", data, tls});
  }
  if (!listen.admin.path.empty()) {
    admin_server_.Add(TRY(OnSocket(listen.admin, admin, &activated_).Context("listen.admin")));
  }
  if (!listen.admin_address.empty()) {
    const auto tls = TRY(AdminTls(files));
    metrics_.Watch(tls, "admin");
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
      .Add("data", data_dir_.string())
      .Add("listen", Joined(data_server_.addresses()))
      .Add("admin", Joined(admin_server_.addresses()));
}

void Daemon::Impl::Stop() {
  Serve(false);
  if (sessions_) sessions_->Stop();  // first: who is cut off by us has not left
  if (operations_) operations_->Stop();
  data_server_.Stop(config_.shutdown_grace);
  admin_server_.Stop(std::chrono::milliseconds(0));
}

Daemon::Daemon(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Daemon::~Daemon() { Stop(); }

Result<std::unique_ptr<Daemon>> Daemon::Start(const Config& config, file::FileSystem& files,
                                              const Clock& clock, ActivatedSockets sockets) {
  auto impl = std::make_unique<Impl>(config, clock, std::move(sockets));
  TRY(impl->Start(files));
  return std::unique_ptr<Daemon>(new Daemon(std::move(impl)));
}

std::vector<std::string> Daemon::addresses() const { return impl_->addresses(); }
void Daemon::Stop() { impl_->Stop(); }

}  // namespace pannier::daemon

// Check(): rules over several keys, and the list of what this version does not do yet.
#include <set>

#include "daemon/config/load.h"

namespace pannier::daemon {
namespace {

constexpr size_t kSocketPathMax = 107;  // sun_path less its final zero

Status CheckSocket(const char* key, const std::string& path) {
  if (path.empty()) return InvalidArgument(std::string(key) + ": must not be empty");
  if (path.size() <= kSocketPathMax) return {};
  return InvalidArgument(std::string(key) + ": " + path + " has " + std::to_string(path.size()) +
                             " bytes, and a Unix socket's path may have 107",
                         "choose a shorter path, such as one below /run or /tmp");
}

// The host of "host:port" or "[host]:port"; empty when it has no such form.
std::string_view HostOf(std::string_view address) {
  const size_t colon = address.rfind(':');
  if (colon == std::string_view::npos || colon + 1 == address.size()) return {};
  const std::string_view host = address.substr(0, colon);
  if (host.starts_with('['))
    return host.ends_with(']') ? host.substr(1, host.size() - 2) : std::string_view();
  return host.find(':') == std::string_view::npos ? host : std::string_view();
}

bool IsLoopback(std::string_view host) {
  return host == "localhost" || host == "::1" || host.starts_with("127.");
}

Status CheckAddress(const char* key, const std::string& address) {
  if (address.empty() || !HostOf(address).empty()) return {};
  return InvalidArgument(std::string(key) + ": \"" + address + "\" is not HOST:PORT",
                         "write it as 127.0.0.1:8000 or [::1]:8000");
}

Status CheckTcp(const TcpConfig& tcp) {
  TRY(CheckAddress("listen.tcp.address", tcp.address));
  if (tcp.tls.IsSet()) {
    return InvalidArgument("listen.tcp.tls: this version has no TLS yet",
                           "use the Unix socket, or a loopback address without TLS");
  }
  if (tcp.address.empty() || IsLoopback(HostOf(tcp.address))) return {};
  return InvalidArgument("listen.tcp.address: " + tcp.address +
                             " can be reached from other machines, and this version has no TLS",
                         "listen on 127.0.0.1, or use the Unix socket");
}

Status CheckListen(const ListenConfig& listen) {
  TRY(CheckSocket("listen.socket.path", listen.socket.path));
  TRY(CheckSocket("listen.admin.path", listen.admin.path));
  if (listen.socket.path == listen.admin.path) {
    return InvalidArgument("listen.admin.path: is listen.socket.path as well",
                           "give the admin socket a path of its own");
  }
  if (!listen.admin_address.empty() || listen.admin_tls.IsSet()) {
    return InvalidArgument("listen.admin: this version serves the admin API on its socket only",
                           "leave out listen.admin.address and listen.admin.tls");
  }
  TRY(CheckAddress("listen.metrics.address", listen.metrics_address));
  return CheckTcp(listen.tcp);
}

Status CheckRepositories(const std::vector<RepositoryConfig>& repositories) {
  std::set<std::string> names;
  for (const RepositoryConfig& repository : repositories) {
    if (repository.name.empty()) return InvalidArgument("repositories: each one needs a name");
    if (!names.insert(repository.name).second)
      return InvalidArgument("repositories: the name " + repository.name + " is there twice");
    if (repository.volume.path.empty() == repository.s3.bucket.empty()) {
      return InvalidArgument("repositories: " + repository.name +
                             " needs either volume.path or s3.bucket");
    }
  }
  if (repositories.empty()) return {};
  return InvalidArgument("repositories: this version takes no snapshots yet",
                         "leave out repositories");
}

Status CheckLimits(const LimitsConfig& limits) {
  if (limits.buffered_bytes < limits.body_bytes) {
    return InvalidArgument(
        "limits.bufferedBytes: less than limits.bodyBytes, so that the largest "
        "request could never arrive");
  }
  return {};
}

}  // namespace

Status Check(const Config& config) {
  if (config.data_dir.empty()) return InvalidArgument("dataDir: must not be empty");
  TRY(CheckListen(config.listen));
  TRY(CheckLimits(config.limits));
  TRY(CheckRepositories(config.repositories));
  if (config.recovery == RecoveryMode::kAutomatic) {
    return InvalidArgument("recovery.mode: this version cannot repair stores by itself yet",
                           "choose rebuild-only or manual");
  }
  if (config.fallback_memory) {
    return InvalidArgument("fallback.memory: this version cannot serve from memory yet",
                           "leave it out");
  }
  return {};
}

}  // namespace pannier::daemon

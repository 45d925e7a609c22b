// Check(): rules over several keys.
#include <arpa/inet.h>

#include <charconv>
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

bool IsPort(std::string_view text) {
  uint16_t port = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), port);
  return error == std::errc() && end == text.data() + text.size();
}

// The host of "host:port" or "[host]:port"; empty when it has no such form.
std::string_view HostOf(std::string_view address) {
  const size_t colon = address.rfind(':');
  if (colon == std::string_view::npos || !IsPort(address.substr(colon + 1))) return {};
  const std::string_view host = address.substr(0, colon);
  if (host.starts_with('['))
    return host.ends_with(']') ? host.substr(1, host.size() - 2) : std::string_view();
  return host.find(':') == std::string_view::npos ? host : std::string_view();
}

bool IsLoopback(const std::string& host) {
  in_addr ip4{};
  in6_addr ip6{};
  if (inet_pton(AF_INET, host.c_str(), &ip4) == 1) return ntohl(ip4.s_addr) >> 24 == 127;
  if (inet_pton(AF_INET6, host.c_str(), &ip6) == 1) return IN6_IS_ADDR_LOOPBACK(&ip6) != 0;
  return host == "localhost";  // other names may come to mean another address
}

Status CheckAddress(const char* key, const std::string& address) {
  if (address.empty() || !HostOf(address).empty()) return {};
  return InvalidArgument(std::string(key) + ": \"" + address + "\" is not HOST:PORT",
                         "write it as 127.0.0.1:8000 or [::1]:8000, with a port from 0 to 65535");
}

Status CheckPair(const char* key, const std::string& address, const TlsConfig& tls) {
  if (!tls.IsSet()) return {};
  if (address.empty()) {
    return InvalidArgument(std::string(key) + ".tls: without " + key + ".address it has no use",
                           "set the address, or leave out tls");
  }
  if (!tls.cert_file.empty() && !tls.key_file.empty()) return {};
  return InvalidArgument(std::string(key) + ".tls: certFile and keyFile go together", "set both");
}

Status CheckTcp(const TcpConfig& tcp) {
  TRY(CheckAddress("listen.tcp.address", tcp.address));
  TRY(CheckPair("listen.tcp", tcp.address, tcp.tls));
  const bool is_near = tcp.address.empty() || IsLoopback(std::string(HostOf(tcp.address)));
  const bool has_token = !tcp.token_file.empty(), has_tls = tcp.tls.IsSet();
  if (is_near || (has_token && has_tls) || tcp.insecure_allow_remote) return {};
  return InvalidArgument("listen.tcp.address: " + tcp.address +
                             " can be reached from other machines, and there is no " +
                             (has_token ? "TLS"
                              : has_tls ? "token"
                                        : "token and no TLS"),
                         "set listen.tcp.tokenFile and listen.tcp.tls, listen on 127.0.0.1, or "
                         "accept the risk with listen.tcp.insecureAllowRemote");
}

// No token stands before the admin API: its door is the client's certificate, on loopback too.
Status CheckAdmin(const ListenConfig& listen) {
  TRY(CheckAddress("listen.admin.address", listen.admin_address));
  TRY(CheckPair("listen.admin", listen.admin_address, listen.admin_tls));
  if (listen.admin_address.empty() || !listen.admin_tls.client_ca_file.empty()) return {};
  return InvalidArgument("listen.admin.address: the admin API needs mutual TLS over TCP",
                         "set listen.admin.tls.certFile, keyFile and clientCAFile");
}

Status CheckListen(const ListenConfig& listen) {
  TRY(CheckSocket("listen.socket.path", listen.socket.path));
  TRY(CheckSocket("listen.admin.path", listen.admin.path));
  if (listen.socket.path == listen.admin.path) {
    return InvalidArgument("listen.admin.path: is listen.socket.path as well",
                           "give the admin socket a path of its own");
  }
  TRY(CheckAdmin(listen));
  TRY(CheckAddress("listen.metrics.address", listen.metrics_address));
  return CheckTcp(listen.tcp);
}

Status CheckS3(const std::string& name, const S3Config& s3) {
  if (s3.access_key_file.empty() == s3.secret_key_file.empty() && !s3.access_key_file.empty()) {
    return {};
  }
  return InvalidArgument("repositories: " + name + " needs s3.accessKeyFile and s3.secretKeyFile");
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
    if (!repository.s3.bucket.empty()) TRY(CheckS3(repository.name, repository.s3));
  }
  return {};
}

Status CheckLimits(const LimitsConfig& limits) {
  if (limits.buffered_bytes < limits.body_bytes) {
    return InvalidArgument(
        "limits.bufferedBytes: less than limits.bodyBytes, so that the largest "
        "request could never arrive");
  }
  return {};
}

Status CheckRecovery(const Config& config) {
  const std::string& wanted = config.recovery.repository;
  if (wanted.empty()) return {};
  for (const RepositoryConfig& repository : config.repositories) {
    if (repository.name == wanted) return {};
  }
  return InvalidArgument("recovery.repository: there is no repository \"" + wanted + "\"",
                         "name one of `repositories`");
}

}  // namespace

Status Check(const Config& config) {
  if (config.data_dir.empty()) return InvalidArgument("dataDir: must not be empty");
  TRY(CheckListen(config.listen));
  TRY(CheckLimits(config.limits));
  TRY(CheckRepositories(config.repositories));
  TRY(CheckRecovery(config));
  if (config.fallback_memory && config.fallback_directory.empty()) {
    return InvalidArgument("fallback.directory: must not be empty", "name a tmpfs");
  }
  return {};
}

}  // namespace pannier::daemon

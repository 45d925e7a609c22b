// DaemonCalls over HTTPS, with the certificates as they are at that moment, so that renewed ones
// are used without anybody being told. Connections are kept for some seconds. A daemon that was
// dialled is known by its name in them; who is somebody else gets nothing of a request.
//
// Threads: any; Look() has threads of its own ("look-N") that end with it. Lifetime: what `tls`
// refers to outlives it.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "lib/core/clock.h"
#include "lib/core/mutex.h"
#include "lib/http/client.h"
#include "operator/daemons/daemon_calls.h"

namespace pannier::control {

class AdminCalls final : public DaemonCalls {
 public:
  // With what to dial the daemon of that name (ClientTlsOf()). Called by several threads at once.
  //   kUnavailable  there are no certificates yet
  using TlsFor = std::function<Result<http::ClientTls>(const std::string& server_name)>;

  static std::string OwnVersion();

  struct Options {
    std::chrono::milliseconds connect_timeout{3'000};
    std::chrono::milliseconds call_timeout{10'000};  // of one call, or of one daemon in a Look()
    std::chrono::milliseconds repository_timeout{40'000};  // the daemon itself asks for 30 s
    uint32_t parallel = 8;                                 // daemons at once in a Look()
    uint64_t answer_bytes_max = 8 << 20;
    size_t kept_max = 8;                        // connections that wait for their next call
    std::chrono::milliseconds kept_for{5'000};  // … at most so long
    std::string version = OwnVersion();         // what Understands() daemons
  };

  AdminCalls(TlsFor tls, Options options);
  explicit AdminCalls(TlsFor tls) : AdminCalls(std::move(tls), Options()) {}

  std::vector<DaemonView> Look(const std::vector<DaemonAddress>& daemons,
                               const WhichOperations& which) override;
  Status Start(const DaemonAddress& daemon, const Uuid& uid, const nlohmann::json& body,
               int64_t epoch) override;
  Status Cancel(const DaemonAddress& daemon, const Uuid& uid, int64_t epoch) override;
  Status Grant(const DaemonAddress& daemon, const Uuid& uid, const std::vector<GrantedUrl>& urls,
               int64_t epoch) override;
  Result<nlohmann::json> Repositories(const DaemonAddress& daemon) override;
  Result<nlohmann::json> Snapshots(const DaemonAddress& daemon,
                                   const std::string& repository) override;
  Result<nlohmann::json> Sessions(const DaemonAddress& daemon) override;

 private:
  class Session;

  Result<Session> Open(const DaemonAddress& daemon, std::chrono::milliseconds limit) const;
  Result<DaemonView> LookAt(const DaemonAddress& daemon, const WhichOperations& which) const;

  // A connection, and for whom it is good: the same certificates and time-outs. While an operation
  // runs its daemon is asked each second, and a TLS handshake costs more than all that is said.
  struct Kept {
    std::string address;
    http::ClientTls tls;
    std::chrono::milliseconds limit{};
    std::optional<http::Client> client;
    SteadyTime since;
    bool IsFor(const Kept& other) const;
  };
  // Gives `wanted` a client, where there is one.
  void TakeKept(Kept* wanted) const;
  void Keep(Kept kept) const;

  const TlsFor tls_;
  const Options options_;
  mutable Mutex mutex_;
  mutable std::vector<Kept> kept_ GUARDED_BY(mutex_);  // oldest first
};

}  // namespace pannier::control

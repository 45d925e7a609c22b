// How the operator speaks to the daemons of pods: the admin API (docs/admin-api.md) over mutual
// TLS. A pod is dialled by its IP address and known by the name in its certificate, so that an
// address which another pod has got since is noticed.
//
// Every call has a deadline; nothing is retried here: the next pass of a reconciler is the retry.
// Threads: any; as many calls at once as there are callers, Look() bounded as it says.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>
#include <vector>

#include "lib/core/result.h"
#include "lib/core/uuid.h"
#include "operator/plan/daemon_view.h"
#include "operator/plan/plan.h"

namespace pannier::control {

// Where the daemon of a pod is, and who it must be.
struct DaemonAddress {
  std::string pod_uid, pod_name;
  std::string address;      // "https://10.0.0.7:9465"; empty: the pod has no address yet
  std::string server_name;  // a DNS name in its certificate: AdminNameOf() of its VectorStore
};

// One URL that was presigned for a daemon.
struct GrantedUrl {
  std::string method, key, url;
  WallTime expires;
  std::vector<std::pair<std::string, std::string>> headers = {};  // that it was signed with
  // Who may have signed the server's certificate; null: those whom the daemon's system trusts. One
  // for all URLs of a call.
  std::shared_ptr<const std::string> ca_pem = nullptr;
};

class DaemonCalls {
 public:
  // The operations to ask for, once the daemon's stores are known. Called by threads of Look(), but
  // one at a time.
  using WhichOperations = std::function<std::vector<Uuid>(const DaemonView& daemon)>;

  virtual ~DaemonCalls() = default;

  // What each daemon says of itself (status, stores) and of those operations: in the order of
  // `daemons`, one that does not answer in time with `reachable` false and `trouble`. At most eight
  // are asked at once, each for at most ten seconds in all. An operation that a daemon does not
  // know is not in its view; one whose answer was lost makes the daemon unreachable: half a view is
  // none.
  virtual std::vector<DaemonView> Look(const std::vector<DaemonAddress>& daemons,
                                       const WhichOperations& which) = 0;

  // PUT operations/{uid}; `body` lacks the epoch. That it is there already (200, 409) is fine.
  //   kInvalidArgument    400, 422, 501: the daemon does not understand it, or does not do that
  //   kNotFound           404: a store or a repository that it names is not there
  //   kPermissionDenied   403: the epoch is old, this operator leads no more; or TLS refused
  //   kUnavailable        it cannot be reached, did not answer in time, answers what nobody can
  //                       read, or is too busy (429, 503): again later; it may have been carried
  //                       out
  virtual Status Start(const DaemonAddress& daemon, const Uuid& uid, const nlohmann::json& body,
                       int64_t epoch) = 0;
  // Both: an operation that is not there, has ended, or waits for no grant is fine. Errors as of
  // Start().
  virtual Status Cancel(const DaemonAddress& daemon, const Uuid& uid, int64_t epoch) = 0;
  virtual Status Grant(const DaemonAddress& daemon, const Uuid& uid,
                       const std::vector<GrantedUrl>& urls, int64_t epoch) = 0;

  // GET repositories and GET repositories/{name}/snapshots, as they are answered. They take up to
  // 40 s, since the daemon asks its repositories. Errors as of Start().
  virtual Result<nlohmann::json> Repositories(const DaemonAddress& daemon) = 0;
  virtual Result<nlohmann::json> Snapshots(const DaemonAddress& daemon,
                                           const std::string& repository) = 0;
  // GET sessions. One that knows nothing of sessions answers kNotFound.
  virtual Result<nlohmann::json> Sessions(const DaemonAddress& daemon) = 0;
};

}  // namespace pannier::control

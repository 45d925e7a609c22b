#include "operator/daemons/admin_calls.h"

#include <algorithm>
#include <utility>

#include "lib/contract/version.h"
#include "lib/core/check.h"
#include "lib/core/mutex.h"
#include "lib/core/parallel.h"
#include "lib/core/time_text.h"
#include "lib/json/cold.h"
#include "operator/resource/text.h"

namespace pannier::control {
namespace {

using Json = nlohmann::json;
using std::chrono::milliseconds;

constexpr size_t kMessageMax = 1'024;    // of what a daemon says
constexpr size_t kGrantsInCall = 1'000;  // URLs of half a kilobyte each

std::string TextOf(const Json& answer, const char* name) {
  const auto found = answer.is_object() ? answer.find(name) : answer.end();
  return found != answer.end() && found->is_string() ? Cut(found->get<std::string>(), kMessageMax)
                                                     : "";
}

Errc CodeOf(int status) {
  switch (status) {
    case 400:
    case 405:
    case 413:
    case 422:
    case 501:
      return Errc::kInvalidArgument;
    case 401:
    case 403:
      return Errc::kPermissionDenied;
    case 404:
      return Errc::kNotFound;
    case 409:
      return Errc::kConflict;
    default:
      return Errc::kUnavailable;
  }
}

Error ErrorOf(const http::Response& response) {
  const Result<Json> body = json::ParseCold(response.body);
  const Json said = body.ok() ? *body : Json();
  const std::string message = TextOf(said, "message");
  return {CodeOf(response.status),
          message.empty() ? "it answers " + std::to_string(response.status) : message,
          TextOf(said, "hint")};
}

// A call that did not come through is one to repeat, but where it was refused for who we are.
Error ErrorOf(Error transfer) {
  if (transfer.code != Errc::kPermissionDenied) transfer.code = Errc::kUnavailable;
  return transfer;
}

std::string PathOf(const Uuid& uid) { return "/admin/v1/operations/" + uid.ToString(); }

Json GrantsBody(const GrantedUrl* first, const GrantedUrl* end, int64_t epoch) {
  Json body = {{"epoch", epoch}};
  if (first->ca_pem) body["caBundle"] = *first->ca_pem;
  Json grants = Json::array();
  for (; first != end; ++first) {
    Json grant = {{"method", first->method},
                  {"key", first->key},
                  {"url", first->url},
                  {"expiresAt", FormatTime(first->expires)}};
    for (const auto& [name, value] : first->headers) grant["headers"][name] = value;
    grants.push_back(std::move(grant));
  }
  body["grants"] = std::move(grants);
  return body;
}

// Absent ends nothing: who forgot an operation has nothing to do for it.
Status FineWhenGone(const Result<Json>& answer) {
  if (answer.ok() || answer.Is(Errc::kNotFound) || answer.Is(Errc::kConflict)) return {};
  return answer.error();
}

}  // namespace

// The calls to one daemon, which together have one deadline.
class AdminCalls::Session {
 public:
  Session(const AdminCalls& calls, const DaemonAddress& daemon, Kept connection)
      : calls_(calls), pod_(daemon.pod_name), connection_(std::move(connection)) {}
  Session(Session&& other) noexcept
      : calls_(other.calls_),
        pod_(other.pod_),
        connection_(std::move(other.connection_)),
        is_sound_(std::exchange(other.is_sound_, false)) {}
  Session& operator=(Session&&) = delete;
  ~Session() {
    if (is_sound_) calls_.Keep(std::move(connection_));
  }

  // The body of a success, which is an object.
  Result<Json> Ask(std::string_view method, const std::string& path, const Json& body = nullptr) {
    return Send(method, path, body).Context("the daemon of pod " + pod_);
  }

 private:
  Result<Json> Send(std::string_view method, const std::string& path, const Json& body) {
    Result<http::Response> response =
        connection_.client->Send(method, path, body.is_null() ? "" : json::Dump(body));
    is_sound_ = response.ok();
    if (!response.ok()) return ErrorOf(std::move(response).error());
    if (response->status < 200 || response->status > 299) return ErrorOf(*response);
    Result<Json> answer = json::ParseCold(response->body);
    if (answer.ok() && answer->is_object()) return answer;
    return Unavailable("its answer is not JSON that we know", "is it a pannierd?");
  }

  const AdminCalls& calls_;
  const std::string pod_;
  Kept connection_;        // has a client
  bool is_sound_ = false;  // the last call came through
};

AdminCalls::AdminCalls(TlsFor tls, Options options)
    : tls_(std::move(tls)), options_(std::move(options)) {}

std::string AdminCalls::OwnVersion() { return std::string(contract::Version()); }

Result<AdminCalls::Session> AdminCalls::Open(const DaemonAddress& daemon,
                                             milliseconds limit) const {
  const SteadyTime deadline = std::chrono::steady_clock::now() + limit;
  const std::string whose = "the daemon of pod " + daemon.pod_name;
  if (daemon.address.empty()) return Unavailable(whose + " has no address yet");
  if (daemon.server_name.empty()) return Unavailable(whose + " has no name to know it by");
  Kept connection;
  connection.address = daemon.address;
  connection.tls = TRY(tls_(daemon.server_name).Context(whose));
  connection.limit = limit;
  TakeKept(&connection);
  if (!connection.client) {
    http::Client::Options options;
    options.connect_timeout = std::min(options_.connect_timeout, limit);
    options.timeout = limit;
    options.response_bytes_max = options_.answer_bytes_max;
    options.tls = connection.tls;
    Result<http::Client> client = http::Client::Make(daemon.address, std::move(options));
    if (!client.ok()) return ErrorOf(std::move(client).error().Context(whose));
    connection.client = std::move(client).value();
  }
  connection.client->SetDeadline(deadline);
  return Session(*this, daemon, std::move(connection));
}

bool AdminCalls::Kept::IsFor(const Kept& other) const {
  return address == other.address && limit == other.limit &&
         tls.server_name == other.tls.server_name && tls.ca_pem == other.tls.ca_pem &&
         tls.certificate_pem == other.tls.certificate_pem && tls.key_pem == other.tls.key_pem;
}

void AdminCalls::TakeKept(Kept* wanted) const {
  const SteadyTime now = std::chrono::steady_clock::now();
  std::vector<Kept> stale;  // closed outside of the lock
  MutexLock lock(mutex_);
  while (!kept_.empty() && now - kept_.front().since > options_.kept_for) {
    stale.push_back(std::move(kept_.front()));
    kept_.erase(kept_.begin());
  }
  const auto found = std::find_if(kept_.begin(), kept_.end(),
                                  [&](const Kept& each) { return each.IsFor(*wanted); });
  if (found == kept_.end()) return;
  wanted->client = std::move(found->client);
  kept_.erase(found);
}

void AdminCalls::Keep(Kept kept) const {
  if (options_.kept_max == 0) return;
  std::optional<Kept> oldest;  // closed outside of the lock
  kept.since = std::chrono::steady_clock::now();
  MutexLock lock(mutex_);
  if (kept_.size() >= options_.kept_max) {
    oldest = std::move(kept_.front());
    kept_.erase(kept_.begin());
  }
  kept_.push_back(std::move(kept));
}

// --- looking ---

std::vector<DaemonView> AdminCalls::Look(const std::vector<DaemonAddress>& daemons,
                                         const WhichOperations& which) {
  Mutex mutex;
  const WhichOperations one_at_a_time = [&](const DaemonView& daemon) {
    const MutexLock lock(mutex);
    return which(daemon);
  };
  std::vector<DaemonView> views(daemons.size());
  const Crew crew{"look", options_.parallel, Urgency::kWaitedFor};
  const Status all = ForEach(daemons.size(), crew, [&](uint64_t item) -> Status {
    const DaemonAddress& daemon = daemons[item];
    Result<DaemonView> view = LookAt(daemon, one_at_a_time);
    if (view.ok()) {
      views[item] = std::move(view).value();
      return {};
    }
    views[item].pod_uid = daemon.pod_uid;
    views[item].pod_name = daemon.pod_name;
    views[item].trouble = Cut(view.error().what, kMessageMax);
    return {};
  });
  CHECK(all.ok());
  return views;
}

Result<DaemonView> AdminCalls::LookAt(const DaemonAddress& daemon,
                                      const WhichOperations& which) const {
  Session session = TRY(Open(daemon, options_.call_timeout));
  DaemonView view;
  view.pod_uid = daemon.pod_uid;
  view.pod_name = daemon.pod_name;
  const Json status = TRY(session.Ask("GET", "/admin/v1/status"));
  if (TextOf(status, "sessionID").empty()) return Unavailable("the status has no session");
  ReadStatus(status, &view);
  if (!Understands(options_.version, view.version)) {
    view.reachable = false;
    view.skewed = true;
    view.trouble = "its daemon is of version " + Cut(view.version, 64) + ", this operator of " +
                   options_.version + ": more than one release apart";
    return view;
  }
  const Json stores = TRY(session.Ask("GET", "/admin/v1/stores"));
  // A list that is missing must not look like stores that are gone.
  if (!stores.contains("stores") || !stores["stores"].is_array()) {
    return Unavailable("the list of stores is none");
  }
  ReadStores(stores, &view);
  for (const Uuid& uid : which(view)) {
    const Result<Json> operation = session.Ask("GET", PathOf(uid));
    if (operation.Is(Errc::kNotFound)) continue;
    if (TextOf(TRY(operation), "uid") != uid.ToString()) {
      return Unavailable("an operation is answered as another one");
    }
    ReadOperation(*operation, &view);
  }
  return view;
}

// --- doing ---

Status AdminCalls::Start(const DaemonAddress& daemon, const Uuid& uid, const Json& body,
                         int64_t epoch) {
  Json asked = body;
  asked["epoch"] = epoch;
  Session session = TRY(Open(daemon, options_.call_timeout));
  const Result<Json> answer = session.Ask("PUT", PathOf(uid), asked);
  if (answer.ok() || answer.Is(Errc::kConflict)) return {};
  return answer.error();
}

Status AdminCalls::Cancel(const DaemonAddress& daemon, const Uuid& uid, int64_t epoch) {
  Session session = TRY(Open(daemon, options_.call_timeout));
  return FineWhenGone(session.Ask("POST", PathOf(uid) + "/cancel?epoch=" + std::to_string(epoch)));
}

Status AdminCalls::Grant(const DaemonAddress& daemon, const Uuid& uid,
                         const std::vector<GrantedUrl>& urls, int64_t epoch) {
  Session session = TRY(Open(daemon, options_.call_timeout));
  for (size_t at = 0; at < urls.size(); at += kGrantsInCall) {
    const GrantedUrl* const first = urls.data() + at;
    const Json body = GrantsBody(first, first + std::min(kGrantsInCall, urls.size() - at), epoch);
    TRY(FineWhenGone(session.Ask("POST", PathOf(uid) + "/grants", body)));
  }
  return {};
}

Result<Json> AdminCalls::Repositories(const DaemonAddress& daemon) {
  Session session = TRY(Open(daemon, options_.repository_timeout));
  return session.Ask("GET", "/admin/v1/repositories");
}

Result<Json> AdminCalls::Snapshots(const DaemonAddress& daemon, const std::string& repository) {
  Session session = TRY(Open(daemon, options_.repository_timeout));
  return session.Ask("GET", "/admin/v1/repositories/" + repository + "/snapshots");
}

Result<Json> AdminCalls::Sessions(const DaemonAddress& daemon) {
  Session session = TRY(Open(daemon, options_.call_timeout));
  return session.Ask("GET", "/admin/v1/sessions");
}

}  // namespace pannier::control

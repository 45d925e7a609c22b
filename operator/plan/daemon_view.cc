#include "operator/plan/daemon_view.h"

#include <algorithm>
#include <charconv>
#include <cstdlib>

#include "lib/core/time_text.h"

namespace pannier::control {
namespace {

using Json = nlohmann::json;

std::string TextOf(const Json& object, const char* name) {
  const auto found = object.is_object() ? object.find(name) : object.end();
  return found != object.end() && found->is_string() ? found->get<std::string>() : "";
}

bool FlagOf(const Json& object, const char* name) {
  const auto found = object.is_object() ? object.find(name) : object.end();
  return found != object.end() && found->is_boolean() && found->get<bool>();
}

Json MemberOf(const Json& object, const char* name) {
  const auto found = object.is_object() ? object.find(name) : object.end();
  return found == object.end() ? Json() : *found;
}

OperationState StateOf(const std::string& text) {
  static constexpr const char* kStates[] = {"Pending",   "Running", "AwaitingGrants",
                                            "Succeeded", "Failed",  "Cancelled"};
  const auto found = std::find(std::begin(kStates), std::end(kStates), text);
  // A state that we do not know is one of a newer daemon, and not an end that we know.
  return found == std::end(kStates) ? OperationState::kRunning
                                    : static_cast<OperationState>(found - std::begin(kStates));
}

struct Release {
  int major = 0, minor = 0;
};

std::optional<Release> ReleaseOf(std::string_view version) {
  Release release;
  const char* const end = version.data() + version.size();
  const auto major = std::from_chars(version.data(), end, release.major);
  if (major.ec != std::errc() || major.ptr == end || *major.ptr != '.') return std::nullopt;
  const auto minor = std::from_chars(major.ptr + 1, end, release.minor);
  if (minor.ec != std::errc()) return std::nullopt;
  return release;
}

}  // namespace

bool Understands(std::string_view own, std::string_view version) {
  const std::optional<Release> a = ReleaseOf(own), b = ReleaseOf(version);
  if (!a || !b) return true;
  if (a->major == b->major) return std::abs(a->minor - b->minor) <= 1;
  const Release& newer = a->major > b->major ? *a : *b;
  return std::abs(a->major - b->major) == 1 && newer.minor == 0;
}

std::string WhyUnreachable(const DaemonView& daemon) {
  return daemon.skewed ? daemon.trouble : "the daemon does not answer";
}

uint64_t CountOf(const Json& object, const char* name) {
  const auto found = object.is_object() ? object.find(name) : object.end();
  if (found == object.end() || !found->is_number_integer()) return 0;
  if (found->is_number_unsigned()) return found->get<uint64_t>();
  // As lib/json reads whole numbers.
  return static_cast<uint64_t>(std::max<int64_t>(0, found->get<int64_t>()));
}

bool OperationView::HasEnded() const {
  return state == OperationState::kSucceeded || state == OperationState::kFailed ||
         state == OperationState::kCancelled;
}

bool OperationView::IsHopeless() const {
  return state == OperationState::kFailed && (error == "invalid argument" || error == "malformed" ||
                                              error == "not found" || error == "unimplemented");
}

const StoreView* DaemonView::Store(const std::string& name) const {
  const auto found = std::find_if(stores.begin(), stores.end(),
                                  [&](const StoreView& each) { return each.name == name; });
  return found == stores.end() ? nullptr : &*found;
}

const OperationView* DaemonView::Operation(const Uuid& uid) const {
  const auto found = operations.find(uid.ToString());
  return found == operations.end() ? nullptr : &found->second;
}

void ReadStatus(const Json& answer, DaemonView* daemon) {
  daemon->reachable = true;
  daemon->session_id = TextOf(answer, "sessionID");
  daemon->version = TextOf(answer, "version");
  daemon->admin_api = std::max<uint64_t>(1, CountOf(answer, "adminAPI"));
  daemon->awaiting_bootstrap = TextOf(answer, "mode") == "AwaitingBootstrap";
  daemon->quarantined = CountOf(answer, "quarantined");
  daemon->last_quick_check = ParseTime(TextOf(answer, "lastQuickCheck"));
  daemon->last_full_check = ParseTime(TextOf(answer, "lastFullCheck"));
}

void ReadStores(const Json& answer, DaemonView* daemon) {
  daemon->stores.clear();
  for (const Json& each : MemberOf(answer, "stores")) {
    StoreView store;
    store.name = TextOf(each, "tenant") + "/" + TextOf(each, "database");
    store.id = TextOf(each, "id");
    store.bytes = CountOf(each, "bytesOnDisk");
    store.sequence = CountOf(each, "sequence");
    store.damaged = FlagOf(each, "damaged");
    store.degraded = FlagOf(each, "degraded");
    store.damage = TextOf(each, "damage");
    store.temporary = !TextOf(each, "session").empty();
    store.unused_since = ParseTime(TextOf(each, "unusedSince"));
    daemon->stores.push_back(std::move(store));
  }
  std::sort(daemon->stores.begin(), daemon->stores.end(),
            [](const StoreView& a, const StoreView& b) { return a.name < b.name; });
}

std::optional<std::vector<SessionView>> ReadSessions(const Json& answer) {
  const Json list = MemberOf(answer, "sessions");
  if (!list.is_array()) return std::nullopt;
  std::vector<SessionView> sessions;
  for (const Json& each : list) {
    SessionView session{TextOf(each, "uid"), TextOf(each, "id"), TextOf(each, "owner"),
                        ParseTime(TextOf(each, "lastActivity"))};
    if (!session.uid.empty()) sessions.push_back(std::move(session));
  }
  return sessions;
}

void ReadOperation(const Json& answer, DaemonView* daemon) {
  OperationView operation;
  operation.uid = TextOf(answer, "uid");
  if (operation.uid.empty()) return;
  operation.state = StateOf(TextOf(answer, "state"));
  operation.phase = TextOf(MemberOf(answer, "progress"), "phase");
  operation.ended = ParseTime(TextOf(answer, "endedAt"));
  operation.plan = MemberOf(answer, "plan");
  operation.result = MemberOf(answer, "result");
  const Json error = MemberOf(answer, "error");
  operation.error = TextOf(error, "error");
  operation.message = TextOf(error, "message");
  for (const Json& want : MemberOf(answer, "wants")) {
    operation.wants.push_back({TextOf(want, "method"), TextOf(want, "key")});
  }
  daemon->operations[operation.uid] = std::move(operation);
}

const DaemonView* FindDaemon(const std::vector<DaemonView>& daemons, const std::string& pod_uid) {
  const auto found = std::find_if(daemons.begin(), daemons.end(),
                                  [&](const DaemonView& each) { return each.pod_uid == pod_uid; });
  return found == daemons.end() ? nullptr : &*found;
}

}  // namespace pannier::control

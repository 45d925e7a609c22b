#include "operator/plan/daemon_view.h"

#include <algorithm>

#include "lib/core/time_text.h"

namespace pannier::control {
namespace {

using Json = nlohmann::json;

std::string TextOf(const Json& object, const char* name) {
  const auto found = object.is_object() ? object.find(name) : object.end();
  return found != object.end() && found->is_string() ? found->get<std::string>() : "";
}

uint64_t NumberOf(const Json& object, const char* name) {
  const auto found = object.is_object() ? object.find(name) : object.end();
  return found != object.end() && found->is_number_unsigned() ? found->get<uint64_t>() : 0;
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

}  // namespace

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
  daemon->awaiting_bootstrap = TextOf(answer, "mode") == "AwaitingBootstrap";
  daemon->quarantined = NumberOf(answer, "quarantined");
  daemon->last_quick_check = ParseTime(TextOf(answer, "lastQuickCheck"));
  daemon->last_full_check = ParseTime(TextOf(answer, "lastFullCheck"));
}

void ReadStores(const Json& answer, DaemonView* daemon) {
  daemon->stores.clear();
  for (const Json& each : MemberOf(answer, "stores")) {
    StoreView store;
    store.name = TextOf(each, "tenant") + "/" + TextOf(each, "database");
    store.id = TextOf(each, "id");
    store.bytes = NumberOf(each, "bytesOnDisk");
    store.sequence = NumberOf(each, "sequence");
    store.damaged = FlagOf(each, "damaged");
    store.degraded = FlagOf(each, "degraded");
    store.damage = TextOf(each, "damage");
    store.last_used = ParseTime(TextOf(each, "lastUsed"));
    daemon->stores.push_back(std::move(store));
  }
  std::sort(daemon->stores.begin(), daemon->stores.end(),
            [](const StoreView& a, const StoreView& b) { return a.name < b.name; });
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

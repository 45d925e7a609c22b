// What a daemon said of itself when it was asked (docs/admin-api.md), as far as planners read it.
// Threads: plain values and pure functions.
#pragma once

#include <cstdint>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "lib/core/clock.h"
#include "lib/core/uuid.h"

namespace pannier::control {

struct StoreView {
  std::string name;  // TENANT/DATABASE
  std::string id;
  uint64_t bytes = 0, sequence = 0;
  bool damaged = false, degraded = false;
  std::string damage;
  bool temporary = false;                // goes with its session
  std::optional<WallTime> unused_since;  // by workers; nothing: a daemon that does not tell
};

enum class OperationState { kPending, kRunning, kAwaitingGrants, kSucceeded, kFailed, kCancelled };

struct WantView {
  std::string method, key;
};

// An operation that the daemon knows.
struct OperationView {
  std::string uid;
  OperationState state = OperationState::kPending;
  std::string phase;
  std::optional<WallTime> ended;
  nlohmann::json plan, result;  // null until known
  std::string error, message;   // error: its kind, "unavailable"
  std::vector<WantView> wants;

  bool HasEnded() const;
  // Whether the same request would fail the same way: what is asked for is wrong or not there.
  bool IsHopeless() const;
};

// A worker that a daemon knows.
struct SessionView {
  std::string uid, id, owner;
  std::optional<WallTime> last_activity;
};

// A daemon of a pod. One that did not answer has only its pod.
struct DaemonView {
  std::string pod_uid, pod_name;
  bool reachable = false;
  std::string session_id, version;
  uint64_t admin_api = 1;  // lib/contract/admin_api.h
  bool awaiting_bootstrap = false;
  std::vector<StoreView> stores;
  uint64_t quarantined = 0;
  std::optional<WallTime> last_quick_check, last_full_check;
  // Of those that were asked for by uid, the ones it knows. An operation that is missing here was
  // not found, if the daemon is reachable.
  std::map<std::string, OperationView> operations;
  std::string trouble;  // of one that is not reachable: what went wrong, for people
  // It answered, but by its version nobody knows what it means: it counts as not reachable.
  bool skewed = false;

  const StoreView* Store(const std::string& name) const;
  const OperationView* Operation(const Uuid& uid) const;
};

// From the answers of GET status, stores, operations/{uid}. What is missing or odd stays empty:
// other versions answer, too.
void ReadStatus(const nlohmann::json& answer, DaemonView* daemon);
void ReadStores(const nlohmann::json& answer, DaemonView* daemon);
void ReadOperation(const nlohmann::json& answer, DaemonView* daemon);

// From the answer of GET sessions. Nothing: there is no such list in it.
std::optional<std::vector<SessionView>> ReadSessions(const nlohmann::json& answer);

// Whether a program of version `own` knows how a daemon of `version` speaks: of the same release,
// the one before or the one after (0.3.x: 0.2, 0.3, 0.4; 2.0.x also the last ones of 1). True when
// one of them is no version, as in builds of developers.
bool Understands(std::string_view own, std::string_view version);
// Why nothing can be asked of one that is not reachable, for people; the same each time.
std::string WhyUnreachable(const DaemonView& daemon);

// A member that counts something; 0 where there is none, or it is no such number.
uint64_t CountOf(const nlohmann::json& object, const char* name);

const DaemonView* FindDaemon(const std::vector<DaemonView>& daemons, const std::string& pod_uid);

}  // namespace pannier::control

// What a planner answers: the steps of one pass and when to look again.
//
// A planner is a pure function of what was read and the time. It is not told why it runs, and what
// carries its plan out may be cut short before or after any step; the next pass begins anew with
// whatever is there. Therefore names and uids of what is made follow from what it stands for, every
// step may be repeated, and a status says nothing that was not seen.
//
// The steps are carried out in this order; a failure ends the pass, and the next one repeats it:
//   1  add_finalizer  by a JSON patch with a test
//   2  create         kConflict: it is there already, look again
//   3  resume         spec.suspend = false, at that resourceVersion
//   4  annotate       at that uid and resourceVersion
//   5  start          PUT operations/{uid} with our epoch; 409: it is there already, an earlier
//   pass
//                     asked a little differently, which is as good
//   6  grants         presign what is asked for and POST it
//   7  cancel         404: done
//   8  repository     deletes manifests; 404: done
//   9  status         a merge patch with resourceVersion, if it differs in meaning
//  10  remove         with uid (and resourceVersion where given) as preconditions; 404: done
//  11  release        takes our finalizer away
//  12  events         after the status, so that a repeated pass does not repeat them
// Nothing that deletes is in a plan whose status was not written before, where the status is the
// memory of it. Threads: plain values and pure functions.
#pragma once

#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "lib/core/clock.h"
#include "lib/core/uuid.h"
#include "operator/resource/condition.h"
#include "operator/resource/schema.h"

namespace pannier::control {

struct PlanEvent {
  bool warning = false;
  std::string reason, message;
};

// Asks a pod's daemon for an operation. The body lacks only `epoch`.
struct DaemonStart {
  std::string pod_uid;
  Uuid uid;
  nlohmann::json body;
};
struct DaemonCancel {
  std::string pod_uid;
  Uuid uid;
};
// URLs to presign for a daemon's operation: objects below our prefix, which the planner has
// checked.
struct GrantItem {
  std::string method, key;
  bool if_absent = false;  // a PUT that must not replace anything
};
struct DaemonGrant {
  std::string pod_uid;
  Uuid uid;
  std::vector<GrantItem> items;
};
struct ObjectRef {
  std::string resource;  // plural: storesnapshots, persistentvolumeclaims
  std::string name, uid;
  std::string resource_version;  // "" where any will do
  std::string why;
};
struct Annotation {
  ObjectRef object;
  std::string key;
  std::optional<std::string> value;  // nothing: it is removed
};
struct ManifestRef {
  std::string key, snapshot_uid;
};

// The part of all plans; Status is the kind's.
template <typename StatusType>
struct Plan {
  StatusType status;
  bool add_finalizer = false;
  std::vector<nlohmann::json> create;
  std::vector<ObjectRef> resume;
  std::vector<Annotation> annotate;
  std::vector<DaemonStart> start;
  std::vector<DaemonGrant> grants;
  std::vector<DaemonCancel> cancel;
  std::vector<ManifestRef> repository_deletes;
  std::vector<ObjectRef> remove;
  bool release = false;
  std::vector<PlanEvent> events;
  std::optional<WallTime> next_look;  // nothing: only a change matters

  void LookAt(std::optional<WallTime> time) {
    if (time && (!next_look || *time < *next_look)) next_look = time;
  }
  void Warn(std::string reason, std::string message) {
    events.push_back({true, std::move(reason), std::move(message)});
  }
  void Tell(std::string reason, std::string message) {
    events.push_back({false, std::move(reason), std::move(message)});
  }
  // How something ended: a warning unless it came out true.
  void TellEnd(Truth truth, std::string reason, std::string message) {
    events.push_back({truth != Truth::kTrue, std::move(reason), std::move(message)});
  }
};

// Pauses between attempts: 10 s, 20 s, 40 s … at most five minutes.
inline std::chrono::seconds PauseAfter(int64_t attempts) {
  const int64_t doubled = attempts < 6 ? int64_t{10} << (attempts > 0 ? attempts - 1 : 0) : 300;
  return std::chrono::seconds(doubled < 300 ? doubled : 300);
}

// How soon to look again at what daemons are doing since `start`: small stores are done in a
// moment, and nobody wants to wait for the look.
inline std::chrono::seconds PollSince(std::optional<WallTime> start, WallTime now) {
  const bool is_young = start && now - *start < std::chrono::seconds(60) && now >= *start;
  return std::chrono::seconds(is_young ? 1 : 5);
}

// Whether a pause that ends at `due` is over; also when the clock was put back since.
inline bool IsPauseOver(WallTime due, WallTime now) {
  return now >= due || due - now > std::chrono::seconds(300);
}

}  // namespace pannier::control

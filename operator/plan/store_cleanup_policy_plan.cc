#include "operator/plan/store_cleanup_policy_plan.h"

#include <algorithm>
#include <map>
#include <set>
#include <tuple>

#include "lib/core/time_text.h"
#include "operator/cron/cron.h"
#include "operator/resource/names.h"

namespace pannier::control {
namespace {

using std::chrono::seconds;

// The rules of a policy, each with how long its things must be unneeded.
std::map<std::string, seconds> GracesOf(const CleanupRules& rules) {
  std::map<std::string, seconds> graces;
  if (rules.idle_stores) graces[kIdleStoresRule] = seconds(rules.idle_stores->idle_seconds);
  if (rules.sessions) graces[kSessionsRule] = seconds(rules.sessions->idle_seconds);
  if (rules.orphan_files)
    graces[kOrphanFilesRule] = seconds(rules.orphan_files->older_than_seconds);
  if (rules.repository_objects) {
    graces[kRepositoryObjectsRule] = seconds(rules.repository_objects->unreferenced_seconds);
  }
  if (rules.snapshots) graces[kSnapshotsRule] = seconds(rules.snapshots->failed_older_than_seconds);
  if (rules.claims) graces[kClaimsRule] = seconds(rules.claims->unused_seconds);
  return graces;
}

// Rules whose things a daemon or the repository removes together, and no single one of them.
bool IsWhole(const std::string& rule) {
  return rule == kOrphanFilesRule || rule == kRepositoryObjectsRule;
}

class Planner {
 public:
  Planner(const StoreCleanupPolicy& policy, const CleanupObserved& seen, WallTime now)
      : policy_(policy), seen_(seen), now_(now), graces_(GracesOf(policy.spec.rules)) {
    plan_.status = policy.status;
  }

  CleanupPlan Run() {
    const Result<Cron> cron =
        Cron::Parse(policy_.spec.schedule, policy_.spec.time_zone, policy_.meta.uid);
    plan_.status.next_run.reset();
    if (!cron.ok()) {
      Say("Ready", Truth::kFalse, "InvalidSchedule", cron.error().what);
      return std::move(plan_);
    }
    if (policy_.spec.suspend) {
      Say("Ready", Truth::kFalse, "Suspended", "");
      return std::move(plan_);
    }
    if (const auto slot = CleanupSlot(policy_, now_)) RunOnce(*slot);
    if (Find(plan_.status.conditions, "Ready") == nullptr ||
        ReasonOf(plan_.status.conditions, "Ready") == "Suspended" ||
        ReasonOf(plan_.status.conditions, "Ready") == "InvalidSchedule") {
      Say("Ready", Truth::kTrue, "Scheduled", "");
    }
    plan_.status.next_run = cron->NextDue(now_);
    plan_.LookAt(plan_.status.next_run);
    return std::move(plan_);
  }

 private:
  void Say(const char* type, Truth truth, const char* reason, const std::string& message) {
    Set(&plan_.status.conditions, {type, truth, reason, message, policy_.meta.generation}, now_);
  }

  void RunOnce(WallTime slot) {
    plan_.status.last_run = now_;
    Mark();
    if (seen_.errors.empty()) {
      Say("Ready", Truth::kTrue, "Scheduled", "");
      Act(slot);
    } else {
      Say("Ready", Truth::kFalse, "ListFailed",
          "nothing was removed, as not all could be read: " + seen_.errors.front());
      plan_.Warn("ListFailed", seen_.errors.front());
    }
    Report();
  }

  // Since when nobody needs it: as the thing says, else as the run before said.
  std::optional<WallTime> SinceOf(const CleanupThing& thing) const {
    if (thing.since) return thing.since;
    const CleanupSample* earlier = Earlier(thing);
    return earlier != nullptr ? earlier->since : std::nullopt;
  }
  const CleanupSample* Earlier(const CleanupThing& thing) const {
    for (const CleanupSample& each : policy_.status.sample) {
      if (each.kind == thing.kind && each.uid == thing.uid) return &each;
    }
    return nullptr;
  }

  // Stamps what is not needed, takes the stamp from what is needed again.
  void Mark() {
    for (const CleanupThing& thing : seen_.things) {
      if (graces_.count(thing.rule) == 0) continue;
      const bool stamps = thing.rule == kClaimsRule && MayRemove(thing.rule);
      const ObjectRef object{"persistentvolumeclaims", thing.name, thing.uid,
                             thing.resource_version, ""};
      if (stamps && thing.needed == thing.since.has_value()) {
        std::optional<std::string> stamp;
        if (!thing.needed) stamp = FormatTime(std::chrono::floor<seconds>(now_));
        plan_.annotate.push_back({object, kUnusedSince, stamp});
      }
      if (!thing.needed) candidates_.push_back(&thing);
    }
    std::sort(candidates_.begin(), candidates_.end(), [&](const auto* a, const auto* b) {
      const WallTime a_since = SinceOf(*a).value_or(now_), b_since = SinceOf(*b).value_or(now_);
      return std::tie(a_since, a->rule, a->uid) < std::tie(b_since, b->rule, b->uid);
    });
  }

  // Named by an earlier run, too, and for long enough.
  bool IsRipe(const CleanupThing& thing) const {
    if (Earlier(thing) == nullptr) return false;
    const std::optional<WallTime> since = SinceOf(thing);
    return since && now_ - *since >= graces_.at(thing.rule);
  }

  int64_t LimitOf(const std::string& rule) const {
    const auto all = std::count_if(seen_.things.begin(), seen_.things.end(),
                                   [&](const CleanupThing& each) { return each.rule == rule; });
    return std::max<int64_t>(1, all * policy_.spec.limits.max_percent / 100);
  }

  void Act(WallTime slot) {
    int64_t left = policy_.spec.limits.max_deletions;
    std::map<std::string, int64_t> done;
    std::string reached;
    std::map<std::string, std::vector<const CleanupThing*>> whole, sessions;  // by rule, by pod
    for (const CleanupThing* thing : candidates_) {
      if (!IsRipe(*thing) || policy_.spec.mode == CleanupMode::kReport) continue;
      // An object of a repository cannot be put aside.
      const bool objects = thing->rule == kRepositoryObjectsRule;
      if (objects && policy_.spec.mode != CleanupMode::kDelete) continue;
      if (IsWhole(thing->rule)) {
        whole[thing->rule].push_back(thing);
        continue;
      }
      if (!MayRemove(thing->rule)) continue;
      if (left == 0 || done[thing->rule] == LimitOf(thing->rule)) {
        reached = thing->rule;
        continue;
      }
      --left;
      ++done[thing->rule];
      if (thing->rule == kSessionsRule) {
        sessions[thing->place].push_back(thing);
      } else if (thing->rule == kIdleStoresRule) {
        PutAside(slot, *thing);
      } else {
        Remove(*thing);
      }
    }
    EndSessions(slot, sessions);
    SweepWhole(slot, whole, left, &reached);
    SayLimit(reached);
  }

  void SweepWhole(WallTime slot,
                  const std::map<std::string, std::vector<const CleanupThing*>>& whole,
                  int64_t left, std::string* reached) {
    for (const auto& [rule, things] : whole) {
      const auto count = static_cast<int64_t>(things.size());
      if (count > left) {
        *reached = rule;
        continue;
      }
      left -= count;
      RemoveWhole(slot, rule, things);
    }
  }

  void SayLimit(const std::string& reached) {
    if (reached.empty()) return Say("LimitReached", Truth::kFalse, "WithinLimits", "");
    Say("LimitReached", Truth::kTrue, "LimitReached",
        "more is to be removed than limits allow in one run: " + reached);
    plan_.Warn("LimitReached", "rule " + reached);
  }

  // Objects of the API and sessions cannot be put aside; stores can.
  bool MayRemove(const std::string& rule) const {
    if (rule == kIdleStoresRule) return policy_.spec.mode != CleanupMode::kReport;
    return policy_.spec.mode == CleanupMode::kDelete &&
           (rule == kSnapshotsRule || rule == kSessionsRule ||
            (rule == kClaimsRule && seen_.may_delete_claims));
  }

  void Remove(const CleanupThing& thing) {
    const char* resource =
        thing.rule == kClaimsRule ? "persistentvolumeclaims" : kStoreSnapshotKind.plural;
    plan_.remove.push_back({resource, thing.name, thing.uid, thing.resource_version, thing.why});
    plan_.Tell("Deleted", thing.kind + " " + thing.name + ": " + thing.why);
    Count(thing);
  }

  // The daemon takes it away only if it is unused and unchanged still.
  void PutAside(WallTime slot, const CleanupThing& thing) {
    const IdleStoresRule& rule = *policy_.spec.rules.idle_stores;
    nlohmann::json body = {{"action", "quarantine"},
                           {"store", thing.store},
                           {"id", thing.uid.substr(thing.place.size() + 1)},
                           {"idleSeconds", rule.idle_seconds}};
    if (thing.sequence) body["sequence"] = *thing.sequence;
    // Else it stays in quarantine until somebody decides.
    if (policy_.spec.mode == CleanupMode::kDelete) {
      body["quarantineSeconds"] = rule.quarantine_seconds;
    }
    const Uuid uid = OperationUid({policy_.meta.uid, "quarantine", thing.uid, FormatTime(slot)});
    plan_.start.push_back({thing.place, uid, std::move(body)});
    plan_.Tell("Retiring", thing.kind + " " + thing.name + ": " + thing.why);
    Count(thing);
  }

  // The daemon ends only those that are still silent then.
  void EndSessions(WallTime slot,
                   const std::map<std::string, std::vector<const CleanupThing*>>& by_pod) {
    for (const auto& [pod_uid, things] : by_pod) {
      nlohmann::json uids = nlohmann::json::array();
      for (const CleanupThing* thing : things) {
        uids.push_back(thing->uid.substr(pod_uid.size() + 1));
        Count(*thing);
      }
      plan_.start.push_back({pod_uid,
                             SessionsUid(policy_, pod_uid, slot),
                             {{"action", "sweep"},
                              {"what", "Sessions"},
                              {"mode", "Delete"},
                              {"sessions", std::move(uids)},
                              {"sessionIdleSeconds", graces_.at(kSessionsRule).count()}}});
      plan_.Tell("Swept", std::string(kSessionsRule) + ": " + std::to_string(things.size()));
    }
  }

  void Count(const CleanupThing& thing) {
    removed_.insert(thing.kind + "/" + thing.uid);
    RuleResult& result = results_[thing.rule];
    ++result.deleted;
    result.reclaimed_bytes += static_cast<int64_t>(thing.bytes);
  }

  void RemoveWhole(WallTime slot, const std::string& rule,
                   const std::vector<const CleanupThing*>& things) {
    std::set<std::string> places;
    for (const CleanupThing* thing : things) {
      places.insert(thing->place);
      Count(*thing);
    }
    const bool deletes = policy_.spec.mode == CleanupMode::kDelete;
    for (const std::string& place : places) {
      if (rule == kRepositoryObjectsRule) {
        plan_.collect.emplace_back(place, graces_.at(rule));
        continue;
      }
      plan_.start.push_back({place,
                             SweepUid(policy_, place, slot),
                             {{"action", "sweep"},
                              {"mode", deletes ? "Delete" : "Quarantine"},
                              {"graceSeconds", graces_.at(rule).count()}}});
    }
    plan_.Tell("Swept", rule + ": " + std::to_string(things.size()));
  }

  void Report() {
    for (const auto& [rule, grace] : graces_) results_[rule].rule = rule;
    plan_.status.sample.clear();
    for (const CleanupThing* thing : candidates_) {
      ++results_[thing->rule].candidates;
      if (removed_.count(thing->kind + "/" + thing->uid) != 0 ||
          plan_.status.sample.size() == kSampleMax) {
        continue;
      }
      plan_.status.sample.push_back({thing->kind, thing->name, thing->uid, thing->why,
                                     SinceOf(*thing).value_or(std::chrono::floor<seconds>(now_))});
    }
    plan_.status.rules.clear();
    for (auto& [rule, result] : results_) plan_.status.rules.push_back(result);
  }

  const StoreCleanupPolicy& policy_;
  const CleanupObserved& seen_;
  const WallTime now_;
  const std::map<std::string, seconds> graces_;
  std::vector<const CleanupThing*> candidates_;  // unneeded for longest first
  std::set<std::string> removed_;
  std::map<std::string, RuleResult> results_;
  CleanupPlan plan_;
};

}  // namespace

std::optional<WallTime> CleanupSlot(const StoreCleanupPolicy& policy, WallTime now) {
  const Result<Cron> cron =
      Cron::Parse(policy.spec.schedule, policy.spec.time_zone, policy.meta.uid);
  if (!cron.ok() || policy.spec.suspend) return std::nullopt;
  const WallTime last = std::max(policy.meta.created.value_or(WallTime()),
                                 policy.status.last_run.value_or(WallTime()));
  const std::optional<WallTime> slot = cron->LastDue(now);
  return slot && *slot > last ? slot : std::nullopt;
}

Uuid SweepUid(const StoreCleanupPolicy& policy, const std::string& pod_uid, WallTime slot) {
  return OperationUid({policy.meta.uid, "sweep", pod_uid, FormatTime(slot)});
}

Uuid SessionsUid(const StoreCleanupPolicy& policy, const std::string& pod_uid, WallTime slot) {
  return OperationUid({policy.meta.uid, "sessions", pod_uid, FormatTime(slot)});
}

CleanupPlan PlanCleanup(const StoreCleanupPolicy& policy, const CleanupObserved& seen,
                        WallTime now) {
  return Planner(policy, seen, now).Run();
}

}  // namespace pannier::control

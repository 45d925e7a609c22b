#include "operator/plan/vector_store_plan.h"

#include <algorithm>
#include <cstdlib>
#include <map>

#include "lib/contract/version.h"
#include "operator/plan/bootstrap.h"
#include "operator/plan/repair.h"
#include "operator/resource/names.h"
#include "operator/resource/text.h"

namespace pannier::control {
namespace {

using std::chrono::seconds;

constexpr const char* kUnknownVersion = "unknown";
constexpr size_t kReasonMax = 256;
constexpr const char* kVersionSkew = "VersionSkew";
// What is less than both, a twentieth and this, is not worth telling.
constexpr int64_t kBytesNews = 20, kBytesNewsMin = 1 << 20;
constexpr size_t kMessageMax = 1024;

class Planner {
 public:
  Planner(const VectorStore& store, const VectorStoreObserved& seen, WallTime now)
      : store_(store), seen_(seen), now_(now) {
    plan_.status = store.status;
  }

  VectorStorePlan Run() {
    if (store_.spec.suspend) {
      Say("Ready", Truth::kUnknown, "Suspended", "everything is left as it is");
      return std::move(plan_);
    }
    FoldPods();
    FoldStores();
    FoldVersions();
    FoldUnhealthy();
    FoldSnapshots();
    Conclude();
    if (!IsMassCorruption()) PlanRepairs(store_, seen_, &plan_);
    PlanBootstrap(store_, seen_, now_, &plan_);
    // Each VectorStore at a moment of its own.
    plan_.LookAt(now_ + kStatusInterval +
                 std::chrono::milliseconds(HashOf(store_.meta.uid) % 5000));
    return std::move(plan_);
  }

 private:
  void Say(const char* type, Truth truth, const char* reason, const std::string& message) {
    Set(&plan_.status.conditions, {type, truth, reason, message, store_.meta.generation}, now_);
  }

  void FoldPods() {
    PodCounts pods;
    for (const PodView& pod : seen_.pods) {
      if (pod.deleting) continue;
      ++pods.matched;
      if (pod.injected) {
        ++pods.injected;
      } else {
        bare_ += (bare_.empty() ? "" : ", ") + pod.name;
      }
    }
    for (const DaemonView& daemon : seen_.daemons) {
      if (daemon.reachable) {
        ++pods.reachable;
      } else if (daemon.skewed) {
        skewed_ += (skewed_.empty() ? "" : ", ") + daemon.pod_name + ": " + daemon.trouble;
      } else {
        silent_ += (silent_.empty() ? "" : ", ") + daemon.pod_name;
      }
    }
    plan_.status.pods = pods;
  }

  void FoldStores() {
    StoreCounts counts;
    for (const DaemonView& daemon : seen_.daemons) {
      if (!daemon.reachable) continue;
      counts.quarantined += static_cast<int64_t>(daemon.quarantined);
      for (const StoreView& store : daemon.stores) {
        ++counts.total;
        counts.bytes += static_cast<int64_t>(store.bytes);
        ++(store.damaged ? counts.corrupt : store.degraded ? counts.degraded : counts.healthy);
      }
    }
    // Stores in use grow a little between any two looks: that alone is not worth a write.
    const int64_t before = plan_.status.stores.bytes;
    const int64_t news = std::max(before / kBytesNews, kBytesNewsMin);
    if (before > 0 && counts.bytes > 0 && std::abs(counts.bytes - before) < news) {
      counts.bytes = before;
    }
    plan_.status.stores = counts;
  }

  // The oldest check of any daemon is what holds for all.
  void FoldVersions() {
    std::map<std::string, int64_t> pods;
    std::optional<WallTime> quick, full;
    bool all_quick = true, all_full = true;
    const auto fold = [](const std::optional<WallTime>& time, std::optional<WallTime>* oldest,
                         bool* all) {
      *all = *all && time.has_value();
      if (time && (!*oldest || *time < **oldest)) *oldest = time;
    };
    for (const DaemonView& daemon : seen_.daemons) {
      if (daemon.skewed) ++pods[Cut(daemon.version, 64)];
      if (!daemon.reachable) continue;
      ++pods[daemon.version.empty() ? kUnknownVersion : Cut(daemon.version, 64)];
      fold(daemon.last_quick_check, &quick, &all_quick);
      fold(daemon.last_full_check, &full, &all_full);
    }
    if (quick && all_quick) plan_.status.last_quick_check = quick;
    if (full && all_full) plan_.status.last_full_check = full;
    if (pods.empty()) return;
    std::vector<DaemonVersion>& versions = plan_.status.daemon_versions;
    versions.clear();
    for (const auto& [version, count] : pods) versions.push_back({version, count});
    std::stable_sort(
        versions.begin(), versions.end(),
        [](const DaemonVersion& a, const DaemonVersion& b) { return a.pods > b.pods; });
    if (versions.size() > kDaemonVersionsMax) versions.resize(kDaemonVersionsMax);
  }

  // As it was seen before: since when, and who repairs it.
  UnhealthyStore Known(const DaemonView& daemon, const std::string& store, StoreState state,
                       const std::string& reason) const {
    UnhealthyStore unhealthy;
    unhealthy.pod_uid = daemon.pod_uid;
    unhealthy.pod_name = daemon.pod_name;
    unhealthy.store_name = store;
    unhealthy.state = state;
    unhealthy.since = std::chrono::floor<seconds>(now_);
    for (const UnhealthyStore& each : store_.status.unhealthy) {
      if (each.pod_uid != daemon.pod_uid || each.store_name != store || each.state != state)
        continue;
      unhealthy.since = each.since;
      unhealthy.operation_name = each.operation_name;
    }
    unhealthy.reason = Cut(reason, kReasonMax);
    return unhealthy;
  }

  void FoldUnhealthy() {
    std::vector<UnhealthyStore> list;
    for (const DaemonView& daemon : seen_.daemons) {
      if (!daemon.reachable) {
        // What was known of it is not forgotten, nor does it count.
        for (const UnhealthyStore& each : store_.status.unhealthy) {
          if (each.pod_uid == daemon.pod_uid) list.push_back(each);
        }
        continue;
      }
      if (daemon.awaiting_bootstrap) {
        list.push_back(Known(daemon, "all/stores", StoreState::kAwaitingBootstrap, ""));
      }
      for (const StoreView& store : daemon.stores) {
        if (store.damaged) {
          list.push_back(Known(daemon, store.name, StoreState::kCorrupt, store.damage));
        } else if (store.degraded) {
          list.push_back(Known(daemon, store.name, StoreState::kDegraded, ""));
        }
      }
    }
    std::stable_sort(list.begin(), list.end(),
                     [](const UnhealthyStore& a, const UnhealthyStore& b) {
                       return std::tie(a.state, a.since, a.pod_name, a.store_name) <
                              std::tie(b.state, b.since, b.pod_name, b.store_name);
                     });
    if (list.size() > kUnhealthyStoresMax) list.resize(kUnhealthyStoresMax);
    plan_.status.unhealthy = std::move(list);
  }

  void FoldSnapshots() {
    const StoreSnapshot* newest = NewestSound(seen_.snapshots);
    if (newest == nullptr) {
      plan_.status.last_snapshot.reset();
      plan_.status.last_snapshot_name.clear();
      return;
    }
    plan_.status.last_snapshot = newest->status.start;
    plan_.status.last_snapshot_name = newest->meta.name;
  }

  bool IsMassCorruption() const {
    const StoreCounts& counts = plan_.status.stores;
    return counts.corrupt >= kMassCorruptionMin &&
           counts.corrupt * 100 >= counts.total * kMassCorruptionPercent;
  }

  void Conclude() {
    const PodCounts& pods = plan_.status.pods;
    const std::string others = OtherVersions();
    if (bare_.empty() && others.empty()) {
      Say("Injected", Truth::kTrue, "Injected", "");
    } else if (bare_.empty()) {
      Say("Injected", Truth::kTrue, "OtherVersion", others);
    } else {
      Say("Injected", Truth::kFalse, "BarePods",
          "without a daemon, as the webhook was not there when they began; delete them: " + bare_);
    }
    ConcludeReach();
    ConcludeHealth();
    ConcludeBackups();
    for (const char* type : {"Injected", "DaemonsReachable", "Healthy"}) {
      const Condition* each = Find(plan_.status.conditions, type);
      if (each->status == Truth::kTrue) continue;
      const Condition copy = *each;
      return Say("Ready", copy.status, copy.reason.c_str(), copy.message);
    }
    if (pods.matched == 0) return Say("Ready", Truth::kFalse, "NoPods", "no pod names it");
    Say("Ready", Truth::kTrue, "AsWanted", "");
  }

  void ConcludeReach() {
    if (!skewed_.empty()) {
      if (ReasonOf(store_.status.conditions, "DaemonsReachable") != kVersionSkew) {
        plan_.Warn(kVersionSkew, skewed_);
      }
      return Say("DaemonsReachable", Truth::kFalse, kVersionSkew,
                 "nothing is asked of what may be meant otherwise; bring operator and daemons to "
                 "releases next to each other: " +
                     skewed_ + (silent_.empty() ? "" : "; no answer from " + silent_));
    }
    if (silent_.empty()) return Say("DaemonsReachable", Truth::kTrue, "Reachable", "");
    Say("DaemonsReachable", Truth::kFalse, "Unreachable", "no answer from " + silent_);
  }

  // After an upgrade, until pods are made anew. A VectorStore that names an image wants what it
  // has.
  std::string OtherVersions() const {
    if (!store_.spec.daemon.image.empty()) return "";
    std::string list;
    int64_t count = 0;
    for (const DaemonVersion& each : plan_.status.daemon_versions) {
      if (each.version == contract::Version() || each.version == kUnknownVersion) continue;
      list += (list.empty() ? "" : ", ") + each.version;
      count += each.pods;
    }
    if (count == 0) return "";
    return std::to_string(count) + " daemons are of another version than the operator's " +
           std::string(contract::Version()) + ": " + list +
           "; pods get that one when they are made anew";
  }

  void ConcludeHealth() {
    const StoreCounts& counts = plan_.status.stores;
    const bool waits = std::any_of(
        seen_.daemons.begin(), seen_.daemons.end(),
        [](const DaemonView& each) { return each.reachable && each.awaiting_bootstrap; });
    const std::string number = std::to_string(counts.corrupt) + " of " +
                               std::to_string(counts.total) + " stores are corrupt";
    if (IsMassCorruption()) {
      if (ReasonOf(store_.status.conditions, "Healthy") != "MassCorruption") {
        plan_.Warn("MassCorruption", number + "; nothing is repaired by itself");
      }
      return Say("Healthy", Truth::kFalse, "MassCorruption",
                 number + ": look for a bad disk or release; nothing is repaired by itself");
    }
    if (counts.corrupt > 0) return Say("Healthy", Truth::kFalse, "CorruptStores", number);
    if (waits) {
      const std::string why = WhyBootstrapWaits(store_, seen_);
      return Say("Healthy", Truth::kFalse, "AwaitingBootstrap",
                 why.empty() ? "daemons wait for a snapshot" : Cut(why, kMessageMax));
    }
    if (!silent_.empty() || !skewed_.empty()) {
      return Say("Healthy", Truth::kUnknown, "Unreachable", "not all is known");
    }
    if (counts.degraded > 0) {
      return Say("Healthy", Truth::kTrue, "Degraded",
                 std::to_string(counts.degraded) + " stores are degraded");
    }
    Say("Healthy", Truth::kTrue, "Sound", "");
  }

  void ConcludeBackups() {
    const auto& freshness = store_.spec.snapshot_freshness_seconds;
    const auto& last = plan_.status.last_snapshot;
    if (!store_.spec.repository_ref) return Remove(&plan_.status.conditions, "BackedUp");
    if (!last) return Say("BackedUp", Truth::kFalse, "NoSnapshot", "there is no verified snapshot");
    if (freshness && now_ >= *last + seconds(*freshness)) {
      return Say("BackedUp", Truth::kFalse, "Stale",
                 "the newest verified snapshot is older than " + std::to_string(*freshness) + " s");
    }
    if (freshness) plan_.LookAt(*last + seconds(*freshness));
    Say("BackedUp", Truth::kTrue, "Fresh", "");
  }

  const VectorStore& store_;
  const VectorStoreObserved& seen_;
  const WallTime now_;
  std::string bare_, silent_;  // names of pods
  std::string skewed_;         // with what is amiss of each
  VectorStorePlan plan_;
};

}  // namespace

VectorStorePlan PlanVectorStore(const VectorStore& store, const VectorStoreObserved& seen,
                                WallTime now) {
  return Planner(store, seen, now).Run();
}

}  // namespace pannier::control

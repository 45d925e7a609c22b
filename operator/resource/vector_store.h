// VectorStore: a fleet of pods, each with a pannierd beside its workers. Threads: plain values.
#pragma once

#include "operator/resource/condition.h"
#include "operator/resource/resource.h"

namespace pannier::control {

struct ExistingVolume {
  std::string name, sub_path;
  void Fields(Visitor& v);
};
struct EphemeralClaim {
  std::string size, storage_class;
  void Fields(Visitor& v);
};
struct EmptyDir {
  std::string size_limit;
  void Fields(Visitor& v);
};
// Exactly one of them.
struct StoreStorage {
  std::optional<ExistingVolume> existing_volume;
  std::optional<EphemeralClaim> ephemeral_claim;
  std::optional<EmptyDir> empty_dir;
  void Fields(Visitor& v);
};
struct ContainerResources {
  std::map<std::string, std::string> limits, requests;
  void Fields(Visitor& v);
};
enum class LogLevel { kDebug, kInfo, kWarning, kError };
struct DaemonSpec {
  std::string image;
  ContainerResources resources;
  std::string config;  // a JSON object
  LogLevel log_level = LogLevel::kInfo;
  void Fields(Visitor& v);
};
struct IntegritySpec {
  int64_t quick_check_interval_seconds = 3600;
  std::string full_check_schedule, time_zone;
  void Fields(Visitor& v);
};
enum class RecoveryMode { kManual, kRebuildOnly, kAutomatic };
struct RecoverySpec {
  RecoveryMode mode = RecoveryMode::kRebuildOnly;
  int64_t max_attempts = 3;
  std::optional<int64_t> max_data_loss_seconds;
  int64_t quarantine_seconds = 604800;
  void Fields(Visitor& v);
};
enum class Bootstrap { kEmpty, kLatestSnapshot };

struct VectorStoreSpec {
  StoreStorage storage;
  Bootstrap bootstrap = Bootstrap::kEmpty;
  std::string socket_mount_path = "/run/pannier";
  int64_t loopback_port = 8000;
  DaemonSpec daemon;
  std::optional<Reference> repository_ref;
  IntegritySpec integrity;
  RecoverySpec recovery;
  std::optional<int64_t> snapshot_freshness_seconds;
  bool suspend = false;
  void Fields(Visitor& v);
};

struct PodCounts {
  int64_t matched = 0, injected = 0, reachable = 0;
  void Fields(Visitor& v);
};
struct StoreCounts {
  int64_t total = 0, healthy = 0, degraded = 0, corrupt = 0, quarantined = 0, bytes = 0;
  void Fields(Visitor& v);
};
struct DaemonVersion {
  std::string version;
  int64_t pods = 0;
  void Fields(Visitor& v);
};
enum class StoreState { kCorrupt, kDegraded, kAwaitingBootstrap };
struct UnhealthyStore {
  std::string pod_uid, store_name, pod_name;
  StoreState state = StoreState::kCorrupt;
  std::string reason;
  std::optional<WallTime> since;
  std::string operation_name;
  void Fields(Visitor& v);
};

inline constexpr size_t kUnhealthyStoresMax = 50;
inline constexpr size_t kDaemonVersionsMax = 8;

struct VectorStoreStatus {
  Conditions conditions;  // Ready, Injected, DaemonsReachable, Healthy, BackedUp
  PodCounts pods;
  StoreCounts stores;
  std::vector<DaemonVersion> daemon_versions;
  std::optional<WallTime> last_quick_check, last_full_check, last_snapshot;
  std::string last_snapshot_name;
  std::vector<UnhealthyStore> unhealthy;
  void Fields(Visitor& v);
};

using VectorStore = Resource<VectorStoreSpec, VectorStoreStatus>;
extern const Kind kVectorStoreKind;

}  // namespace pannier::control

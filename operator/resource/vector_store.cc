#include "operator/resource/vector_store.h"

#include "operator/resource/common_fields.h"

namespace pannier::control {
namespace {

constexpr const char* kBootstraps[] = {"Empty", "LatestSnapshot"};
constexpr const char* kLogLevels[] = {"debug", "info", "warning", "error"};
constexpr const char* kModes[] = {"Manual", "RebuildOnly", "Automatic"};
constexpr const char* kStates[] = {"Corrupt", "Degraded", "AwaitingBootstrap"};

const std::vector<Rule>& SpecRules() {
  static const std::vector<Rule> kRules = {
      {"self.recovery.mode != 'Automatic' || has(self.repositoryRef)",
       "recovery.mode Automatic needs repositoryRef: it restores from there", ".repositoryRef",
       "FieldValueRequired"},
      {"self.recovery.mode != 'Automatic' || has(self.recovery.maxDataLossSeconds)",
       "recovery.mode Automatic needs maxDataLossSeconds: how much may be lost without asking",
       ".recovery.maxDataLossSeconds", "FieldValueRequired"},
      {"!has(self.snapshotFreshnessSeconds) || has(self.repositoryRef)",
       "snapshotFreshnessSeconds needs repositoryRef", ".repositoryRef", "FieldValueRequired"},
      {"self.bootstrap != 'LatestSnapshot' || has(self.repositoryRef)",
       "bootstrap LatestSnapshot needs repositoryRef", ".repositoryRef", "FieldValueRequired"}};
  return kRules;
}

}  // namespace

void ExistingVolume::Fields(Visitor& v) {
  v.Text({.name = "name",
          .help = "Name of a volume of the pod, e.g. of a StatefulSet's claim template.",
          .required = true,
          .length_max = 63,
          .length_min = 1},
         &name);
  v.Text({.name = "subPath",
          .help = "Folder in the volume that the daemon gets.",
          .rules = {{"!self.startsWith('/') && !self.contains('..')",
                     "must be a path below the volume, without '..'"}}},
         &sub_path);
}

void EphemeralClaim::Fields(Visitor& v) {
  v.Text({.name = "size", .help = "Size of the volume.", .required = true, .quantity = true},
         &size);
  v.Text({.name = "storageClassName", .help = "Storage class. Default: the cluster's."},
         &storage_class);
}

void EmptyDir::Fields(Visitor& v) {
  v.Text({.name = "sizeLimit", .help = "Most that it may hold.", .quantity = true}, &size_limit);
}

void StoreStorage::Fields(Visitor& v) {
  v.Object({.name = "existingVolume", .help = "A volume that the pod has."}, &existing_volume);
  v.Object({.name = "ephemeralClaim", .help = "A volume claimed for each pod, gone with it."},
           &ephemeral_claim);
  v.Object({.name = "emptyDir", .help = "Disk of the node, gone with the pod."}, &empty_dir);
  v.Rules(
      {OneOf({"existingVolume", "ephemeralClaim", "emptyDir"}),
       {"has(self.existingVolume) == has(oldSelf.existingVolume) && has(self.ephemeralClaim) == "
        "has(oldSelf.ephemeralClaim) && has(self.emptyDir) == has(oldSelf.emptyDir)",
        "the kind of storage cannot be changed; make a new VectorStore", "",
        "FieldValueForbidden"}});
}

void ContainerResources::Fields(Visitor& v) {
  v.Map({.name = "limits", .help = "Most that the container gets.", .quantity = true}, &limits);
  v.Map({.name = "requests", .help = "What the container is sure of.", .quantity = true},
        &requests);
}

void DaemonSpec::Fields(Visitor& v) {
  v.Text(
      {.name = "image", .help = "Image of pannierd. Default: the operator's.", .length_max = 512},
      &image);
  v.Object({.name = "resources", .help = "CPU and memory of the sidecar."}, &resources);
  v.Raw({.name = "config", .help = "Merged into the daemon's configuration."}, &config);
  v.Choice({.name = "logLevel", .help = "Least that is logged."}, &log_level, kLogLevels);
}

void IntegritySpec::Fields(Visitor& v) {
  v.Number({.name = "quickCheckIntervalSeconds",
            .help = "Time between two quick checks of all stores.",
            .min = 60,
            .max = 31536000},
           &quick_check_interval_seconds);
  ScheduleField(v, "fullCheckSchedule", "When all stores are checked in full. Default: never.",
                false, &full_check_schedule);
  TimeZoneField(v, &time_zone);
}

void RecoverySpec::Fields(Visitor& v) {
  v.Choice(
      {.name = "mode",
       .help = "What may be done to a corrupt store without asking. Manual: nothing. RebuildOnly: "
               "what loses no data. Automatic: also a salvage or a restore that loses at most "
               "maxDataLossSeconds."},
      &mode, kModes);
  v.Number({.name = "maxAttempts", .help = "Repairs of one incident.", .min = 1, .max = 10},
           &max_attempts);
  v.Number({.name = "maxDataLossSeconds",
            .help = "Age of the writes that an automatic repair may lose.",
            .min = 0,
            .max = 31536000},
           &max_data_loss_seconds);
  v.Number({.name = "quarantineSeconds",
            .help = "How long a replaced store is kept.",
            .min = 0,
            .max = 31536000},
           &quarantine_seconds);
}

void VectorStoreSpec::Fields(Visitor& v) {
  v.Object({.name = "storage",
            .help = "Where the daemon keeps its stores. Exactly one.",
            .required = true},
           &storage);
  v.Choice(
      {.name = "bootstrap",
       .help = "What a daemon with an empty volume begins with. LatestSnapshot: it waits until "
               "the newest verified snapshot of its stores is restored."},
      &bootstrap, kBootstraps);
  v.Text({.name = "socketMountPath",
          .help = "Where workers find the socket.",
          .length_max = 90,
          .rules = {{"self.startsWith('/') && !self.contains('..')",
                     "must be an absolute path without '..'"}}},
         &socket_mount_path);
  v.Number({.name = "loopbackPort",
            .help = "Port on the pod's loopback for clients without Unix sockets. 0: none.",
            .min = 0,
            .max = 65535},
           &loopback_port);
  v.Object({.name = "daemon", .help = "The sidecar."}, &daemon);
  v.Object({.name = "repositoryRef", .help = "SnapshotRepository of its snapshots."},
           &repository_ref);
  v.Object({.name = "integrity", .help = "How often stores are checked."}, &integrity);
  v.Object({.name = "recovery", .help = "What happens to a corrupt store."}, &recovery);
  v.Number({.name = "snapshotFreshnessSeconds",
            .help = "Oldest that the newest verified snapshot may be for BackedUp to be True.",
            .min = 60,
            .max = 31536000},
           &snapshot_freshness_seconds);
  v.Flag({.name = "suspend", .help = "Whether the operator leaves everything as it is."}, &suspend);
  v.Rules(SpecRules());
}

void PodCounts::Fields(Visitor& v) {
  v.Number({.name = "matched", .help = "Pods that name this VectorStore."}, &matched);
  v.Number({.name = "injected", .help = "Of these, with a daemon."}, &injected);
  v.Number({.name = "reachable", .help = "Of these, whose daemon answered."}, &reachable);
}

void StoreCounts::Fields(Visitor& v) {
  v.Number({.name = "total", .help = "Stores of all reachable daemons."}, &total);
  v.Number({.name = "healthy", .help = "Of these, sound."}, &healthy);
  v.Number({.name = "degraded", .help = "Of these, slower or with less protection."}, &degraded);
  v.Number({.name = "corrupt", .help = "Of these, with damaged data."}, &corrupt);
  v.Number({.name = "quarantined", .help = "Stores put aside."}, &quarantined);
  v.Number({.name = "bytes", .help = "Bytes on disk."}, &bytes);
}

void DaemonVersion::Fields(Visitor& v) {
  v.Text({.name = "version",
          .help = "Version that a daemon reports.",
          .required = true,
          .length_max = 64},
         &version);
  v.Number({.name = "pods", .help = "Pods with it."}, &pods);
}

void UnhealthyStore::Fields(Visitor& v) {
  v.Text({.name = "podUID", .help = "Uid of the pod.", .required = true, .length_max = 64},
         &pod_uid);
  StoreNameField(v, "storeName", "The store, TENANT/DATABASE.", true, &store_name);
  v.Text({.name = "podName", .help = "Name of the pod."}, &pod_name);
  v.Choice({.name = "state", .help = "How it is."}, &state, kStates);
  v.Text({.name = "reason", .help = "What was found.", .length_max = 256}, &reason);
  v.Time({.name = "since", .help = "When it was seen first."}, &since);
  v.Text({.name = "operationName", .help = "StoreOperation that repairs it."}, &operation_name);
}

void VectorStoreStatus::Fields(Visitor& v) {
  ConditionsField(v, &conditions);
  v.Object({.name = "pods", .help = "Pods that name this VectorStore."}, &pods);
  v.Object({.name = "stores", .help = "Stores of all daemons."}, &stores);
  v.List({.name = "daemonVersions",
          .help = "Versions of daemons that answered.",
          .items_max = kDaemonVersionsMax,
          .keys = "version"},
         &daemon_versions);
  v.Time({.name = "lastQuickCheckTime", .help = "When the last quick check of all ended."},
         &last_quick_check);
  v.Time({.name = "lastFullCheckTime", .help = "When the last full check of all ended."},
         &last_full_check);
  v.Time({.name = "lastSnapshotTime", .help = "When the newest verified snapshot was taken."},
         &last_snapshot);
  v.Text({.name = "lastSnapshotName", .help = "Name of the newest verified StoreSnapshot."},
         &last_snapshot_name);
  v.List({.name = "unhealthyStores",
          .help = "The first of the stores that are not well.",
          .items_max = kUnhealthyStoresMax,
          .keys = "podUID,storeName"},
         &unhealthy);
}

const Kind kVectorStoreKind = {
    .name = "VectorStore",
    .plural = "vectorstores",
    .singular = "vectorstore",
    .short_name = "vst",
    .help =
        "A fleet of pods with the label pannier.dev/vectorstore: NAME, each of which gets a "
        "pannierd beside its workers.",
    .spec = [](Visitor& v) { VectorStoreSpec().Fields(v); },
    .status = [](Visitor& v) { VectorStoreStatus().Fields(v); },
    .columns = {{"Ready", "string", ".status.conditions[?(@.type==\"Ready\")].status"},
                {"Stores", "integer", ".status.stores.total"},
                {"Corrupt", "integer", ".status.stores.corrupt"},
                {"Pods", "integer", ".status.pods.matched"},
                {"Last-Snapshot", "date", ".status.lastSnapshotTime"},
                {"Age", "date", ".metadata.creationTimestamp"},
                {"Reason", "string", ".status.conditions[?(@.type==\"Ready\")].reason", true},
                {"Repository", "string", ".spec.repositoryRef.name", true},
                {"Daemon", "string", ".status.daemonVersions[0].version", true}},
    .rules = {{"self.metadata.name.size() <= 63",
               "metadata.name must have at most 63 characters: pods name it in a label"}}};

}  // namespace pannier::control

#include "operator/resource/snapshot_repository.h"

#include "operator/resource/common_fields.h"

namespace pannier::control {
namespace {

constexpr const char* kStyles[] = {"Auto", "Path", "Virtual"};
constexpr const char* kEncryptions[] = {"None", "AES256", "KMS"};
constexpr const char* kAccesses[] = {"ReadWrite", "ReadOnly"};

}  // namespace

void S3CredentialsRef::Fields(Visitor& v) {
  v.Text(
      {.name = "name", .help = "Secret of the same namespace.", .required = true, .length_min = 1},
      &name);
  v.Text({.name = "accessKeyIDKey", .help = "Its key that holds the access key id."}, &access_key);
  v.Text({.name = "secretAccessKeyKey", .help = "Its key that holds the secret access key."},
         &secret_key);
  v.Text({.name = "sessionTokenKey", .help = "Its key that holds a session token, if any."},
         &session_token);
}

void CaBundleRef::Fields(Visitor& v) {
  v.Text(
      {.name = "name", .help = "Secret of the same namespace.", .required = true, .length_min = 1},
      &name);
  v.Text({.name = "key", .help = "Its key that holds certificates as PEM."}, &key);
}

void S3Spec::Fields(Visitor& v) {
  v.Text({.name = "bucket",
          .help = "Name of the bucket.",
          .required = true,
          .length_max = 63,
          .length_min = 3},
         &bucket);
  v.Text({.name = "prefix",
          .help = "What the keys of all objects begin with, without slashes at its ends.",
          .length_max = 512,
          .rules = {{"!self.startsWith('/') && !self.endsWith('/') && !self.contains('..')",
                     "must not begin or end with '/', nor contain '..'"}}},
         &prefix);
  v.Text({.name = "region",
          .help = "Region that requests are signed for. Default: us-east-1.",
          .length_max = 64},
         &region);
  v.Text({.name = "endpoint",
          .help = "URL of the service. Default: AWS, by the region.",
          .length_max = 512,
          .rules = {{"self.startsWith('https://') || self.startsWith('http://')",
                     "must begin with https:// or http://"}}},
         &endpoint);
  v.Choice(
      {.name = "addressingStyle", .help = "Whether the bucket stands in the host or the path."},
      &addressing, kStyles);
  v.Object({.name = "credentialsSecretRef", .help = "Secret with the credentials."}, &credentials);
  v.Object({.name = "caBundleRef", .help = "Secret with the authorities to trust."}, &ca_bundle);
  v.Choice({.name = "serverSideEncryption", .help = "How the service encrypts objects."},
           &encryption, kEncryptions);
  v.Text({.name = "kmsKeyID", .help = "Key for serverSideEncryption KMS.", .length_max = 512},
         &kms_key_id);
  v.Text({.name = "storageClass", .help = "Storage class of new objects.", .length_max = 64},
         &storage_class);
  v.Rules({{"(self.serverSideEncryption == 'KMS') == has(self.kmsKeyID)",
            "kmsKeyID goes with serverSideEncryption KMS, and with nothing else", ".kmsKeyID"}});
  v.Rules(Immutable({"bucket", "prefix", "endpoint"}));
}

void VolumeSpec::Fields(Visitor& v) {
  v.Text({.name = "claimName",
          .help = "PersistentVolumeClaim that is mounted into the daemons.",
          .required = true,
          .length_min = 1},
         &claim_name);
  v.Text({.name = "subPath",
          .help = "Folder in the volume.",
          .rules = {{"!self.startsWith('/') && !self.contains('..')",
                     "must be a path below the volume, without '..'"}}},
         &sub_path);
  v.Rules(Immutable({"claimName", "subPath"}));
}

void SnapshotRepositorySpec::Fields(Visitor& v) {
  v.Object({.name = "s3", .help = "A bucket, or a part of one."}, &s3);
  v.Object({.name = "volume", .help = "A volume."}, &volume);
  v.Choice({.name = "accessMode", .help = "ReadOnly: nothing is written or deleted there."},
           &access, kAccesses);
  v.Number({.name = "validationIntervalSeconds",
            .help = "Time between two checks that it is there and ours.",
            .min = 30,
            .max = 86400},
           &validation_interval_seconds);
  ScheduleField(v, "deepVerifySchedule",
                "When a snapshot is read whole and checked. Default: never.", false,
                &deep_verify_schedule);
  TimeZoneField(v, &time_zone);
  v.Number({.name = "maxConcurrentTransfers",
            .help = "Stores that are taken into it or brought back at once.",
            .min = 1,
            .max = 64},
           &max_concurrent_transfers);
  v.Rules({OneOf({"s3", "volume"}),
           {"has(self.s3) == has(oldSelf.s3) && has(self.volume) == has(oldSelf.volume)",
            "the kind of repository cannot be changed; make a new SnapshotRepository", "",
            "FieldValueForbidden"}});
}

void DeepVerifyResult::Fields(Visitor& v) {
  v.Time({.name = "time", .help = "When it ended."}, &time);
  v.Text({.name = "snapshot", .help = "Uid of the snapshot that was read."}, &snapshot);
  v.Text({.name = "result", .help = "Sound, Unsound or Unavailable."}, &result);
}

void SnapshotRepositoryStatus::Fields(Visitor& v) {
  ConditionsField(v, &conditions);
  v.Text({.name = "repositoryID", .help = "Identity written into the repository when it was made."},
         &repository_id);
  v.Text({.name = "type", .help = "S3 or Volume."}, &type);
  v.Texts({.name = "capabilities", .help = "What the service can: ConditionalWrites, ObjectLock."},
          &capabilities);
  v.Time({.name = "lastValidationTime",
          .help = "When it was last found as it is; at most an hour older than that."},
         &last_validation);
  v.Number({.name = "snapshots", .help = "Snapshots in it."}, &snapshots);
  v.Number({.name = "bytes", .help = "Bytes that they hold."}, &bytes);
  v.Time({.name = "oldestSnapshotTime", .help = "When the oldest was taken."}, &oldest);
  v.Time({.name = "newestSnapshotTime", .help = "When the newest was taken."}, &newest);
  v.Object({.name = "lastDeepVerify", .help = "The last check of a whole snapshot."}, &deep_verify);
}

const Kind kSnapshotRepositoryKind = {
    .name = "SnapshotRepository",
    .plural = "snapshotrepositories",
    .singular = "snapshotrepository",
    .short_name = "srepo",
    .help = "Where snapshots are kept. Deleting this object never touches the data.",
    .spec = [](Visitor& v) { SnapshotRepositorySpec().Fields(v); },
    .status = [](Visitor& v) { SnapshotRepositoryStatus().Fields(v); },
    .columns = {{"Type", "string", ".status.type"},
                {"Ready", "string", ".status.conditions[?(@.type==\"Ready\")].status"},
                {"Reason", "string", ".status.conditions[?(@.type==\"Ready\")].reason"},
                {"Snapshots", "integer", ".status.snapshots"},
                {"Newest", "date", ".status.newestSnapshotTime"},
                {"Age", "date", ".metadata.creationTimestamp"}}};

}  // namespace pannier::control

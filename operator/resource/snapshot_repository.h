// SnapshotRepository: where snapshots are kept. Threads: plain values.
#pragma once

#include "operator/resource/condition.h"
#include "operator/resource/resource.h"

namespace pannier::control {

struct S3CredentialsRef {
  std::string name;
  std::string access_key = "accessKeyID", secret_key = "secretAccessKey";  // keys of the Secret
  std::string session_token;                                               // empty: none
  void Fields(Visitor& v);
};
struct CaBundleRef {
  std::string name, key = "ca.crt";
  void Fields(Visitor& v);
};
enum class AddressingStyle { kAuto, kPath, kVirtual };
enum class Encryption { kNone, kAes256, kKms };
struct S3Spec {
  std::string bucket, prefix, region, endpoint;
  AddressingStyle addressing = AddressingStyle::kAuto;
  std::optional<S3CredentialsRef> credentials;
  std::optional<CaBundleRef> ca_bundle;
  Encryption encryption = Encryption::kNone;
  std::string kms_key_id, storage_class;
  void Fields(Visitor& v);
};
struct VolumeSpec {
  std::string claim_name, sub_path;
  void Fields(Visitor& v);
};
enum class AccessMode { kReadWrite, kReadOnly };

struct SnapshotRepositorySpec {
  std::optional<S3Spec> s3;          // one of
  std::optional<VolumeSpec> volume;  // these two
  AccessMode access = AccessMode::kReadWrite;
  int64_t validation_interval_seconds = 300;
  std::string deep_verify_schedule, time_zone;
  int64_t max_concurrent_transfers = 4;
  void Fields(Visitor& v);
};

struct DeepVerifyResult {
  std::optional<WallTime> time;
  std::string snapshot, result;  // result: Sound, Unsound, Unavailable
  void Fields(Visitor& v);
};
struct SnapshotRepositoryStatus {
  Conditions conditions;  // Ready
  std::string repository_id;
  std::string type;  // S3 or Volume, for a column
  std::vector<std::string> capabilities;
  std::optional<WallTime> last_validation;
  std::optional<int64_t> snapshots, bytes;
  std::optional<WallTime> oldest, newest;
  std::optional<DeepVerifyResult> deep_verify;
  void Fields(Visitor& v);
};

using SnapshotRepository = Resource<SnapshotRepositorySpec, SnapshotRepositoryStatus>;
extern const Kind kSnapshotRepositoryKind;

}  // namespace pannier::control

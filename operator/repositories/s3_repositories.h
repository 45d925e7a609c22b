// SnapshotRepositories in S3 as the operator uses them: probes, listings, URLs for daemons,
// deletions. (One on a volume is reached through a daemon that has it mounted.)
//
// The credentials are those of the Secret that the SnapshotRepository names; they are given anew to
// each call, kept in memory only, and never in a message. Every call is bounded in time and in what
// it reads. Threads: any. Lifetime: `clock` outlives it.
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "lib/core/clock.h"
#include "lib/core/result.h"
#include "operator/daemons/daemon_calls.h"
#include "operator/plan/inventory.h"
#include "operator/plan/plan.h"
#include "operator/plan/snapshot_repository_plan.h"
#include "operator/resource/snapshot_repository.h"

namespace pannier::control {

// Secrets by name of the repository's namespace: what spec.s3.credentialsSecretRef and caBundleRef
// name, decoded. Nothing: there is no such Secret (or ConfigMap).
struct RepositorySecrets {
  std::optional<std::map<std::string, std::string>> credentials, ca_bundle;
};

class S3Repositories {
 public:
  virtual ~S3Repositories() = default;

  // Reaches the bucket, compares clocks, reads the identity, looks whether anything is there, and,
  // for ReadWrite and where the identity is the expected one, writes, reads and deletes an object
  // below "probe/". Never an error: what went wrong is in the probe.
  virtual RepositoryProbe Probe(const SnapshotRepository& repository,
                                const RepositorySecrets& secrets) = 0;
  // Writes a new identity where nothing is. Returns the one that is there then.
  //   kConflict  there are objects, and no identity
  virtual Result<std::string> MakeIdentity(const SnapshotRepository& repository,
                                           const RepositorySecrets& secrets) = 0;

  // All of these check first that the repository's identity is status.repositoryID.
  //   kConflict          it is not; nothing was done
  //   kPermissionDenied  also: a Secret is missing, or it is ReadOnly and would be changed
  //   kUnavailable, kDeadlineExceeded, kCorruption  as object_store.h and repository.h say
  // Times are those of the manifests' objects; `bytes`: what the snapshots that are there have
  // added, as far as their manifests have been read by now, so never too much.
  // `slot`: of the check that chooses one of them.
  virtual Result<RepositoryListing> List(const SnapshotRepository& repository,
                                         const RepositorySecrets& secrets, WallTime slot) = 0;
  // Whose snapshots there are, and of those of the rule the newest sound one of each store.
  virtual Result<RepositoryInventory> Inventory(const SnapshotRepository& repository,
                                                const RepositorySecrets& secrets,
                                                const ClaimRule& rule) = 0;
  // Which of these uids have a manifest of that owner (its uid): its key, by uid.
  //   kInvalidArgument  no owner's uid
  virtual Result<std::map<std::string, std::string>> FindManifests(
      const SnapshotRepository& repository, const RepositorySecrets& secrets,
      const std::string& owner, const std::vector<Uuid>& uids) = 0;
  // Absent is fine, held is not.
  //   kConflict         also: it is held
  //   kInvalidArgument  the key is no manifest's, or another snapshot's
  virtual Status DeleteManifest(const SnapshotRepository& repository,
                                const RepositorySecrets& secrets, const ManifestRef& manifest) = 0;
  // Garbage collection, one of its two agreeing runs. Returns bytes that were given back. After an
  // error, what was deleted until then stays deleted; the next run goes on.
  virtual Result<uint64_t> Collect(const SnapshotRepository& repository,
                                   const RepositorySecrets& secrets,
                                   std::chrono::seconds grace) = 0;

  // Computes, asks nobody. Valid for `valid`, at most a week, and at most 15 minutes by a temporary
  // credential, whose end nobody tells.
  //   kInvalidArgument   not a key, or a method other than GET and PUT
  //   kPermissionDenied  a Secret is missing
  virtual Result<std::vector<GrantedUrl>> Presign(const SnapshotRepository& repository,
                                                  const RepositorySecrets& secrets,
                                                  const std::vector<GrantItem>& items,
                                                  std::chrono::seconds valid) = 0;
};

struct S3RepositoriesOptions {
  std::chrono::milliseconds probe_timeout{20'000};     // of Probe() and MakeIdentity()
  std::chrono::milliseconds list_timeout{60'000};      // of List(), FindManifests(), …
  std::chrono::milliseconds collect_timeout{600'000};  // of Collect()
  std::chrono::milliseconds request_timeout{10'000};   // of one request
  uint32_t attempts_max = 3;                           // for each request
  uint64_t deletions_max = 10'000;                     // in one Collect()
};

// The real one. Credentials and CA bundles stay in memory; a connection lives as long as a call.
std::unique_ptr<S3Repositories> MakeS3Repositories(
    const Clock& clock, const S3RepositoriesOptions& options = S3RepositoriesOptions());

}  // namespace pannier::control

// From a SnapshotRepository and the Secrets that it names to what a client of S3 needs. Threads:
// pure functions; plain values.
#pragma once

#include <memory>

#include "lib/core/clock.h"
#include "lib/core/result.h"
#include "lib/repository/s3_store.h"
#include "operator/repositories/s3_repositories.h"
#include "operator/resource/snapshot_repository.h"

namespace pannier::control {

struct S3Access {
  repository::S3Options options;
  repository::Credentials credentials;
};

//   kInvalidArgument   it is not in S3
//   kNotFound          the Secret of the credentials is not there, or lacks a key
//   kPermissionDenied  the same of the CA bundle
Result<S3Access> AccessOf(const SnapshotRepository& repository, const RepositorySecrets& secrets);

}  // namespace pannier::control

// What a repository's manifests tell of whose snapshots they are. Only they say it, and they do not
// change: what was read of one is remembered, up to a number. Threads: any; nothing is locked while
// a manifest is read.
#pragma once

#include <string>
#include <unordered_map>
#include <vector>

#include "lib/core/mutex.h"
#include "lib/core/uuid.h"
#include "lib/repository/repository.h"
#include "operator/plan/inventory.h"

namespace pannier::control {

class S3Inventory {
 public:
  explicit S3Inventory(size_t remembered_max = 20'000) : remembered_max_(remembered_max) {}

  // Lists all snapshots, and reads of each store of an owner that may be meant the newest that was
  // found sound; of other owners one manifest. After an error what was read is remembered: the next
  // call goes on.
  //   errors of Repository::List(), ReadManifest() and ReadVerification()
  Result<RepositoryInventory> Take(repository::Repository& repository, const ClaimRule& rule,
                                   SteadyTime deadline) EXCLUDES(mutex_);

 private:
  struct Facts {
    std::string origin, store_name;
    WallTime time;
  };
  class OfOwner;
  Result<Facts> Read(repository::Repository& repository, const repository::SnapshotRef& ref,
                     SteadyTime deadline) EXCLUDES(mutex_);

  const size_t remembered_max_;
  Mutex mutex_;
  std::unordered_map<Uuid, Facts> facts_ GUARDED_BY(mutex_);  // by the snapshot's uid
};

}  // namespace pannier::control

// Which snapshots a repository has, by what their manifests say.
//
// A store's snapshots form a chain below one id (StoreChain()): the database's, which stays when
// its store is restored or salvaged. A restore turns the sequence back, so that within a chain the
// time of the manifest says which snapshot is newest, never the sequence. Manifests do not change:
// what was read of one is remembered, up to a number.
// Threads: any.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "daemon/operations/operation.h"
#include "daemon/store/stores.h"
#include "lib/core/clock.h"
#include "lib/core/mutex.h"
#include "lib/core/result.h"
#include "lib/repository/repository.h"

namespace pannier::operations {

// One snapshot as listings and plans need it.
struct FoundSnapshot {
  repository::SnapshotRef ref;
  StoreName store;
  std::string origin;
  WallTime time;
  uint64_t bytes = 0, new_bytes = 0, records = 0;
  std::optional<repository::Verification> verification;  // where ReadVerifications() was called
  bool sound() const { return verification && verification->sound; }
  bool unsound() const { return verification && !verification->sound; }
};

// The id of a database's chain. The default database, which has no id, gets one from its instance.
Uuid StoreChain(const store::DatabaseInfo& database, const Uuid& instance);

// Which one a restore means.
struct Wanted {
  std::optional<Uuid> snapshot;
  std::optional<uint64_t> sequence;
  std::optional<WallTime> at;  // none of the three: the latest
};

class SnapshotFinder {
 public:
  // All of `store` (nothing: of all stores) and `owner` (nil: of all), newest first. What cannot be
  // read is left out and counted in `unreadable`; `broken` says which and why, at most kBrokenMax.
  struct Listing {
    std::vector<FoundSnapshot> snapshots;
    uint64_t unreadable = 0;
    std::vector<std::string> broken;
    static constexpr size_t kBrokenMax = 20;
  };
  Result<Listing> List(repository::Repository& repository, const std::optional<StoreName>& store,
                       const Uuid& owner, SteadyTime deadline) EXCLUDES(mutex_);
  // What was read is no proof of what is there now: the next listing reads every manifest anew.
  void Forget() EXCLUDES(mutex_);
  //   kNotFound  no such snapshot
  Result<repository::SnapshotRef> Find(repository::Repository& repository, const Uuid& uid,
                                       SteadyTime deadline);
  // The newest sound or unverified one that fits. Prefers `owner`'s; else there must be one owner.
  //   kNotFound    none fits
  //   kConflict    several owners have snapshots of the store
  //   kCorruption  the one named was found unsound
  Result<FoundSnapshot> Choose(repository::Repository& repository, const StoreName& store,
                               const Uuid& owner, bool owner_given, const Wanted& wanted,
                               SteadyTime deadline);
  // For the gaps of a damaged store: the newest one that was found sound, `owner`'s if it has any.
  // Of others' only where they are of one owner: a store that came back after a disaster has no
  // snapshots of its own yet, but those that it came from.
  struct ForGaps {
    std::optional<FoundSnapshot> snapshot;
    std::string message;  // for people: why there is none, or whose it is; may be empty
  };
  Result<ForGaps> ChooseForGaps(repository::Repository& repository, const StoreName& store,
                                const Uuid& owner, SteadyTime deadline);
  // Of each store the newest one that is not unsound, by name. `manifests`: only of these keys, and
  // of every store that they are of; null: of all that there are.
  //   kNotFound    a manifest that is named is not there, or cannot be read
  //   kCorruption  all that are named of a store were found unsound
  Result<std::vector<FoundSnapshot>> ChooseAll(repository::Repository& repository,
                                               const Uuid& owner,
                                               const std::vector<std::string>* manifests,
                                               SteadyTime deadline);
  static Status ReadVerification(repository::Repository& repository, FoundSnapshot& snapshot,
                                 SteadyTime deadline);
  // Whose chunks a new snapshot of `chain` need not send: its newest; of a chain that is new here,
  // the newest of that name. Nothing when there is none, or when it was found unsound: then all is
  // sent again, which also heals what was lost.
  Result<std::optional<contract::Manifest>> FindParent(repository::Repository& repository,
                                                       const StoreName& store, const Uuid& owner,
                                                       const Uuid& chain, SteadyTime deadline);
  // Of the manifest itself, for what has been read already.
  void Remember(const repository::SnapshotRef& ref, const contract::Manifest& manifest);

 private:
  struct Facts {
    StoreName store;
    std::string origin;
    WallTime time;
    uint64_t bytes = 0, new_bytes = 0, records = 0;
  };
  static Facts FactsOf(const contract::Manifest& manifest);
  Result<std::optional<repository::SnapshotRef>> NewestOfName(repository::Repository& repository,
                                                              const StoreName& store,
                                                              SteadyTime deadline);
  Result<Facts> Read(repository::Repository& repository, const repository::SnapshotRef& ref,
                     SteadyTime deadline) EXCLUDES(mutex_);

  Mutex mutex_;
  std::map<std::string, Facts> facts_ GUARDED_BY(mutex_);  // by key: it holds uids
};

}  // namespace pannier::operations

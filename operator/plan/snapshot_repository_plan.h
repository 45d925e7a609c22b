// What becomes of a SnapshotRepository: what probes found, in its conditions. Threads: pure
// functions.
#pragma once

#include <vector>

#include "operator/plan/daemon_view.h"
#include "operator/plan/plan.h"
#include "operator/resource/snapshot_repository.h"

namespace pannier::control {

// What the first call that did not go well said.
enum class ProbeFault {
  kNone,
  kSecretMissing,  // no such Secret, or it lacks a key
  kAccessDenied,
  kNotFound,  // no such bucket or claim
  kTlsInvalid,
  kUnreachable,
};

struct RepositoryProbe {
  ProbeFault fault = ProbeFault::kNone;
  std::string message;                             // of the fault; without one, of what is odd
  std::optional<std::chrono::seconds> clock_skew;  // the server's clock minus ours
  std::optional<std::string> identity;             // of the identity object; nothing: there is none
  bool empty = false;                              // nothing is below the prefix
  bool write_denied = false;                       // the write, read and delete probe was refused
  std::vector<std::string> capabilities;
};

struct RepositoryListing {
  int64_t snapshots = 0, bytes = 0;
  std::optional<WallTime> oldest, newest;
  // What a check that is due reads whole; "" without any. The key of S3 alone.
  std::string chosen_uid, chosen_key;
};

// Chooses among snapshots what a check due at `slot` reads: the newest that was there by then, else
// the first after it. So it stays the same while others come, for as long as the check takes.
class ChoiceToVerify {
 public:
  explicit ChoiceToVerify(WallTime slot) : slot_(slot) {}
  void Consider(WallTime time, const std::string& uid, const std::string& key,
                RepositoryListing* listing);

 private:
  const WallTime slot_;
  std::optional<WallTime> chosen_;
};

struct RepositoryObserved {
  // Made when IsProbeDue(); nothing otherwise. Of a volume: what a daemon's GET repositories says.
  std::optional<RepositoryProbe> probe;
  std::optional<RepositoryListing> listing;  // after a probe that found it ours
  // For checks of whole snapshots: daemons that have it mounted, or of S3 any of its VectorStores',
  // with the operation of DeepVerifyUid() if they know it.
  std::vector<DaemonView> daemons;
};

struct RepositoryPlan : Plan<SnapshotRepositoryStatus> {
  // Write a new identity object, only if absent, and probe again: the repository is empty and was
  // never ours.
  bool make_identity = false;
};

bool IsProbeDue(const SnapshotRepository& repository, WallTime now);
Uuid DeepVerifyUid(const SnapshotRepository& repository, WallTime slot);
// The check that is due; nothing when none is.
std::optional<WallTime> DeepVerifySlot(const SnapshotRepository& repository, WallTime now);

// When nothing changes, the status is written hourly at most.
RepositoryPlan PlanRepository(const SnapshotRepository& repository, const RepositoryObserved& seen,
                              WallTime now);

}  // namespace pannier::control

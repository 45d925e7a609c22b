// Brings the collections and records of one store into another.
//
// Collections meet by name. One that the other store does not have is made there, with its id when
// that is free. Two whose vectors differ in dimension or space cannot meet: that one is skipped,
// and said. Records meet by id; OnConflict decides between the two that bear one. Records carry no
// times of their own, so kNewest decides for the whole store: the newer one is the one with the
// higher sequence, which is to say with more commits; equal ones keep what is there. That is what
// is wanted for two stores that were one once (a fork, a snapshot that was restored beside, what
// was written while the volume was away); for others say kKeep or kReplace.
// Threads: any; one call, one thread. Memory: a few batches of at most 4 MiB. Lifetime: the
// arguments outlive the call.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "daemon/store/store.h"
#include "daemon/store/store_check.h"
#include "daemon/store/store_host.h"
#include "daemon/store/stores.h"
#include "lib/core/result.h"
#include "lib/core/uuid.h"
#include "lib/file/file_system.h"

namespace pannier::store {

enum class OnConflict {
  kKeep,     // what is there stays
  kReplace,  // the one that comes takes its place, whole, and counts as inserted last
  kNewest,   // one of the two, see above
};

struct MergeReport {
  uint64_t collections = 0;  // that were brought in, new ones and others
  uint64_t added = 0, replaced = 0, kept = 0;
  std::vector<std::string> messages;  // for people; at most kMessagesMax
  static constexpr size_t kMessagesMax = 100;
};

// Reads `from` at one sequence per collection and writes to `into`, which nobody else uses (an
// offline store); after an error it holds a part. `progress` counts records and may be empty.
//   kDeadlineExceeded  `progress` said stop
//   kConflict          there are collections, and all were skipped; the first one's reason
Result<MergeReport> MergeStores(Store& from, Store& into, OnConflict rule, const CallContext& call,
                                const Progress& progress);

struct MergeRequest {
  Uuid operation;
  StoreName from, into;
  OnConflict rule = OnConflict::kKeep;
  std::optional<WallTime> quarantine_expires;  // of what `into` was before
};

// The same for databases that are in use: writes of `into` are fenced, a copy of it takes in
// `from`, and then takes its place (Stores::Replace). A crash, or an error, leaves `into` as it
// was.
//   kNotFound         one of them does not exist
//   kInvalidArgument  they are the same
//   others            as Stores::FenceWrites, CopyStore and Stores::Replace
Result<MergeReport> MergeDatabases(Stores& stores, const MergeRequest& request,
                                   const StoreOptions& options, file::FileSystem& files,
                                   const CallContext& call, const Progress& progress);

}  // namespace pannier::store

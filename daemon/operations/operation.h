// What an operation is: one unit of admin work, asked for under a uid, done once.
// docs/admin-api.md shows the JSON. Threads: plain values; parsing is pure.
#pragma once

#include <chrono>
#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "lib/core/clock.h"
#include "lib/core/result.h"
#include "lib/core/uuid.h"

namespace pannier::operations {

enum class Action {
  kSnapshot,        // takes one and verifies it
  kSnapshotVerify,  // one that is in a repository
  kSnapshotHold,    // sets or drops the hold
  kSnapshotDelete,
  kRestore,  // of a store, or one collection of it; also from the repository alone
  kRepositoryInit,
  kRepositoryCheck,
  kRepositoryGc,  // retention, then garbage collection
  kVerify,        // a store's file
  kRebuildIndex,
  kSalvage,
  kCompact,
  kMerge,
  kFork,
  kExport,
  kImport,      // a Chroma persist directory
  kQuarantine,  // puts an unused store aside
  kSweep,       // leftovers: report, quarantine, delete
};
std::string_view ToString(Action action);  // "snapshot", "snapshotVerify", …

enum class State { kPending, kRunning, kAwaitingGrants, kSucceeded, kFailed, kCancelled };
std::string_view ToString(State state);  // "Pending", "Running", "AwaitingGrants", …

struct StoreName {
  std::string tenant, database;
};

struct Request {
  Uuid uid;
  std::optional<uint64_t> epoch;  // of a leader; nothing: a person asks
  Action action = Action::kVerify;
  std::optional<StoreName> store;
  std::string repository;  // by its name in the config; empty: none, or granted
  bool dry_run = false;    // plan only
  std::chrono::seconds timeout{3600};
  nlohmann::json arguments;  // what only this action knows; checked by it before it is taken
  std::string canonical;     // equal requests have equal text
};

//   kInvalidArgument  unknown action or member, missing or wrong member; names it
Result<Request> ParseRequest(const Uuid& uid, std::string_view body);

}  // namespace pannier::operations

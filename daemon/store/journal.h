// The operations that were asked for, in catalog.db: what survives a crash of the daemon, so that
// each goes forward or back at start. Bounded: ended ones beyond a number are forgotten, oldest
// first. docs/formats/catalog.md. Threads: any. Lifetime: part of Stores.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "lib/core/clock.h"
#include "lib/core/result.h"
#include "lib/core/uuid.h"

namespace pannier::store {

struct JournalEntry {
  Uuid uid;
  std::string request;  // canonical JSON of what was asked; equal requests have equal text
  std::string state;    // a word of daemon/operations
  std::string result;   // JSON; empty until it has ended
  uint32_t attempts = 0;
  bool happened = false;  // its change of the catalog is committed: go forward, never repeat
  bool ended = false;
  WallTime created, changed;
};

class Journal {
 public:
  virtual ~Journal() = default;
  // Durable when it returns. kConflict: the uid is there with another request.
  virtual Status Add(const JournalEntry& entry) = 0;
  virtual Status Update(const JournalEntry& entry) = 0;  // state, result, attempts, ended, changed
  virtual Result<std::optional<JournalEntry>> Find(const Uuid& uid) = 0;
  virtual Result<std::vector<JournalEntry>> List(uint32_t newest_max) = 0;  // newest first
  virtual Result<std::vector<JournalEntry>> Unfinished() = 0;               // oldest first
  // Forgets ended entries beyond the newest `keep`.
  virtual Status Prune(uint32_t keep) = 0;
  // The highest epoch ever seen, durable.  kPermissionDenied: `epoch` is lower
  virtual Status RaiseEpoch(uint64_t epoch) = 0;
};

}  // namespace pannier::store

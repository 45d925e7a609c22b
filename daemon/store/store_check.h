// Is a store's file sound? Reads a store.db that nobody has open, changes nothing.
//
// Quick: format, every page's checksum, SQLite's quick_check. Full: also integrity_check, every
// record's checksums, that counters and id indexes agree with the rows, and that metadata can be
// read. Threads: any. Run in a child process where the file comes from outside
// (daemon/process/child.h).
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "daemon/store/progress.h"
#include "lib/core/result.h"

namespace pannier::store {

enum class CheckLevel { kQuick, kFull };

struct Damage {
  std::string collection;  // id; empty: of the store itself
  int64_t record = -1;     // number; -1: unknown
  std::string id;          // of the record, when it can be read
  std::string what;
};

struct CheckReport {
  bool sound = false;
  uint64_t sequence = 0, collections = 0, records = 0, bytes = 0;
  std::vector<Damage> damage;  // at most kDamageMax
  uint64_t damage_total = 0;
  static constexpr size_t kDamageMax = 1'000;
};

// An error only when the check could not be made (kUnavailable, kNotFound, kInvalidArgument: newer
// format); damage is a result. `vfs` as in StoreOptions.
Result<CheckReport> CheckStoreFile(const std::string& folder, CheckLevel level,
                                   const std::string& vfs, const Progress& progress);

}  // namespace pannier::store

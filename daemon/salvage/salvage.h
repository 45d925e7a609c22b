// Copies what can be read of a damaged store into a fresh one. docs/runbooks/damage.md.
//
// Trusts nothing of the source but its checksums: every page of the file (and every whole frame of
// the log) is looked at on its own, so that rows below a broken inner page are found as well. A
// leaf belongs to the table that the pointer map leads it to. A row is good when its own checksums
// say so. Where the source is silent or broken, the newest verified snapshot fills the gaps: a
// record is taken from there when the damaged store still lists its id, or can no longer tell, and
// does not hold it readable. Memory: bounded by the number of records (about 100 bytes each), not
// by their size; at least 100 MB/s. Threads: one call, one thread. The caller runs it in a child
// process: the library that reads the file's remains may crash on them.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "daemon/store/store_check.h"
#include "lib/core/result.h"

namespace pannier::salvage {

struct LostRecord {
  std::string collection;  // its name, else its number
  std::string id;          // empty when even that could not be read
  int64_t record = -1;
};

struct Report {
  uint64_t collections = 0, records = 0;
  uint64_t from_snapshot = 0;         // of these, filled in from the snapshot
  uint64_t lost_total = 0;            // once here, and in neither
  std::vector<LostRecord> lost;       // at most kLostMax
  bool lost_exact = true;             // false when it cannot be told what was there; then the
                                      // first message says so
  std::vector<std::string> messages;  // at most 20, for people
  uint64_t sequence = 0;              // the fresh store's; not below the damaged one's
  static constexpr size_t kLostMax = 10'000;
};

// `damaged`, `snapshot` (empty: none): folders with a store.db. `fresh`: an empty folder; at
// success it holds a whole, synced store.db. The damaged one is not written.
//   kCorruption  nothing at all could be made out, or no record could be had and it cannot be told
//                how many there were; there is no fresh store
Result<Report> SalvageStore(const std::string& damaged, const std::string& snapshot,
                            const std::string& fresh, const std::string& vfs,
                            const store::Progress& progress);

// For the child process that salvages and the parent that asked.
std::string ReportToJson(const Report& report);
Result<Report> ReportFromJson(std::string_view text);

}  // namespace pannier::salvage

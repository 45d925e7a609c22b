// Finds what nobody owns in a data directory, and takes it away in careful steps.
//
// Leftovers are: staging folders of no running operation; folders below stores/ that the catalog
// does not know, also those of creations and deletions that were cut short; databases whose folder
// is missing (said, never acted on, like quarantine that is missing); expired quarantine;
// unfinished copies (*.new); and any other name in the data directory, below stores/, staging/ or
// quarantine/ that does not belong there. Nothing is acted on at first sight: a sweep remembers
// what it saw, and a later one, at least `grace` after the first, acts on what has not changed
// since. What might hold somebody's data is never deleted from where it was found: it is moved to
// quarantine, and deleted from there by another sweep, again at least `grace` later. Links are not
// followed, and nothing but files and folders is touched. Threads: any; sweeps take turns.
#pragma once

#include <chrono>
#include <cstdint>
#include <set>
#include <string>
#include <vector>

#include "lib/core/clock.h"
#include "lib/core/uuid.h"

namespace pannier::store {

enum class SweepMode {
  kReport,      // only looks
  kQuarantine,  // moves leftovers to quarantine
  kDelete,  // moves them there; deletes staging folders and unfinished copies, expired quarantine
            // and what a sweep moved to quarantine at least `grace` ago
};

struct SweepOptions {
  SweepMode mode = SweepMode::kReport;
  std::chrono::seconds grace{24 * 3600};
  std::set<Uuid> running;        // operations whose staging is theirs
  uint64_t removed_max = 1'000;  // things acted on by one sweep
};

struct Leftover {
  std::string path;  // relative to the data directory
  std::string why;   // "staging of no operation", …: for people
  uint64_t bytes = 0;
  WallTime since;        // when a sweep saw it first
  bool removed = false;  // moved or deleted by this sweep
};

struct SweepResult {
  std::vector<Leftover> found;  // at most kFoundMax
  uint64_t found_total = 0;
  uint64_t files = 0, bytes = 0;    // of all that was found
  uint64_t removed = 0;             // things moved to quarantine or deleted
  std::vector<std::string> errors;  // at most kErrorsMax; the sweep went on
  std::chrono::nanoseconds took{0};
  static constexpr size_t kFoundMax = 1'000, kErrorsMax = 100;
};

}  // namespace pannier::store

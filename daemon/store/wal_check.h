// Is a log that nobody has open whole, or only torn where a crash would tear it?
//
// SQLite reads a log up to the first frame that fails its check and drops the rest in silence:
// right for the transaction that a crash cut short, whose writer was told nothing, but a flipped
// bit drops every commit after it as well. Damage is told from a tear by what a crash cannot leave:
// a frame that fails while a later transaction, which began only after the failed one had been
// synced, is whole; or less than what was promised (log_promise.h). Where only the last
// transaction fails and nothing was promised of it, it counts as torn: a power failure leaves
// just that.
// Threads: any. Reads each byte of the log once, in little memory.
#pragma once

#include <cstdint>
#include <string>

#include "lib/core/result.h"

namespace pannier::store {

struct LogCheck {
  uint64_t frames = 0;   // whole, up to the last whole transaction: what SQLite will use
  uint64_t commits = 0;  // whole transactions in them
  bool dropped = false;  // a last transaction is there in full length, but fails its check
  // Half of the header that begins it anew is there: nothing of it counts.
  bool is_void = false;
  std::string damage;  // a sentence; empty: whole or torn
};

// `database`: the path of the main file. `vfs` as in StoreOptions. A log that is not there is fine,
// unless something was promised of it.
//   kUnavailable  it cannot be read
Result<LogCheck> CheckLog(const std::string& database, const std::string& vfs);

// The same for whoever is about to open the database to write: a dropped transaction is logged and
// counted, and the header of a void log is wiped. SQLite would take its salts for the next log, so
// that whole transactions of the old one seemed to follow.
//   kCorruption  the log is damaged
Status CheckLogBeforeOpening(const std::string& database, const std::string& vfs);
// Since the process started: transactions that were dropped though in full length.
uint64_t DroppedTransactions();

}  // namespace pannier::store

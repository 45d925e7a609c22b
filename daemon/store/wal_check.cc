#include "daemon/store/wal_check.h"

#include <atomic>

#include "daemon/store/log_promise.h"
#include "daemon/store/raw_file.h"
#include "daemon/store/wal_walk.h"
#include "lib/core/log.h"

namespace pannier::store {
namespace {

std::atomic<uint64_t> dropped_transactions{0};

// What the frames of one log say. `good` is what SQLite will use; after the first bad frame it
// looks for transactions that are whole.
class Findings {
 public:
  void Take(const LogFrame& frame) {
    const bool is_mark = frame.has_salts && frame.head.pages_after != 0;
    if (!frame.is_used) return NoteBeyond(is_mark, frame.follows);
    if (!is_mark) return;
    check_.frames = frame.number + 1;
    ++check_.commits;
  }
  // `dropped`: of a transaction in full length after the good ones.
  const LogCheck& check() const { return check_; }
  bool has_later_whole() const { return later_whole_; }

 private:
  // A transaction is whole when all its frames since the mark before follow one another.
  void NoteBeyond(bool is_mark, bool follows) {
    whole_ = whole_ && follows;
    if (!is_mark) return;
    if (check_.dropped && whole_) later_whole_ = true;
    check_.dropped = true;
    whole_ = true;
  }

  LogCheck check_;
  bool whole_ = true, later_whole_ = false;
};

std::string Missing(const Promised& promised, uint64_t there) {
  return "the log ends after " + std::to_string(there) + " frames of " +
         std::to_string(promised.frames) + " that were acknowledged";
}

Status WipeHeader(const std::string& log, const std::string& vfs) {
  RawFile file = TRY(RawFile::Open(log, RawFile::Mode::kReadWrite, vfs));
  TRY(file.WriteAt(0, std::string(kLogHeaderBytes, '\0')));
  return file.Sync();
}

}  // namespace

Result<LogCheck> CheckLog(const std::string& database, const std::string& vfs) {
  const std::optional<Promised> promised = LogPromise::Read(database, vfs);
  Result<RawFile> log = RawFile::Open(database + "-wal", RawFile::Mode::kRead, vfs);
  if (!log.ok() && !log.Is(Errc::kNotFound)) return std::move(log).error();
  if (!log.ok() || log->size() < kLogHeaderBytes) {
    LogCheck check;
    if (promised) check.damage = Missing(*promised, 0);
    return check;
  }
  LogHeader header;
  Findings findings;
  TRY(WalkLog(*log, &header, [&](const LogFrame& frame) { findings.Take(frame); }));
  if (header.is_half_next && !promised) {
    LogCheck check;
    check.is_void = true;
    return check;
  }
  LogCheck check = findings.check();
  // A whole header with other salts is of a log that began after the promise.
  const bool is_of_this_log = promised && (!header.valid || header.salts == promised->salts);
  if (findings.has_later_whole()) {
    check.damage = "frame " + std::to_string(check.frames + 1) +
                   " of the log or one soon after is damaged, and whole commits follow";
  } else if (is_of_this_log && check.frames < promised->frames) {
    check.damage = Missing(*promised, check.frames);
  }
  return check;
}

Status CheckLogBeforeOpening(const std::string& database, const std::string& vfs) {
  const LogCheck check = TRY(CheckLog(database, vfs));
  if (!check.damage.empty()) {
    return Corruption(database + "-wal: " + check.damage,
                      "salvage the store, or restore a snapshot (docs/runbooks/damage.md)");
  }
  if (check.is_void) return WipeHeader(database + "-wal", vfs);
  if (check.dropped) {
    dropped_transactions.fetch_add(1, std::memory_order_relaxed);
    LogWarn(
        "the last transaction of a log fails its check and is dropped; a power failure leaves "
        "one like it, that nobody was told of")
        .Add("file", database);
  }
  return {};
}

uint64_t DroppedTransactions() { return dropped_transactions.load(std::memory_order_relaxed); }

}  // namespace pannier::store

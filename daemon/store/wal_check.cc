#include "daemon/store/wal_check.h"

#include <atomic>
#include <vector>

#include "daemon/store/log_promise.h"
#include "daemon/store/raw_file.h"
#include "daemon/store/wal_format.h"
#include "lib/core/log.h"

namespace pannier::store {
namespace {

std::atomic<uint64_t> dropped_transactions{0};

// Walks the frames of one log. First as SQLite does; after the first bad frame it goes on with the
// same salts and looks for transactions that are whole.
class LogWalk {
 public:
  explicit LogWalk(const LogHeader& header)
      : header_(header), stored_(header.sum), computed_(header.sum), reading_(header.valid) {}

  void Take(std::span<const char> frame) {
    const FrameHeader head = ParseFrameHeader(frame);
    if (seen_ == 0 && !header_.valid) header_.salts = head.salts;
    ++seen_;
    const LogSum after_stored = SumOfFrame(stored_, frame, header_.big_endian_sums);
    const LogSum after_computed =
        computed_ == stored_ ? after_stored : SumOfFrame(computed_, frame, header_.big_endian_sums);
    const bool ours = head.salts == header_.salts && head.page != 0;
    const bool follows = ours && (after_stored == head.sum || after_computed == head.sum);
    if (reading_ && follows) {
      if (head.pages_after != 0) {
        good_ = seen_;
        ++commits_;
      }
    } else {
      reading_ = false;
      NoteBeyond(ours && head.pages_after != 0, follows);
    }
    stored_ = head.sum;
    computed_ = after_stored;
  }

  uint64_t good() const { return good_; }
  uint64_t commits() const { return commits_; }
  // Of the transactions after the last good one.
  bool has_full_length() const { return marks_ > 0; }
  bool has_later_whole() const { return later_whole_; }

 private:
  // A transaction is whole when all its frames since the mark before follow one another.
  void NoteBeyond(bool is_mark, bool follows) {
    whole_ = whole_ && follows;
    if (!is_mark) return;
    if (marks_ > 0 && whole_) later_whole_ = true;
    ++marks_;
    whole_ = true;
  }

  LogHeader header_;
  LogSum stored_, computed_;  // of the frame before: what it says, and what it should say
  bool reading_;
  uint64_t seen_ = 0, good_ = 0, commits_ = 0, marks_ = 0;
  bool whole_ = true, later_whole_ = false;
};

struct Walked {
  LogHeader header;
  LogCheck check;
  bool later_whole = false;
};

Result<Walked> Walk(const RawFile& log) {
  Walked walked;
  std::vector<char> bytes(kLogHeaderBytes);
  TRY(log.ReadAt(0, bytes));
  walked.header = ParseLogHeader(bytes);
  const uint32_t page_bytes = walked.header.page_bytes;
  if (page_bytes < 512 || page_bytes > 65'536) return walked;
  bytes.resize(kFrameHeaderBytes + page_bytes);
  LogWalk walk(walked.header);
  for (uint64_t frame = 0; FrameOffset(frame + 1, page_bytes) <= log.size(); ++frame) {
    TRY(log.ReadAt(FrameOffset(frame, page_bytes), bytes));
    walk.Take(bytes);
  }
  walked.check.frames = walk.good();
  walked.check.commits = walk.commits();
  walked.check.dropped = walk.has_full_length();
  walked.later_whole = walk.has_later_whole();
  return walked;
}

std::string Missing(const Promised& promised, uint64_t there) {
  return "the log ends after " + std::to_string(there) + " frames of " +
         std::to_string(promised.frames) + " that were acknowledged";
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
  Walked walked = TRY(Walk(*log));
  LogCheck check = std::move(walked.check);
  // A whole header with other salts is of a log that began after the promise.
  const bool is_of_this_log =
      promised && (!walked.header.valid || walked.header.salts == promised->salts);
  if (walked.later_whole) {
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

// What this process knows of one database's files, shared by all its open handles: whether pages
// carry checksums, and what it wrote to the log.
//
// Bytes of the log are checked against what was written or first read, so that a bit that flips
// while the process runs is found before a reader sees it or a checkpoint moves it into the file.
// Memory: 8 bytes for each frame of the log. Threads: any.
#pragma once

#include <atomic>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "daemon/store/log_promise.h"
#include "daemon/store/page_checksum.h"
#include "lib/core/mutex.h"
#include "lib/core/result.h"

namespace pannier::store {

class LogGuard {
 public:
  LogGuard(std::string database, std::string vfs) : promise_(std::move(database), std::move(vfs)) {}

  // Whether these bytes, just read, are what they should be, as far as that is known.
  bool CheckRead(uint64_t offset, std::span<const char> bytes) EXCLUDES(mutex_);
  // Around each write. A failed Before… means that it must not be done.
  Status BeforeWrite(uint64_t offset) EXCLUDES(mutex_);
  void AfterWrite(uint64_t offset, std::span<const char> bytes, bool written) EXCLUDES(mutex_);
  Status BeforeTruncate(uint64_t size) EXCLUDES(mutex_);
  void AfterTruncate(uint64_t size) EXCLUDES(mutex_);
  // Around each sync: it makes durable what had been committed when it began.
  Promised BeforeSync() EXCLUDES(mutex_);
  void AfterSync(bool synced, const Promised& before) EXCLUDES(mutex_);
  Status BeforeRemove() { return promise_.Withdraw(); }

 private:
  static constexpr uint64_t kUnknown = 0;

  // Where a read or write lies that is one page of the log; nothing for all others.
  struct Place {
    uint64_t frame;
    std::span<const char> page;
  };
  std::optional<Place> PlaceOf(uint64_t offset, std::span<const char> bytes) const REQUIRES(mutex_);
  void NoteHeader(std::span<const char> bytes) REQUIRES(mutex_);
  void NoteFrameHeader(uint64_t frame, std::span<const char> bytes) REQUIRES(mutex_);
  void Note(uint64_t frame, uint64_t checksum) REQUIRES(mutex_);
  // The frames that bytes from `begin` to `end` touch are not known any more.
  void Forget(uint64_t begin, uint64_t end) REQUIRES(mutex_);

  LogPromise promise_;
  Mutex mutex_;
  uint32_t page_bytes_ GUARDED_BY(mutex_) = 0;  // 0: not known
  uint64_t salts_ GUARDED_BY(mutex_) = 0;
  std::vector<uint64_t> pages_ GUARDED_BY(mutex_);  // checksums by frame
  uint64_t committed_ GUARDED_BY(mutex_) = 0;       // frames up to the newest whole commit written
  std::optional<uint64_t> marked_ GUARDED_BY(mutex_);     // frame with a mark, its page to come
  std::optional<uint64_t> last_page_ GUARDED_BY(mutex_);  // frame whose page was written last
  uint64_t promised_ GUARDED_BY(mutex_) = 0;              // frames, by this process
};

class FileGuard {
 public:
  FileGuard(const std::string& database, const std::string& vfs) : log_(database, vfs) {}

  // `header`: the first bytes of the file (at least 24), as read or about to be written. What a
  // file once said of its checksums it cannot take back.
  void Learn(std::span<const char> header);
  bool is_guarded() const { return page_bytes() != 0; }
  uint32_t page_bytes() const { return page_bytes_.load(std::memory_order_acquire); }
  LogGuard& log() { return log_; }

 private:
  std::atomic<uint32_t> page_bytes_{0};  // 0: pages carry no checksums, as far as is known
  LogGuard log_;
};

}  // namespace pannier::store

#include "daemon/store/file_guard.h"

#include <algorithm>

#include "daemon/store/wal_format.h"
#include "lib/file/checksum.h"

namespace pannier::store {
namespace {

uint64_t ChecksumOf(std::span<const char> page) {
  const uint64_t checksum = file::Checksum(std::as_bytes(page));
  return checksum != 0 ? checksum : 1;  // 0 stands for "not known"
}

}  // namespace

void FileGuard::Learn(std::span<const char> header) {
  const PageShape shape = ShapeOf(std::as_bytes(header));
  if (shape.is_guarded()) page_bytes_.store(shape.bytes, std::memory_order_release);
}

std::optional<LogGuard::Place> LogGuard::PlaceOf(uint64_t offset,
                                                 std::span<const char> bytes) const {
  if (page_bytes_ == 0 || offset < kLogHeaderBytes) return std::nullopt;
  const uint64_t frame_bytes = kFrameHeaderBytes + page_bytes_;
  const uint64_t frame = (offset - kLogHeaderBytes) / frame_bytes;
  const uint64_t within = (offset - kLogHeaderBytes) % frame_bytes;
  if (within == kFrameHeaderBytes && bytes.size() == page_bytes_) return Place{frame, bytes};
  if (within == 0 && bytes.size() == frame_bytes) {
    return Place{frame, bytes.subspan(kFrameHeaderBytes)};
  }
  return std::nullopt;
}

void LogGuard::NoteHeader(std::span<const char> bytes) {
  const LogHeader header = ParseLogHeader(bytes);
  if (!header.valid) return;
  if (page_bytes_ != header.page_bytes) pages_.clear();
  page_bytes_ = header.page_bytes;
  if (salts_ != header.salts) {
    committed_ = promised_ = 0;
    marked_.reset();
    last_page_.reset();
  }
  salts_ = header.salts;
}

void LogGuard::Note(uint64_t frame, uint64_t checksum) {
  if (pages_.size() <= frame) pages_.resize(frame + 1, kUnknown);
  pages_[frame] = checksum;
}

void LogGuard::Forget(uint64_t begin, uint64_t end) {
  if (page_bytes_ == 0) return;
  const uint64_t frame_bytes = kFrameHeaderBytes + page_bytes_;
  uint64_t frame = begin <= kLogHeaderBytes ? 0 : (begin - kLogHeaderBytes) / frame_bytes;
  for (; frame < pages_.size() && FrameOffset(frame, page_bytes_) < end; ++frame) {
    pages_[frame] = kUnknown;
  }
}

bool LogGuard::CheckRead(uint64_t offset, std::span<const char> bytes) {
  MutexLock lock(mutex_);
  if (offset == 0 && bytes.size() == kLogHeaderBytes) NoteHeader(bytes);
  const std::optional<Place> place = PlaceOf(offset, bytes);
  if (!place) return true;
  lock.Unlock();
  const uint64_t checksum = ChecksumOf(place->page);
  lock.Lock();
  const uint64_t known = place->frame < pages_.size() ? pages_[place->frame] : kUnknown;
  if (known == kUnknown) Note(place->frame, checksum);
  return known == kUnknown || known == checksum;
}

Status LogGuard::BeforeWrite(uint64_t offset) {
  // A new header: all frames of the old log end here. They are in the file by now.
  if (offset == 0) return promise_.Withdraw();
  MutexLock lock(mutex_);
  if (page_bytes_ == 0 || offset >= FrameOffset(promised_, page_bytes_)) return {};
  // Written over is only what nobody was told of: its own sync failed after another's had made it
  // durable.
  promised_ = committed_ = 0;
  lock.Unlock();
  return promise_.Withdraw();
}

// A commit is complete with the page of its last frame, which alone carries the mark. Frames that
// are written over take away what an earlier, failed commit had put there. SQLite may write headers
// anew once all pages are there.
void LogGuard::NoteFrameHeader(uint64_t frame, std::span<const char> bytes) {
  const FrameHeader header = ParseFrameHeader(bytes);
  marked_.reset();
  if (committed_ > frame) committed_ = promised_;
  if (header.pages_after == 0) return;
  if (last_page_ == frame) {
    committed_ = frame + 1;
  } else {
    marked_ = frame;
  }
}

void LogGuard::AfterWrite(uint64_t offset, std::span<const char> bytes, bool written) {
  MutexLock lock(mutex_);
  if (!written) {
    Forget(offset, offset + bytes.size());
    return;
  }
  if (offset == 0 && bytes.size() == kLogHeaderBytes) return NoteHeader(bytes);
  const std::optional<Place> place = PlaceOf(offset, bytes);
  if (place) {
    lock.Unlock();
    const uint64_t checksum = ChecksumOf(place->page);
    lock.Lock();
    last_page_ = place->frame;
    if (marked_ == place->frame) committed_ = place->frame + 1;
    return Note(place->frame, checksum);
  }
  const bool is_header = page_bytes_ != 0 && offset >= kLogHeaderBytes &&
                         bytes.size() == kFrameHeaderBytes &&
                         (offset - kLogHeaderBytes) % (kFrameHeaderBytes + page_bytes_) == 0;
  if (!is_header) return Forget(offset, offset + bytes.size());
  NoteFrameHeader((offset - kLogHeaderBytes) / (kFrameHeaderBytes + page_bytes_), bytes);
}

Status LogGuard::BeforeTruncate(uint64_t size) {
  MutexLock lock(mutex_);
  const bool keeps_promise =
      page_bytes_ != 0 && promised_ != 0 && size >= FrameOffset(promised_, page_bytes_);
  lock.Unlock();
  if (keeps_promise) return {};
  return promise_.Withdraw();
}

void LogGuard::AfterTruncate(uint64_t size) {
  MutexLock lock(mutex_);
  if (page_bytes_ == 0) return;
  const uint64_t frames =
      size <= kLogHeaderBytes ? 0 : (size - kLogHeaderBytes) / (kFrameHeaderBytes + page_bytes_);
  if (frames < pages_.size()) pages_.resize(frames);
  promised_ = std::min(promised_, frames);
  committed_ = std::min(committed_, frames);
}

Promised LogGuard::BeforeSync() {
  MutexLock lock(mutex_);
  return {salts_, committed_};
}

void LogGuard::AfterSync(bool synced, const Promised& before) {
  MutexLock lock(mutex_);
  if (!synced) committed_ = promised_;
  const uint64_t durable = std::min(before.frames, committed_);
  if (before.salts != salts_ || durable <= promised_) return;
  promised_ = durable;
  const Promised promised{salts_, promised_};
  lock.Unlock();
  promise_.Raise(promised);
}

}  // namespace pannier::store

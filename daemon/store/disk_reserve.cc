#include "daemon/store/disk_reserve.h"

#include <algorithm>
#include <string>

#include "lib/core/log.h"

namespace pannier::store {
namespace {

// A reserve that fills a disk to the brim helps nobody.
constexpr uint64_t kFreePerReserve = 8;
constexpr uint64_t kWriteBytes = 1 << 20;

}  // namespace

void DiskReserve::Refill() {
  MutexLock lock(mutex_);
  if (full_ || bytes_ == 0) return;
  const Result<file::Space> space = files_.FreeSpace(path_.parent_path());
  if (!space.ok()) return;
  const Result<bool> whole = IsWhole();
  full_ = whole.ok() && *whole;
  if (full_ || space->free_bytes / kFreePerReserve < bytes_) return;
  full_ = Write().ok();
}

Result<bool> DiskReserve::IsWhole() const { return TRY(files_.Stat(path_)).disk_bytes >= bytes_; }

Status DiskReserve::Write() {
  const auto file = TRY(files_.Open(path_, file::OpenMode::kCreate));
  const std::string zeros(std::min(kWriteBytes, bytes_), '\0');
  for (uint64_t at = 0; at < bytes_; at += zeros.size()) {
    TRY(file->WriteAt(at, std::string_view(zeros).substr(0, std::min(bytes_ - at, kWriteBytes))));
  }
  return {};
}

bool DiskReserve::Release() {
  MutexLock lock(mutex_);
  if (bytes_ == 0) return false;
  const Status removed = files_.Remove(path_);
  full_ = false;
  if (!removed.ok()) return false;
  LogWarn("the disk is full; the space kept aside for deletions is given back to it")
      .Add("bytes", bytes_);
  return true;
}

bool DiskReserve::is_full() const {
  MutexLock lock(mutex_);
  return full_;
}

}  // namespace pannier::store

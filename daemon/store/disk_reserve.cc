#include "daemon/store/disk_reserve.h"

#include <algorithm>
#include <string>

#include "lib/core/log.h"

namespace pannier::store {
namespace {

// A small volume has a small reserve; and one that fills the disk to the brim helps nobody.
constexpr uint64_t kTotalPerReserve = 16;
constexpr uint64_t kFreePerReserve = 4;
constexpr uint64_t kWriteBytes = 1 << 20;

}  // namespace

void DiskReserve::Refill() {
  MutexLock lock(mutex_);
  if (full_ || bytes_ == 0) return;
  const Result<file::Space> space = files_.FreeSpace(path_.parent_path());
  if (!space.ok()) return;
  const uint64_t wanted = WantedBytes(*space);
  const Result<file::Info> there = files_.Stat(path_);
  full_ = there.ok() && there->disk_bytes >= wanted;
  if (full_ || space->free_bytes / kFreePerReserve < wanted) return;
  full_ = Write(wanted).ok();
}

uint64_t DiskReserve::WantedBytes(const file::Space& space) const {
  return std::min(bytes_, space.total_bytes / kTotalPerReserve);
}

uint64_t DiskReserve::MissingBytes() const {
  if (bytes_ == 0 || is_full()) return 0;
  const Result<file::Space> space = files_.FreeSpace(path_.parent_path());
  if (!space.ok()) return 0;
  const uint64_t wanted = WantedBytes(*space);
  const Result<file::Info> there = files_.Stat(path_);
  const uint64_t has = there.ok() ? there->disk_bytes : 0;
  return wanted > has ? wanted - has : 0;
}

Status DiskReserve::Write(uint64_t bytes) {
  const auto file = TRY(files_.Open(path_, file::OpenMode::kCreate));
  const std::string zeros(std::min(kWriteBytes, bytes), '\0');
  for (uint64_t at = 0; at < bytes; at += zeros.size()) {
    TRY(file->WriteAt(at, std::string_view(zeros).substr(0, std::min(bytes - at, kWriteBytes))));
  }
  return {};
}

bool DiskReserve::Release() {
  MutexLock lock(mutex_);
  if (bytes_ == 0) return false;
  const Status removed = files_.Remove(path_);
  full_ = false;
  if (!removed.ok()) return false;
  LogWarn("the disk is full; the space kept aside for deletions is given back to it");
  return true;
}

bool DiskReserve::is_full() const {
  MutexLock lock(mutex_);
  return full_;
}

}  // namespace pannier::store

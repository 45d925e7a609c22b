#include "daemon/snapshot/spool.h"

#include <algorithm>

namespace pannier::snapshot {
namespace {

constexpr size_t kInMemoryMax = 24;          // chunks
constexpr uint64_t kRoomStep = 64ull << 20;  // how often the disk is asked for its free space

}  // namespace

Result<bool> Spool::HasRoom(uint64_t bytes) {
  if (room_bytes_ >= bytes) return true;
  const file::Space space = TRY(files_.FreeSpace(folder_));
  if (space.free_bytes < reserve_bytes_ + bytes) return false;
  room_bytes_ = std::min(space.free_bytes - reserve_bytes_, kRoomStep);
  return room_bytes_ >= bytes;
}

Result<std::optional<size_t>> Spool::Put(std::string_view chunk) {
  MutexLock lock(mutex_);
  Place place;
  place.bytes = chunk.size();
  if (in_memory_ < kInMemoryMax) {
    place.memory = chunk;
    ++in_memory_;
  } else {
    if (!TRY(HasRoom(chunk.size()))) return std::optional<size_t>();
    if (!file_) file_ = TRY(files_.Open(folder_ + "/spool", file::OpenMode::kCreate));
    place.in_file = true;
    place.offset = file_bytes_;
    TRY(file_->WriteAt(file_bytes_, chunk));
    file_bytes_ += chunk.size();
    room_bytes_ -= chunk.size();
  }
  places_.push_back(std::move(place));
  return std::optional(places_.size() - 1);
}

Result<std::string> Spool::Take(size_t number) {
  Place place;
  std::shared_ptr<file::File> file;
  {
    MutexLock lock(mutex_);
    place = std::move(places_[number]);
    file = file_;
    if (!place.in_file) {
      --in_memory_;
      return std::move(place.memory);
    }
  }
  std::string chunk(place.bytes, '\0');
  const size_t read = TRY(file->ReadAt(place.offset, chunk));
  if (read != place.bytes) return Unavailable("the spool file of a snapshot was cut short");
  return chunk;
}

}  // namespace pannier::snapshot

#include "daemon/store/scratch_file.h"

#include <algorithm>
#include <utility>

namespace pannier::store {
namespace {

// Scratch leaves room on the disk for what must be kept.
bool HasRoom(file::FileSystem& files, const file::Path& folder) {
  constexpr uint64_t kLeastLeft = 64 << 20, kMostLeft = 1 << 30, kShareLeft = 20;
  const Result<file::Space> space = files.FreeSpace(folder);
  return space.ok() && !space->read_only &&
         space->free_bytes >= std::clamp(space->total_bytes / kShareLeft, kLeastLeft, kMostLeft);
}

class ScratchFile final : public file::File {
 public:
  ScratchFile(file::FileSystem& files, file::Path folder, std::unique_ptr<file::File> file)
      : files_(files), folder_(std::move(folder)), file_(std::move(file)) {}
  Result<size_t> ReadAt(uint64_t offset, std::span<char> into) const override {
    return file_->ReadAt(offset, into);
  }
  Status WriteAt(uint64_t offset, std::string_view bytes) override {
    constexpr uint64_t kLookEvery = 1 << 20;
    if (unlooked_ >= kLookEvery && !HasRoom(files_, folder_)) {
      return StorageFull("the disk is nearly full: nothing more is put aside");
    }
    unlooked_ = (unlooked_ >= kLookEvery ? 0 : unlooked_) + bytes.size();
    return file_->WriteAt(offset, bytes);
  }
  Status Append(std::string_view bytes) override { return file_->Append(bytes); }
  Status Truncate(uint64_t size) override { return file_->Truncate(size); }
  Result<uint64_t> Size() const override { return file_->Size(); }
  Status Sync() override { return file_->Sync(); }

 private:
  file::FileSystem& files_;
  const file::Path folder_;
  const std::unique_ptr<file::File> file_;
  uint64_t unlooked_ = 0;  // bytes written since the disk was looked at
};

}  // namespace

Result<std::unique_ptr<file::File>> MakeScratchFile(file::FileSystem& files,
                                                    const file::Path& folder,
                                                    const std::string& name) {
  const Status made = files.MakeDirectory(folder);
  if (!made.ok() && !made.Is(Errc::kConflict)) return made.error();
  if (!HasRoom(files, folder)) return StorageFull("the disk is nearly full");
  const file::Path path = folder / name;
  auto file = files.Open(path, file::OpenMode::kCreateNew);
  if (file.Is(Errc::kConflict)) {  // a crash left it
    TRY(files.Remove(path));
    file = files.Open(path, file::OpenMode::kCreateNew);
  }
  if (!file.ok()) return file;
  TRY(files.Remove(path));
  return std::unique_ptr<file::File>(new ScratchFile(files, folder, std::move(*file)));
}

}  // namespace pannier::store

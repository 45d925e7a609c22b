// Scratch files of a test: in a folder of its own, with limits that small tests reach, and faults.
// Threads: any. Lifetime: outlives what has its files.
#pragma once

#include <atomic>
#include <memory>

#include "daemon/index/scratch_file.h"
#include "tests/support/temp_dir.h"

namespace pannier::index {

class ScratchFolder {
 public:
  enum class Reads { kGood, kFlipped, kShort, kFailing };

  // What is above `memory_bytes_max` is put aside, some rows at a time.
  Scratch Of(uint64_t memory_bytes_max, uint64_t moved_bytes) {
    return {[this] { return Make(); }, memory_bytes_max, moved_bytes};
  }

  std::atomic<bool> makes{true};   // files can be had
  std::atomic<bool> writes{true};  // they have room
  std::atomic<Reads> reads{Reads::kGood};
  std::atomic<int> made{0};

 private:
  class ScratchTestFile;
  std::unique_ptr<file::File> Make();

  test::TempDir folder_;
};

class ScratchFolder::ScratchTestFile final : public file::File {
 public:
  ScratchTestFile(ScratchFolder& folder, std::unique_ptr<file::File> file)
      : folder_(folder), file_(std::move(file)) {}
  Result<size_t> ReadAt(uint64_t offset, std::span<char> into) const override {
    const Reads how = folder_.reads;
    if (how == Reads::kFailing) return Unavailable("a test's disk fails");
    const size_t read = TRY(file_->ReadAt(offset, into));
    if (how == Reads::kFlipped) into[read / 2] ^= 1;
    return how == Reads::kShort ? read - 1 : read;
  }
  Status WriteAt(uint64_t offset, std::string_view bytes) override {
    if (folder_.writes) return file_->WriteAt(offset, bytes);
    return ResourceExhausted("a test's disk is full");
  }
  Status Append(std::string_view bytes) override { return file_->Append(bytes); }
  Status Truncate(uint64_t size) override { return file_->Truncate(size); }
  Result<uint64_t> Size() const override { return file_->Size(); }
  Status Sync() override { return file_->Sync(); }

 private:
  ScratchFolder& folder_;
  const std::unique_ptr<file::File> file_;
};

inline std::unique_ptr<file::File> ScratchFolder::Make() {
  if (!makes) return nullptr;
  file::FileSystem& files = file::RealFileSystem();
  const file::Path path = folder_ / std::to_string(++made);
  auto file = files.Open(path, file::OpenMode::kCreateNew).value();
  files.Remove(path).value();
  return std::make_unique<ScratchTestFile>(*this, std::move(file));
}

}  // namespace pannier::index

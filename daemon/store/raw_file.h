// One of a database's files as bytes, through the VFS that SQLite would use and below all its
// locks: for looking at what nobody has open.
// Threads: one at a time. Lifetime: the VFS outlives it.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "lib/core/result.h"

namespace pannier::store {

class RawFile {
 public:
  enum class Mode { kRead, kReadWrite, kCreate };

  // `vfs` as in StoreOptions.
  //   kNotFound  it is not there
  static Result<RawFile> Open(const std::string& path, Mode mode, const std::string& vfs);
  RawFile() = default;
  RawFile(RawFile&& other) noexcept;
  RawFile& operator=(RawFile&& other) noexcept;
  ~RawFile();

  explicit operator bool() const { return file_ != nullptr; }
  // Fills `into` from `offset` on as far as the file goes; the rest becomes zeros. Says how many
  // bytes lay within the file.
  Result<uint64_t> ReadAt(uint64_t offset, std::span<char> into) const;
  Status WriteAt(uint64_t offset, std::string_view bytes);
  Status Sync();
  uint64_t size() const { return size_; }  // when it was opened

 private:
  std::string path_;
  const char* name_ = nullptr;    // the path as SQLite's layers want it
  std::unique_ptr<char[]> file_;  // a sqlite3_file
  uint64_t size_ = 0;
};

}  // namespace pannier::store

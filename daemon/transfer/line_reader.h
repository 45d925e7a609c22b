// Reads a file line by line, however long the lines are (within a limit). Threads: one.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "lib/core/result.h"
#include "lib/file/file_system.h"

namespace pannier::transfer {

class LineReader {
 public:
  static Result<LineReader> Open(file::FileSystem& files, const file::Path& path);

  // The next line without its end, until the next call; nothing at the end of the file. What
  // follows the last line end counts as a line.
  //   kInvalidArgument  a line is too long to be of an export
  Result<std::optional<std::string_view>> Next();
  uint64_t number() const { return number_; }  // of the line that Next() gave, from 1 on
  uint64_t offset() const { return read_; }    // of the file, about
  uint64_t bytes() const { return bytes_; }    // of the file

 private:
  std::unique_ptr<file::File> file_;
  std::string buffer_;
  size_t begin_ = 0;  // of what was not given yet
  uint64_t read_ = 0, bytes_ = 0, number_ = 0;
};

}  // namespace pannier::transfer

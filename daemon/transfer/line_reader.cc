#include "daemon/transfer/line_reader.h"

namespace pannier::transfer {
namespace {

constexpr size_t kBlockBytes = 1 << 20;
constexpr size_t kLineBytesMax = 256 << 20;

}  // namespace

Result<LineReader> LineReader::Open(file::FileSystem& files, const file::Path& path) {
  LineReader reader;
  reader.file_ = TRY(files.Open(path, file::OpenMode::kRead));
  reader.bytes_ = TRY(reader.file_->Size());
  return reader;
}

Result<std::optional<std::string_view>> LineReader::Next() {
  for (size_t looked = begin_;;) {
    const size_t end = buffer_.find('\n', looked);
    if (end != std::string::npos) {
      const std::string_view line = std::string_view(buffer_).substr(begin_, end - begin_);
      begin_ = end + 1;
      ++number_;
      return std::optional(line);
    }
    buffer_.erase(0, begin_);
    begin_ = 0;
    looked = buffer_.size();
    if (looked > kLineBytesMax)
      return InvalidArgument("line " + std::to_string(number_ + 1) + " is too long");
    buffer_.resize(looked + kBlockBytes);
    const size_t got = TRY(file_->ReadAt(read_, std::span(buffer_).subspan(looked)));
    buffer_.resize(looked + got);
    read_ += got;
    if (got > 0) continue;
    if (buffer_.empty()) return std::optional<std::string_view>();
    begin_ = buffer_.size();
    ++number_;
    return std::optional(std::string_view(buffer_));
  }
}

}  // namespace pannier::transfer

#include "daemon/store/index_file.h"

#include <algorithm>
#include <cstring>
#include <span>
#include <string_view>
#include <vector>

#include "daemon/index/byte_stream.h"
#include "lib/file/checksum.h"

namespace pannier::store {
namespace {

constexpr std::string_view kMagic = "PANNIER INDEX 1\n";
constexpr size_t kBlockBytes = 1 << 20;
constexpr size_t kKeyBytesMax = 4'096;

// Each block of a mebibyte (the last may be shorter) is led by its checksum, which counts the
// block's number too: blocks cannot change places.
uint64_t BlockChecksum(uint64_t number, std::span<const char> bytes) {
  file::Checksummer checksum;
  checksum.Update(std::string_view(reinterpret_cast<const char*>(&number), sizeof(number)));
  checksum.Update(std::string_view(bytes.data(), bytes.size()));
  return checksum.Digest();
}

class BlockSink final : public index::ByteSink {
 public:
  explicit BlockSink(file::File& file) : file_(file) { block_.reserve(kBlockBytes); }

  Status Write(std::span<const char> bytes) override {
    while (!bytes.empty()) {
      const size_t taken = std::min(bytes.size(), kBlockBytes - block_.size());
      block_.insert(block_.end(), bytes.begin(), bytes.begin() + static_cast<ptrdiff_t>(taken));
      bytes = bytes.subspan(taken);
      if (block_.size() == kBlockBytes) TRY(Flush());
    }
    return {};
  }
  Status Finish() {
    if (!block_.empty()) TRY(Flush());
    return file_.Sync();
  }

 private:
  Status Flush() {
    const uint64_t checksum = BlockChecksum(number_++, block_);
    TRY(file_.Append({reinterpret_cast<const char*>(&checksum), sizeof(checksum)}));
    TRY(file_.Append({block_.data(), block_.size()}));
    block_.clear();
    return {};
  }

  file::File& file_;
  std::vector<char> block_;
  uint64_t number_ = 0;
};

class BlockSource final : public index::ByteSource {
 public:
  BlockSource(const file::File& file, uint64_t bytes)
      : file_(file), left_(bytes), buffer_(sizeof(uint64_t) + kBlockBytes) {}

  Status Read(std::span<char> into) override {
    while (!into.empty()) {
      if (block_.empty()) TRY(Next());
      const size_t taken = std::min(into.size(), block_.size());
      std::memcpy(into.data(), block_.data(), taken);
      into = into.subspan(taken);
      block_ = block_.subspan(taken);
    }
    return {};
  }
  bool AtEnd() const { return left_ == 0 && block_.empty(); }

 private:
  Status Next() {
    const size_t wanted = std::min<uint64_t>(left_, buffer_.size());
    if (wanted <= sizeof(uint64_t)) return Corruption("saved index: it ends too early");
    const size_t got = TRY(file_.ReadAt(offset_, {buffer_.data(), wanted}));
    uint64_t checksum = 0;
    std::memcpy(&checksum, buffer_.data(), sizeof(checksum));
    block_ = std::span<const char>(buffer_).subspan(sizeof(checksum), wanted - sizeof(checksum));
    if (got != wanted || BlockChecksum(number_++, block_) != checksum) {
      return Corruption("saved index: a block is damaged");
    }
    offset_ += wanted;
    left_ -= wanted;
    return {};
  }

  const file::File& file_;
  uint64_t left_;  // behind the block in hand
  uint64_t offset_ = 0, number_ = 0;
  std::vector<char> buffer_;
  std::span<const char> block_;
};

Status WriteAll(file::File& file, const std::string& key, const index::VectorIndex& vectors,
                index::Sequence at) {
  BlockSink sink(file);
  TRY(sink.Write(kMagic));
  const uint64_t key_bytes = key.size();
  TRY(sink.WriteArray(&key_bytes, 1));
  TRY(sink.Write(key));
  TRY(vectors.Save(at, sink));
  return sink.Finish();
}

Status CheckKey(index::ByteSource& source, const std::string& key) {
  std::string magic(kMagic.size(), '\0');
  TRY(source.Read(magic));
  if (magic != kMagic) return Corruption("saved index: it is no index of this format");
  uint64_t key_bytes = 0;
  TRY(source.ReadArray(&key_bytes, 1));
  if (key_bytes > kKeyBytesMax) return Corruption("saved index: its key is too long");
  std::string saved(key_bytes, '\0');
  TRY(source.Read(saved));
  if (saved != key) return Corruption("saved index: it is of another state");
  return {};
}

}  // namespace

Status SaveIndex(file::FileSystem& files, const std::string& path, const std::string& key,
                 const index::VectorIndex& vectors, index::Sequence at) {
  const std::string folder = path.substr(0, path.rfind('/'));
  TRY(file::MakeDirectories(files, folder));
  const std::string fresh = path + ".new";
  const bool left_over = TRY(file::Exists(files, fresh));
  if (left_over) TRY(files.Remove(fresh));
  const std::unique_ptr<file::File> file = TRY(files.Open(fresh, file::OpenMode::kCreateNew));
  Status written = WriteAll(*file, key, vectors, at);
  if (written.ok()) written = files.Rename(fresh, path);
  if (written.ok()) return files.SyncDirectory(folder);
  const Status removed = files.Remove(fresh);  // else the next one overwrites it
  return std::move(written).Context(removed.ok() ? "save index"
                                                 : "save index, and remove what was written");
}

Status CheckSavedIndex(const file::File& file, const std::string& key) {
  BlockSource source(file, TRY(file.Size()));
  return CheckKey(source, key);
}

Result<std::shared_ptr<index::VectorIndex>> LoadIndex(file::FileSystem& files,
                                                      const std::string& path,
                                                      const std::string& key,
                                                      const index::VectorIndex::Options& options,
                                                      index::Sequence at) {
  const std::unique_ptr<file::File> file = TRY(files.Open(path, file::OpenMode::kRead));
  BlockSource source(*file, TRY(file->Size()));
  TRY(CheckKey(source, key));
  auto vectors = TRY(index::VectorIndex::Load(options, at, source));
  if (!source.AtEnd()) return Corruption("saved index: it is longer than it should be");
  return vectors;
}

}  // namespace pannier::store

#include "daemon/store/log_promise.h"

#include <array>
#include <cstring>

#include "lib/file/checksum.h"

namespace pannier::store {
namespace {

constexpr uint64_t kMagic = 0x314b434152414e50;  // "PNARACK1"
using Words = std::array<uint64_t, 4>;           // magic, salts, frames, checksum of these

uint64_t ChecksumOf(const Words& words) {
  return file::Checksum(std::as_bytes(std::span(words).first<3>()));
}

}  // namespace

std::optional<Promised> LogPromise::Read(const std::string& database, const std::string& vfs) {
  const Result<RawFile> file = RawFile::Open(PathOf(database), RawFile::Mode::kRead, vfs);
  if (!file.ok()) return std::nullopt;
  Words words{};
  const std::span<char> bytes(reinterpret_cast<char*>(words.data()), sizeof(words));
  const Result<uint64_t> got = file->ReadAt(0, bytes);
  if (!got.ok() || *got != bytes.size()) return std::nullopt;
  if (words[0] != kMagic || words[3] != ChecksumOf(words) || words[2] == 0) return std::nullopt;
  return Promised{words[1], words[2]};
}

Status LogPromise::Open(RawFile::Mode mode) {
  if (file_) return {};
  file_ = TRY(RawFile::Open(PathOf(database_), mode, vfs_));
  return {};
}

void LogPromise::Raise(const Promised& promised) {
  MutexLock lock(mutex_);
  if (!Open(RawFile::Mode::kCreate).ok()) return;
  Words words = {kMagic, promised.salts, promised.frames, 0};
  words[3] = ChecksumOf(words);
  nothing_promised_ = false;
  // Cut short by a full disk it fails its own check, and promises nothing.
  [[maybe_unused]] const Status ignored =
      file_.WriteAt(0, {reinterpret_cast<const char*>(words.data()), sizeof(words)});
}

Status LogPromise::Withdraw() {
  MutexLock lock(mutex_);
  if (nothing_promised_) return {};
  const Status opened = Open(RawFile::Mode::kReadWrite);
  if (opened.Is(Errc::kNotFound)) {
    nothing_promised_ = true;
    return {};
  }
  TRY(opened);
  const std::string zeros(sizeof(Words), '\0');
  std::string there = zeros;
  TRY(file_.ReadAt(0, there));
  if (there != zeros) TRY(file_.WriteAt(0, zeros));
  TRY(file_.Sync());  // also of zeros that a process wrote before it was killed
  nothing_promised_ = true;
  return {};
}

}  // namespace pannier::store

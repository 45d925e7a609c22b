#include "daemon/store/page_walk.h"

#include <algorithm>
#include <vector>

#include "daemon/store/page_checksum.h"
#include "daemon/store/store_file.h"
#include "daemon/store/wal_walk.h"
#include "lib/core/background_turn.h"

namespace pannier::store {
namespace {

constexpr uint64_t kLockByte = 0x4000'0000;
constexpr uint32_t kShapeBytes = 100;
constexpr uint32_t kPagesToTry = 64;  // whether checksums are there, where page 1 cannot say
constexpr uint64_t kPagesMax = 0xffff'fffe;
constexpr uint64_t kBlockBytes = 256 << 10;  // read at once: it stays in the processor's cache

std::span<char> Chars(std::span<std::byte> bytes) {
  return {reinterpret_cast<char*>(bytes.data()), bytes.size()};
}

uint32_t BigEndian(std::span<const std::byte> bytes, size_t at) {
  uint32_t value = 0;
  for (size_t i = 0; i < 4; ++i) value = value << 8 | std::to_integer<uint32_t>(bytes[at + i]);
  return value;
}

}  // namespace

Result<PageWalk> PageWalk::Open(const std::string& path, const std::string& vfs,
                                bool also_beyond_damage) {
  PageWalk walk;
  walk.file_ = TRY(RawFile::Open(path, RawFile::Mode::kRead, vfs));
  TRY(walk.ReadShape());
  TRY(walk.ReadLog(path + "-wal", vfs, also_beyond_damage));
  TRY(walk.CountPages());
  return walk;
}

Status PageWalk::ReadShape() {
  std::vector<std::byte> header(kShapeBytes);
  TRY(file_.ReadAt(0, Chars(header)));
  const PageShape shape = ShapeOf(header);
  page_bytes_ = shape.bytes != 0 ? shape.bytes : kStorePageBytes;
  has_checksums_ = shape.is_guarded() || HasSealedPages();
  if (has_checksums_ || page_bytes_ == kStorePageBytes) return {};
  page_bytes_ = kStorePageBytes;  // page 1 may lie of its size as well
  has_checksums_ = HasSealedPages();
  if (!has_checksums_ && shape.bytes != 0) page_bytes_ = shape.bytes;
  return {};
}

// A checksum does not come about by chance: one page that has one speaks for all.
bool PageWalk::HasSealedPages() const {
  std::vector<std::byte> page(page_bytes_);
  const auto there = static_cast<uint32_t>(std::min(file_.size() / page_bytes_, kPagesMax));
  for (uint32_t i = 1; i <= std::min(there, kPagesToTry); ++i) {
    if (!file_.ReadAt(uint64_t{i - 1} * page_bytes_, Chars(page)).ok()) return false;
    if (IsSealed(i, page)) return true;
  }
  return false;
}

Status PageWalk::ReadLog(const std::string& path, const std::string& vfs, bool also_beyond_damage) {
  Result<RawFile> log = RawFile::Open(path, RawFile::Mode::kRead, vfs);
  if (log.Is(Errc::kNotFound)) return {};
  log_ = TRY(std::move(log));
  LogHeader header;
  std::vector<std::pair<uint32_t, uint64_t>> pending;  // of a transaction whose mark is to come
  const auto take = [&](const LogFrame& frame) {
    const bool wanted = frame.is_used || (also_beyond_damage && frame.follows);
    if (header.page_bytes != page_bytes_ || !wanted) return;
    pending.emplace_back(frame.head.page, frame.number);
    if (frame.head.pages_after == 0) return;
    for (const auto& [page, number] : pending) frame_of_page_[page] = number;
    pending.clear();
    pages_by_log_ = frame.head.pages_after;
  };
  return WalkLog(log_, &header, take);
}

Status PageWalk::CountPages() {
  const uint64_t there = (file_.size() + page_bytes_ - 1) / page_bytes_;
  pages_ = static_cast<uint32_t>(std::min(there, kPagesMax));
  if (pages_by_log_ != 0) {
    pages_ = pages_by_log_;
    return {};
  }
  std::vector<std::byte> first(page_bytes_);
  if (pages_ == 0 || TRY(Read(1, first)) == PageSource::kBad) return {};
  constexpr size_t kChangeAt = 24, kPagesAt = 28, kValidForAt = 92;
  const uint32_t said = BigEndian(first, kPagesAt);
  // A file that was cut is shorter than it says; by how much it may be is for memory's sake only.
  const bool is_said = BigEndian(first, kChangeAt) == BigEndian(first, kValidForAt) && said != 0;
  if (is_said && has_checksums_) pages_ = said;
  return {};
}

bool PageWalk::IsLockPage(uint32_t number) const { return number == kLockByte / page_bytes_ + 1; }

Result<PageSource> PageWalk::Read(uint32_t number, std::span<std::byte> into) const {
  const auto found = frame_of_page_.find(number);
  if (found != frame_of_page_.end()) {
    TRY(log_.ReadAt(FrameOffset(found->second, page_bytes_) + kFrameHeaderBytes, Chars(into)));
    return PageSource::kLog;
  }
  const uint64_t there = TRY(file_.ReadAt(uint64_t{number - 1} * page_bytes_, Chars(into)));
  return Judge(number, into, there);
}

PageSource PageWalk::Judge(uint32_t number, std::span<const std::byte> page, uint64_t there) const {
  if (there == 0) return PageSource::kMissing;
  if (there < page.size()) return PageSource::kBad;
  return has_checksums_ && !IsSealed(number, page) ? PageSource::kBad : PageSource::kFile;
}

// Read in blocks; where a page is in the log, by itself.
Status PageWalk::ForEach(uint32_t first, uint32_t last, const Visitor& visit) const {
  const uint64_t in_block = std::max<uint64_t>(kBlockBytes / page_bytes_, 1);
  std::vector<std::byte> block(in_block * page_bytes_);
  uint64_t got = 0;
  for (uint64_t number = first; number <= last; ++number) {
    const uint64_t place = (number - first) % in_block * page_bytes_;
    if (place == 0) {
      const uint64_t wanted = std::min<uint64_t>(in_block, last - number + 1) * page_bytes_;
      const std::span<char> into = Chars(block).first(wanted);
      got = TRY(file_.ReadAt((number - 1) * page_bytes_, into));
    }
    const auto page_number = static_cast<uint32_t>(number);
    if (IsLockPage(page_number)) continue;
    const std::span<std::byte> page = std::span(block).subspan(place, page_bytes_);
    PageSource source = PageSource::kLog;
    if (frame_of_page_.contains(page_number)) {
      source = TRY(Read(page_number, page));
    } else {
      source = Judge(page_number, page, got - std::min<uint64_t>(got, place));
    }
    TRY(visit(page_number, source, page));
    LetRequestsPass();
  }
  return {};
}

}  // namespace pannier::store

#include "daemon/salvage/damaged_file.h"

#include <algorithm>

#include "daemon/salvage/bit_repair.h"
#include "daemon/store/page_checksum.h"

namespace pannier::salvage {
namespace {

constexpr size_t kRepairsMax = 64;        // tries; each costs a fifth of a second
constexpr size_t kStrangersMax = 4'096;   // pages looked at; each costs a hash per page of the file
constexpr uint32_t kDepthMax = 64;        // no tree is deeper
constexpr uint32_t kMapEntryBytes = 5;    // type, parent
constexpr uint32_t kPagesMax = 1u << 28;  // 4 TiB of pages: more would be a lie of page 1

}  // namespace

Result<DamagedFile> DamagedFile::Open(const std::string& path, const std::string& vfs,
                                      const store::Progress& progress) {
  DamagedFile file(TRY(store::PageWalk::Open(path, vfs, /*also_beyond_damage=*/true)));
  TRY(file.ReadAll(progress));
  return file;
}

Status DamagedFile::ReadAll(const store::Progress& progress) {
  const uint64_t total = bytes() * kProgressShare;
  if (pages() > kPagesMax) return Corruption("the file says that it has too many pages");
  usable_ = pages_.page_bytes() - (has_checksums() ? 8 : 0);
  const size_t count = size_t{pages()} + 1;
  trust_.assign(count, Trust::kWhole);
  types_.assign(count, PageType::kNone);
  map_types_.assign(count, kUnknown);
  map_parents_.assign(count, 0);
  tree_parents_.assign(count, 0);
  const auto take = [&](uint32_t number, store::PageSource source, Page page) -> Status {
    if (source == store::PageSource::kBad && has_checksums() && Recognise(number, page)) return {};
    TakePage(number, source, page);
    const uint64_t done = uint64_t{number} * page.size();
    if (number % 256 == 0 && progress && !progress(std::min(done, total), total)) {
      return DeadlineExceeded("the salvage was stopped");
    }
    return {};
  };
  TRY(pages_.ForEach(take));
  for (uint32_t i = 1; i < count; ++i) {
    if (map_types_[i] != kLaterOverflow || map_parents_[i] >= count) continue;
    if (trust_[map_parents_[i]] == Trust::kBroken) overflow_after_[map_parents_[i]] = i;
  }
  return {};
}

// Whether it is known what a page that fails its checksum really is; it is taken as that then.
bool DamagedFile::Recognise(uint32_t number, Page page) {
  // Another page's rows are sound by themselves, and must not come back as those of this one.
  if (strangers_tried_++ < kStrangersMax && store::SealedFor(page, pages()) != 0) {
    TakePage(number, store::PageSource::kMissing, page);
    return true;
  }
  if (repairs_tried_++ >= kRepairsMax) return false;
  std::vector<std::byte> mended(page.begin(), page.end());
  if (!RepairOneBit(number, mended)) return false;
  TakePage(number, store::PageSource::kFile, mended);
  repaired_[number] = std::move(mended);
  return true;
}

bool DamagedFile::IsMap(uint32_t number) const {
  return number >= 2 && (number - 2) % (usable_ / kMapEntryBytes + 1) == 0;
}

void DamagedFile::TakePage(uint32_t number, store::PageSource source, Page page) {
  if (source == store::PageSource::kBad) trust_[number] = Trust::kBroken;
  if (source == store::PageSource::kMissing) trust_[number] = Trust::kAbsent;
  if (trust_[number] != Trust::kWhole) ++broken_;
  if (trust_[number] == Trust::kAbsent) return;
  if (IsMap(number)) return TakeMap(number, page);
  types_[number] = BtreePage(number, page, usable_).type();
  if (trust_[number] == Trust::kWhole && IsInner(types_[number])) TakeChildren(number, page);
}

void DamagedFile::TakeMap(uint32_t number, Page page) {
  for (uint32_t i = 0; i < usable_ / kMapEntryBytes; ++i) {
    const uint64_t about = uint64_t{number} + 1 + i;
    if (about > pages()) return;
    const auto type = std::to_integer<uint8_t>(page[i * kMapEntryBytes]);
    if (type > kTree) continue;
    map_types_[about] = static_cast<MapType>(type);
    map_parents_[about] = BigEndian32(page, i * kMapEntryBytes + 1);
  }
}

// An overflow page may look like an inner one, so these count only where the map does not object.
void DamagedFile::TakeChildren(uint32_t number, Page page) {
  const MapType type = map_types_[number];
  if (type == kFree || type == kFirstOverflow || type == kLaterOverflow) return;
  const BtreePage tree(number, page, usable_);
  const auto note = [&](uint32_t child) {
    if (child > 1 && child <= pages()) tree_parents_[child] = number;
  };
  note(tree.right_child());
  for (uint32_t i = 0; i < tree.cells(); ++i) {
    const auto cell = ParseCell(tree.type(), page, usable_, tree.OffsetOf(i));
    if (cell) note(cell->left_child);
  }
}

bool DamagedFile::IsOverflow(uint32_t number) const {
  return map_types_[number] == kFirstOverflow || map_types_[number] == kLaterOverflow;
}

bool DamagedFile::IsInUse(uint32_t number) const {
  return map_types_[number] != kFree && !IsMap(number) && !pages_.IsLockPage(number);
}

uint32_t DamagedFile::OwnerOf(uint32_t number) const {
  for (uint32_t depth = 0; depth < kDepthMax + pages(); ++depth) {
    if (number == 0 || number > pages()) return 0;
    if (number == 1 || map_types_[number] == kRoot) return number;
    const uint32_t by_map = map_types_[number] == kFree ? 0 : map_parents_[number];
    const uint32_t parent = tree_parents_[number] != 0 ? tree_parents_[number] : by_map;
    if (parent == number) return 0;
    // The map is damaged where it gives a root no word of its own.
    if (parent == 0 && map_types_[number] == kUnknown && IsInner(types_[number])) return number;
    if (!IsOverflow(number) && depth > kDepthMax) return 0;
    number = parent;
  }
  return 0;
}

std::vector<uint32_t> DamagedFile::Roots() const {
  std::vector<uint32_t> roots;
  for (uint32_t i = 2; i <= pages(); ++i) {
    if (map_types_[i] == kRoot && types_[i] != PageType::kNone) roots.push_back(i);
  }
  return roots;
}

Result<Trust> DamagedFile::Read(uint32_t number, std::vector<std::byte>* page) const {
  page->resize(pages_.page_bytes());
  if (number == 0 || number > pages()) return Trust::kAbsent;
  const auto mended = repaired_.find(number);
  if (mended != repaired_.end()) {
    *page = mended->second;
    return Trust::kWhole;
  }
  TRY(pages_.Read(number, *page));
  return trust_[number];
}

Result<Trust> DamagedFile::ReadPayload(const Cell& cell, std::vector<std::byte>* payload) const {
  payload->assign(cell.local.begin(), cell.local.end());
  if (cell.payload_bytes > uint64_t{pages()} * usable_) return Trust::kAbsent;
  Trust all = Trust::kWhole;
  uint32_t next = cell.overflow;
  std::vector<std::byte> page;
  while (payload->size() < cell.payload_bytes) {
    const Trust trust = TRY(Read(next, &page));
    if (trust == Trust::kAbsent) return Trust::kAbsent;
    if (trust == Trust::kBroken) all = Trust::kBroken;
    const uint64_t wanted = cell.payload_bytes - payload->size();
    const uint64_t here = std::min<uint64_t>(wanted, usable_ - 4);
    payload->insert(payload->end(), page.begin() + 4,
                    page.begin() + 4 + static_cast<ptrdiff_t>(here));
    const auto by_map = overflow_after_.find(next);
    next = by_map != overflow_after_.end() ? by_map->second : BigEndian32(page, 0);
  }
  return all;
}

}  // namespace pannier::salvage

#include "daemon/salvage/trees.h"

#include <algorithm>

namespace pannier::salvage {
namespace {

constexpr size_t kRecordValues = 8;

std::optional<std::string_view> TextOrNull(const Value& value) {
  return value.IsText() ? std::optional(value.text()) : std::nullopt;
}

bool IsTextOrNull(const Value& value) { return value.IsText() || value.IsNull(); }

}  // namespace

bool AsRecord(const std::vector<Value>& values, uint64_t number, FoundRow* row) {
  if (values.size() != kRecordValues || number == 0 || number > UINT32_MAX) return false;
  const bool shaped = values[0].IsNull() && values[1].IsInteger() && values[2].IsInteger() &&
                      values[3].IsText() && IsTextOrNull(values[4]) && IsTextOrNull(values[5]) &&
                      IsTextOrNull(values[6]) &&
                      (values[7].IsNull() || values[7].kind == Value::Kind::kBlob);
  if (!shaped) return false;
  row->row = {};
  row->row.number = static_cast<store::RecordNumber>(number);
  row->row.id = values[3].text();
  row->row.metadata = TextOrNull(values[4]);
  row->row.uri = TextOrNull(values[5]);
  row->row.document = TextOrNull(values[6]);
  row->vector = values[7].bytes;
  return store::IsSound(row->row, row->vector, values[1].integer, values[2].integer);
}

void Trees::Sort() {
  pages_.clear();
  incomplete_.clear();
  unowned_damage_ = false;
  for (uint32_t page = 1; page <= file_.pages(); ++page) {
    if (!file_.IsInUse(page)) continue;
    const uint32_t owner = file_.OwnerOf(page);
    const bool damaged = file_.TrustOf(page) != Trust::kWhole;
    if (damaged && owner == 0) unowned_damage_ = true;
    if (damaged && owner != 0) incomplete_.push_back(owner);
    pages_.emplace_back(owner, page);
  }
  std::sort(pages_.begin(), pages_.end());
  std::sort(incomplete_.begin(), incomplete_.end());
}

std::span<const std::pair<uint32_t, uint32_t>> Trees::PagesOf(uint32_t root) const {
  const auto begin = std::lower_bound(pages_.begin(), pages_.end(), std::pair(root, 0u));
  const auto end = std::lower_bound(begin, pages_.end(), std::pair(root + 1, 0u));
  return {begin, end};
}

bool Trees::IsComplete(uint32_t root) const {
  return !unowned_damage_ && !std::binary_search(incomplete_.begin(), incomplete_.end(), root);
}

Status Trees::CellsOf(uint32_t number, bool is_table, const Visitor& visit) const {
  std::vector<std::byte> page, payload;
  const Trust trust = TRY(file_.Read(number, &page));
  if (trust == Trust::kAbsent || file_.IsOverflow(number)) return {};
  const BtreePage tree(number, page, file_.usable());
  const bool wanted =
      is_table ? tree.type() == PageType::kTableLeaf
               : tree.type() == PageType::kIndexLeaf || tree.type() == PageType::kIndexInner;
  if (!wanted) return {};
  for (uint32_t i = 0; i < tree.cells(); ++i) {
    const uint32_t offset = tree.OffsetOf(i);
    const auto cell = ParseCell(tree.type(), page, file_.usable(), offset);
    if (!cell) continue;
    const Trust of_payload = TRY(file_.ReadPayload(*cell, &payload));
    if (of_payload == Trust::kAbsent) continue;
    TRY(visit({{number, static_cast<uint16_t>(offset)},
               cell->rowid,
               payload,
               std::max(trust, of_payload)}));
  }
  return {};
}

Status Trees::ForEachCell(uint32_t root, bool is_table, const Visitor& visit) const {
  for (const auto& [owner, page] : PagesOf(root)) TRY(CellsOf(page, is_table, visit));
  return {};
}

Result<bool> Trees::RowAt(Page page, Spot spot, const RowVisitor& visit, uint64_t* record) const {
  const auto cell = ParseCell(PageType::kTableLeaf, page, file_.usable(), spot.offset);
  if (!cell || cell->payload_bytes < kRecordValues || cell->rowid <= 0) return false;
  *record = static_cast<uint64_t>(cell->rowid);
  // Most bytes of a page begin no cell: look at the record's header before the rest is fetched.
  if (cell->local.empty() || std::to_integer<uint8_t>(cell->local[0]) < kRecordValues + 1) {
    return false;
  }
  std::vector<std::byte> payload;
  if (TRY(file_.ReadPayload(*cell, &payload)) == Trust::kAbsent) return false;
  std::vector<Value> values;
  FoundRow row;
  if (!ParseRecord(payload, &values) || !AsRecord(values, *record, &row)) return false;
  TRY(visit(spot, row));
  return true;
}

Status Trees::ForEachRow(uint32_t number, const RowVisitor& visit,
                         const std::function<void(uint64_t record)>& broken) const {
  std::vector<std::byte> page;
  const Trust trust = TRY(file_.Read(number, &page));
  if (trust == Trust::kAbsent || file_.IsOverflow(number)) return {};
  const BtreePage tree(number, page, file_.usable());
  if (trust == Trust::kWhole && tree.type() != PageType::kTableLeaf) return {};
  std::vector<uint64_t> failed;
  bool suspicious = trust != Trust::kWhole;
  for (uint32_t i = 0; i < tree.cells(); ++i) {
    uint64_t record = 0;
    const Spot spot{number, static_cast<uint16_t>(tree.OffsetOf(i))};
    if (TRY(RowAt(page, spot, visit, &record))) continue;
    if (record != 0) failed.push_back(record);
    // Without page checksums nothing else has looked at the pointers of this page.
    suspicious = suspicious || !file_.has_checksums();
  }
  if (suspicious) return ScanForRows(number, page, visit);
  for (const uint64_t record : failed) broken(record);
  return {};
}

Status Trees::ScanForRows(uint32_t number, Page page, const RowVisitor& visit) const {
  constexpr size_t kContentAt = 5;
  uint32_t begin = BigEndian32(page, kContentAt) >> 16;
  if (begin < 8 || begin >= file_.usable()) begin = 8;
  for (uint32_t offset = begin; offset + 4 < file_.usable(); ++offset) {
    uint64_t record = 0;
    TRY(RowAt(page, {number, static_cast<uint16_t>(offset), /*listed=*/false}, visit, &record));
  }
  return {};
}

Status Trees::ReadRow(Spot spot, const RowUser& use) {
  if (last_page_ != spot.page) {
    last_page_ = 0;
    TRY(file_.Read(spot.page, &last_bytes_));
    last_page_ = spot.page;
  }
  uint64_t record = 0;
  const auto visit = [&](Spot, const FoundRow& row) { return use(row); };
  if (!TRY(RowAt(last_bytes_, spot, visit, &record)))
    return Unavailable("a record changed while it was read");
  return {};
}

Result<std::string> Trees::ReadEntryText(Spot spot) const {
  std::vector<std::byte> page, payload;
  TRY(file_.Read(spot.page, &page));
  const BtreePage tree(spot.page, page, file_.usable());
  const auto cell = ParseCell(tree.type(), page, file_.usable(), spot.offset);
  std::vector<Value> values;
  if (!cell || TRY(file_.ReadPayload(*cell, &payload)) == Trust::kAbsent ||
      !ParseRecord(payload, &values) || values.empty() || !values[0].IsText()) {
    return std::string();
  }
  return std::string(values[0].text());
}

}  // namespace pannier::salvage

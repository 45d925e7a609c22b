#include "daemon/salvage/btree_page.h"

#include <algorithm>

namespace pannier::salvage {
namespace {

constexpr uint32_t kFirstPageHeader = 100;  // bytes of the file's header on page 1
constexpr uint32_t kFixed = 12, kLeafHeader = 8, kInnerHeader = 12;

uint32_t Byte(Page bytes, size_t at) { return std::to_integer<uint32_t>(bytes[at]); }
uint32_t BigEndian16(Page bytes, size_t at) {
  return at + 2 <= bytes.size() ? Byte(bytes, at) << 8 | Byte(bytes, at + 1) : 0;
}

// Reads a variable-length integer at `*at` and moves on. False: it does not end within the bytes.
bool ReadVarint(Page bytes, size_t* at, uint64_t* value) {
  *value = 0;
  for (int i = 0; i < 9; ++i) {
    if (*at >= bytes.size()) return false;
    const uint32_t byte = Byte(bytes, (*at)++);
    if (i == 8) {
      *value = *value << 8 | byte;
      return true;
    }
    *value = *value << 7 | (byte & 0x7f);
    if ((byte & 0x80) == 0) return true;
  }
  return true;
}

// How much of a payload lies on the page itself.
uint64_t LocalBytes(PageType type, uint64_t payload, uint32_t usable) {
  const uint64_t fraction_base = usable - kFixed;
  const uint64_t most = type == PageType::kTableLeaf ? usable - 35 : fraction_base * 64 / 255 - 23;
  if (payload <= most) return payload;
  const uint64_t least = fraction_base * 32 / 255 - 23;
  const uint64_t local = least + (payload - least) % (usable - 4);
  return local <= most ? local : least;
}

// The bytes that a value of this serial type takes; nothing for types that do not exist.
std::optional<uint64_t> BytesOf(uint64_t serial) {
  constexpr uint64_t kFixedSizes[] = {0, 1, 2, 3, 4, 6, 8, 8, 0, 0};
  if (serial < std::size(kFixedSizes)) return kFixedSizes[serial];
  if (serial < 12) return std::nullopt;
  return (serial - 12) / 2;
}

int64_t SignedBigEndian(Page bytes) {
  uint64_t value = 0;
  for (size_t i = 0; i < bytes.size(); ++i) value = value << 8 | Byte(bytes, i);
  const size_t unused = 64 - 8 * bytes.size();
  return bytes.empty() ? 0 : static_cast<int64_t>(value << unused) >> unused;
}

Value ValueOf(uint64_t serial, Page bytes) {
  Value value;
  if (serial == 0) return value;
  if (serial >= 12) {
    value.kind = serial % 2 == 0 ? Value::Kind::kBlob : Value::Kind::kText;
    value.bytes = bytes;
  } else if (serial == 7) {
    value.kind = Value::Kind::kReal;
    value.bytes = bytes;
  } else {
    value.kind = Value::Kind::kInteger;
    value.integer = serial >= 8 ? static_cast<int64_t>(serial - 8) : SignedBigEndian(bytes);
  }
  return value;
}

}  // namespace

uint32_t BigEndian32(Page bytes, size_t at) {
  if (at + 4 > bytes.size()) return 0;
  return BigEndian16(bytes, at) << 16 | BigEndian16(bytes, at + 2);
}

BtreePage::BtreePage(uint32_t number, Page page, uint32_t usable)
    : page_(page), usable_(usable), header_at_(number == 1 ? kFirstPageHeader : 0) {
  if (page.size() < 512 || usable > page.size() || usable < 480) return;
  const auto type = static_cast<PageType>(Byte(page, header_at_));
  const bool known = type == PageType::kTableLeaf || type == PageType::kIndexLeaf || IsInner(type);
  if (!known) return;
  type_ = type;
  const uint32_t header = header_at_ + (IsInner(type) ? kInnerHeader : kLeafHeader);
  cells_ = std::min(BigEndian16(page, header_at_ + 3), (usable - header) / 2);
  if (IsInner(type)) right_child_ = BigEndian32(page, header_at_ + 8);
}

uint32_t BtreePage::OffsetOf(uint32_t i) const {
  if (i >= cells_) return 0;
  const uint32_t header = IsInner(type_) ? kInnerHeader : kLeafHeader;
  const uint32_t offset = BigEndian16(page_, header_at_ + header + 2 * i);
  return offset < usable_ ? offset : 0;
}

std::optional<Cell> ParseCell(PageType type, Page page, uint32_t usable, uint32_t offset) {
  if (usable < 480 || usable > page.size() || offset == 0 || offset >= usable) return std::nullopt;
  const Page bytes = page.first(usable);
  Cell cell;
  size_t at = offset;
  if (IsInner(type)) {
    if (at + 4 > bytes.size()) return std::nullopt;
    cell.left_child = BigEndian32(bytes, at);
    at += 4;
  }
  uint64_t rowid = 0;
  if (type != PageType::kTableInner && !ReadVarint(bytes, &at, &cell.payload_bytes)) {
    return std::nullopt;
  }
  const bool is_table = type == PageType::kTableInner || type == PageType::kTableLeaf;
  if (is_table && !ReadVarint(bytes, &at, &rowid)) return std::nullopt;
  cell.rowid = static_cast<int64_t>(rowid);
  if (type == PageType::kTableInner) return cell;
  if (cell.payload_bytes > INT32_MAX) return std::nullopt;
  const uint64_t local = LocalBytes(type, cell.payload_bytes, usable);
  if (local > bytes.size() - at) return std::nullopt;
  cell.local = bytes.subspan(at, local);
  if (local == cell.payload_bytes) return cell;
  if (at + local + 4 > bytes.size()) return std::nullopt;
  cell.overflow = BigEndian32(bytes, at + local);
  return cell;
}

bool ParseRecord(Page payload, std::vector<Value>* values) {
  values->clear();
  size_t at = 0;
  uint64_t header = 0;
  if (!ReadVarint(payload, &at, &header) || header < at || header > payload.size()) return false;
  size_t value_at = header;
  while (at < header) {
    uint64_t serial = 0;
    if (!ReadVarint(payload.first(header), &at, &serial)) return false;
    const std::optional<uint64_t> bytes = BytesOf(serial);
    if (!bytes || *bytes > payload.size() - value_at || values->size() == kValuesMax) return false;
    values->push_back(ValueOf(serial, payload.subspan(value_at, *bytes)));
    value_at += *bytes;
  }
  return value_at == payload.size();
}

}  // namespace pannier::salvage

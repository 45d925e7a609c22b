// A page of SQLite's trees, taken apart without trust: any bytes may come, nothing outside of them
// is touched. Layouts as SQLite's file format documentation gives them.
// Threads: any. Lifetime: spans are of the page that was given.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

namespace pannier::salvage {

using Page = std::span<const std::byte>;

enum class PageType : uint8_t {
  kNone = 0,
  kIndexInner = 2,
  kTableInner = 5,
  kIndexLeaf = 10,
  kTableLeaf = 13
};

inline bool IsInner(PageType type) {
  return type == PageType::kIndexInner || type == PageType::kTableInner;
}

struct Cell {
  int64_t rowid = 0;        // of tables
  uint32_t left_child = 0;  // of inner pages
  uint64_t payload_bytes = 0;
  Page local;             // the payload's part on this page
  uint32_t overflow = 0;  // the page where the rest begins; 0: there is none
};

class BtreePage {
 public:
  // `usable`: bytes of the page that are SQLite's; at most the page's.
  BtreePage(uint32_t number, Page page, uint32_t usable);

  // kNone: it is no page of a tree.
  PageType type() const { return type_; }
  uint32_t cells() const { return cells_; }
  uint32_t right_child() const { return right_child_; }
  // Where cell `i` begins; 0: nowhere.
  uint32_t OffsetOf(uint32_t i) const;

 private:
  Page page_;
  uint32_t usable_, header_at_;
  PageType type_ = PageType::kNone;
  uint32_t cells_ = 0, right_child_ = 0;
};

// The cell of a page of this type that begins at `offset`, if one can.
std::optional<Cell> ParseCell(PageType type, Page page, uint32_t usable, uint32_t offset);

struct Value {
  enum class Kind : uint8_t { kNull, kInteger, kReal, kText, kBlob } kind = Kind::kNull;
  int64_t integer = 0;
  Page bytes;  // of texts and blobs
  bool IsText() const { return kind == Kind::kText; }
  bool IsInteger() const { return kind == Kind::kInteger; }
  bool IsNull() const { return kind == Kind::kNull; }
  std::string_view text() const {
    return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
  }
};

inline constexpr size_t kValuesMax = 16;
// The values of a whole payload. False: it is none; `values` may hold anything then.
bool ParseRecord(Page payload, std::vector<Value>* values);

uint32_t BigEndian32(Page bytes, size_t at);  // 0 where there are no four bytes

}  // namespace pannier::salvage

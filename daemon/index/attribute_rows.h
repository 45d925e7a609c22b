// The metadata of one collection between two compactions: versioned rows of typed cells. Inner part
// of AttributeIndex.
//
// A row is a block of 16-byte cells, one per key, sorted by key number. Keys and strings are
// interned, so a cell holds numbers and pointers only, and a filter never parses or compares text.
// Threads: as VersionedRows.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>
#include <variant>
#include <vector>

#include "daemon/index/arena.h"
#include "daemon/index/chunked_array.h"
#include "daemon/index/string_dictionary.h"
#include "daemon/index/versioned_rows.h"
#include "daemon/model/metadata.h"

namespace pannier::index {

// A scalar in eight bytes. Which member counts is said beside it.
union CellValue {
  bool boolean;
  int64_t integer;
  double real;
  const StringDictionary::Entry* string;
};

enum class CellKind : uint8_t { kBool, kInt, kFloat, kString };

struct Cell {
  uint32_t key;
  CellKind kind;  // of the value or of an array's elements
  bool is_array;
  union {
    CellValue value;
    const CellValue* array;  // led by an element that holds the count as an integer
  };

  std::span<const CellValue> elements() const {
    return {array + 1, static_cast<size_t>(array->integer)};
  }
};
static_assert(sizeof(Cell) == 16);

class AttributeRows {
 public:
  void Put(Sequence at, RecordNumber record, const model::Metadata* metadata);
  // A new row for the record with the cells of its newest: something else of it has changed.
  void Repeat(Sequence at, RecordNumber record);
  // Copies row `row` of `from` as the record's first row here; used by compaction.
  void CopyRow(Sequence at, const AttributeRows& from, uint32_t row);

  VersionedRows& versions() { return versions_; }
  const VersionedRows& versions() const { return versions_; }
  std::span<const Cell> Cells(uint32_t row) const;
  const StringDictionary& keys() const { return keys_; }
  const StringDictionary& strings() const { return strings_; }
  uint64_t bytes() const;

 private:
  // A row's cells, led by their count.
  struct Block {
    uint64_t count;
    const Cell* cells() const { return reinterpret_cast<const Cell*>(this + 1); }
  };

  void Store(uint32_t row, std::vector<Cell>* cells);
  uint32_t InternKey(std::string_view key);
  void AddCell(std::string_view, std::monostate) {}  // null is never stored
  template <typename T>
  void AddCell(std::string_view key, const T& value);
  template <typename T>
  void AddCell(std::string_view key, const std::vector<T>& values);
  const CellValue* StoreArray(std::span<const CellValue> elements);

  VersionedRows versions_;
  ChunkedArray<const Block*> blocks_;  // null: no metadata
  Arena arena_;
  StringDictionary keys_;
  StringDictionary strings_;
  std::vector<const StringDictionary::Entry*> key_entries_;  // by number; writer only
  std::vector<Cell> scratch_;                                // writer only
};

}  // namespace pannier::index

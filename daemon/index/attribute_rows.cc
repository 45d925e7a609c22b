#include "daemon/index/attribute_rows.h"

#include <algorithm>
#include <cstring>
#include <type_traits>

namespace pannier::index {
namespace {

template <typename T>
CellKind KindOf() {
  if constexpr (std::is_same_v<T, bool>) return CellKind::kBool;
  if constexpr (std::is_same_v<T, int64_t>) return CellKind::kInt;
  if constexpr (std::is_same_v<T, double>) return CellKind::kFloat;
  return CellKind::kString;
}

CellValue ToCell(bool value, StringDictionary&) { return {.boolean = value}; }
CellValue ToCell(int64_t value, StringDictionary&) { return {.integer = value}; }
CellValue ToCell(double value, StringDictionary&) { return {.real = value}; }
CellValue ToCell(const std::string& value, StringDictionary& strings) {
  return {.string = strings.Intern(value)};
}

}  // namespace

uint32_t AttributeRows::InternKey(std::string_view key) {
  const StringDictionary::Entry* entry = keys_.Intern(key);
  if (entry->number == key_entries_.size()) key_entries_.push_back(entry);
  return entry->number;
}

const CellValue* AttributeRows::StoreArray(std::span<const CellValue> elements) {
  auto* stored = arena_.AllocateArray<CellValue>(elements.size() + 1);
  stored[0].integer = static_cast<int64_t>(elements.size());
  std::copy(elements.begin(), elements.end(), stored + 1);
  return stored;
}

template <typename T>
void AttributeRows::AddCell(std::string_view key, const T& value) {
  Cell cell{InternKey(key), KindOf<T>(), false, {}};
  cell.value = ToCell(value, strings_);
  scratch_.push_back(cell);
}

template <typename T>
void AttributeRows::AddCell(std::string_view key, const std::vector<T>& values) {
  if (values.empty()) return;  // an empty array is a missing key
  std::vector<CellValue> elements;
  elements.reserve(values.size());
  for (const T& value : values) elements.push_back(ToCell(value, strings_));
  Cell cell{InternKey(key), KindOf<T>(), true, {}};
  cell.array = StoreArray(elements);
  scratch_.push_back(cell);
}

void AttributeRows::Put(Sequence at, RecordNumber record, const model::Metadata* metadata) {
  const uint32_t row = versions_.Append(at, record);
  scratch_.clear();
  if (metadata != nullptr) {
    for (const auto& entry : *metadata) {
      std::visit([&](const auto& value) { AddCell(entry.first, value); }, entry.second);
    }
  }
  Store(row, &scratch_);
}

void AttributeRows::Repeat(Sequence at, RecordNumber record) {
  const uint32_t old = versions_.Newest(record);
  const uint32_t row = versions_.Append(at, record);
  blocks_.Extend(row + 1);
  if (old != kNoRow) *blocks_[row] = *blocks_[old];
}

void AttributeRows::CopyRow(Sequence at, const AttributeRows& from, uint32_t row) {
  const uint32_t copy = versions_.Append(at, from.versions().RecordOf(row));
  const auto moved = [this](CellKind kind, CellValue value) {
    return kind == CellKind::kString ? CellValue{.string = strings_.Intern(value.string->text())}
                                     : value;
  };
  scratch_.clear();
  for (Cell cell : from.Cells(row)) {
    cell.key = InternKey(from.key_entries_[cell.key]->text());
    if (cell.is_array) {
      std::vector<CellValue> elements;
      for (const CellValue e : cell.elements()) elements.push_back(moved(cell.kind, e));
      cell.array = StoreArray(elements);
    } else {
      cell.value = moved(cell.kind, cell.value);
    }
    scratch_.push_back(cell);
  }
  Store(copy, &scratch_);
}

void AttributeRows::Store(uint32_t row, std::vector<Cell>* cells) {
  blocks_.Extend(row + 1);
  if (cells->empty()) return;
  std::sort(cells->begin(), cells->end(),
            [](const Cell& a, const Cell& b) { return a.key < b.key; });
  auto* block = static_cast<Block*>(arena_.Allocate(sizeof(Block) + cells->size() * sizeof(Cell)));
  block->count = cells->size();
  std::memcpy(static_cast<void*>(block + 1), cells->data(), cells->size() * sizeof(Cell));
  *blocks_[row] = block;
}

std::span<const Cell> AttributeRows::Cells(uint32_t row) const {
  const Block* block = *blocks_[row];
  return block == nullptr ? std::span<const Cell>()
                          : std::span<const Cell>(block->cells(), block->count);
}

uint64_t AttributeRows::bytes() const {
  return versions_.bytes() + blocks_.bytes() + arena_.bytes() + keys_.bytes() + strings_.bytes();
}

}  // namespace pannier::index

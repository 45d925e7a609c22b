#include "daemon/index/string_dictionary.h"

#include <cstring>
#include <functional>
#include <new>

#include "lib/core/check.h"

namespace pannier::index {

const StringDictionary::Entry* StringDictionary::Probe(const Table& table, std::string_view text,
                                                       uint64_t hash, uint64_t* free_cell) {
  for (uint64_t i = hash & table.mask;; i = (i + 1) & table.mask) {
    const Entry* entry = table.cells[i].load(std::memory_order_acquire);
    if (entry == nullptr) {
      *free_cell = i;
      return nullptr;
    }
    if (entry->hash == hash && entry->text() == text) return entry;
  }
}

const StringDictionary::Entry* StringDictionary::Find(std::string_view text) const {
  const Table* table = table_.load(std::memory_order_acquire);
  uint64_t unused = 0;
  return table == nullptr ? nullptr
                          : Probe(*table, text, std::hash<std::string_view>()(text), &unused);
}

const StringDictionary::Entry* StringDictionary::Intern(std::string_view text) {
  CHECK(text.size() <= UINT32_MAX && size_ < UINT32_MAX);
  if (tables_.empty() || uint64_t{size_} * 2 > tables_.back()->mask) Grow();
  const Table& table = *tables_.back();
  const uint64_t hash = std::hash<std::string_view>()(text);
  uint64_t cell = 0;
  if (const Entry* known = Probe(table, text, hash, &cell)) return known;
  auto* entry = new (arena_.Allocate(sizeof(Entry) + text.size()))
      Entry{hash, size_, static_cast<uint32_t>(text.size())};
  std::memcpy(entry + 1, text.data(), text.size());
  table.cells[cell].store(entry, std::memory_order_release);
  ++size_;
  return entry;
}

void StringDictionary::Grow() {
  const uint64_t cells = tables_.empty() ? 16 : (tables_.back()->mask + 1) * 2;
  auto table = std::make_unique<Table>(Table{cells - 1, std::make_unique<Cell[]>(cells)});
  if (!tables_.empty()) {
    const Table& old = *tables_.back();
    for (uint64_t i = 0; i <= old.mask; ++i) {
      const Entry* entry = old.cells[i].load(std::memory_order_relaxed);
      if (entry == nullptr) continue;
      uint64_t free_cell = 0;
      Probe(*table, entry->text(), entry->hash, &free_cell);
      table->cells[free_cell].store(entry, std::memory_order_relaxed);
    }
  }
  table_.store(table.get(), std::memory_order_release);
  table_bytes_.fetch_add(cells * sizeof(Cell), std::memory_order_relaxed);
  tables_.push_back(std::move(table));
}

}  // namespace pannier::index

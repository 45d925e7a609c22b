#include "daemon/salvage/inventory.h"

#include <algorithm>

#include "lib/file/checksum.h"

namespace pannier::salvage {
namespace {

// The better version first: what a page lists before what was only found there.
void SortRows(std::vector<HeldRow>* rows) {
  std::sort(rows->begin(), rows->end(), [](const HeldRow& a, const HeldRow& b) {
    return std::tuple(a.record, !a.spot.listed) < std::tuple(b.record, !b.spot.listed);
  });
  const auto same = [](const HeldRow& a, const HeldRow& b) { return a.record == b.record; };
  rows->erase(std::unique(rows->begin(), rows->end(), same), rows->end());
}

void SortEntries(std::vector<HeldEntry>* entries) {
  std::sort(entries->begin(), entries->end(), [](const HeldEntry& a, const HeldEntry& b) {
    return std::tuple(a.record, !a.proven) < std::tuple(b.record, !b.proven);
  });
  const auto same = [](const HeldEntry& a, const HeldEntry& b) { return a.record == b.record; };
  entries->erase(std::unique(entries->begin(), entries->end(), same), entries->end());
}

HeldRow Held(Spot spot, const FoundRow& row) {
  return {HashOf(row.row.id), static_cast<uint32_t>(row.row.number), spot};
}

Status TakeEntries(const Trees& trees, uint32_t root, std::vector<HeldEntry>* entries) {
  std::vector<Value> values;
  TRY(trees.ForEachCell(root, /*is_table=*/false, [&](const FoundCell& cell) -> Status {
    const bool shaped = ParseRecord(cell.payload, &values) && values.size() == 2 &&
                        values[0].IsText() && values[1].IsInteger() && values[1].integer > 0 &&
                        values[1].integer <= UINT32_MAX;
    if (!shaped) return {};
    entries->push_back({HashOf(values[0].text()), static_cast<uint32_t>(values[1].integer),
                        cell.spot, cell.trust == Trust::kWhole});
    return {};
  }));
  SortEntries(entries);
  return {};
}

}  // namespace

uint64_t HashOf(std::string_view id) { return file::Checksum(id); }

Result<Inventory> TakeInventory(const Trees& trees, const FoundCollection& collection,
                                const std::function<Status(uint32_t page)>& progress) {
  Inventory inventory;
  const auto take = [&](Spot spot, const FoundRow& row) -> Status {
    inventory.rows.push_back(Held(spot, row));
    return {};
  };
  const auto broken = [&](uint64_t record) {
    if (record <= UINT32_MAX) inventory.unreadable.push_back(static_cast<uint32_t>(record));
  };
  if (collection.table_root != 0) {
    for (const auto& [root, page] : trees.PagesOf(collection.table_root)) {
      TRY(trees.ForEachRow(page, take, broken));
      TRY(progress(page));
    }
  }
  SortRows(&inventory.rows);
  std::sort(inventory.unreadable.begin(), inventory.unreadable.end());
  if (collection.ids_root != 0) {
    TRY(TakeEntries(trees, collection.ids_root, &inventory.entries));
    inventory.ids_complete = trees.IsComplete(collection.ids_root);
  }
  return inventory;
}

Result<std::vector<HeldRow>> FindUnclaimed(const Trees& trees) {
  std::vector<HeldRow> rows;
  const auto take = [&](Spot spot, const FoundRow& row) -> Status {
    rows.push_back(Held(spot, row));
    return {};
  };
  for (const auto& [root, page] : trees.PagesOf(0)) {
    TRY(trees.ForEachRow(page, take, [](uint64_t) {}));
  }
  SortRows(&rows);
  return rows;
}

Status AddUnclaimed(const std::vector<HeldRow>& unclaimed, Inventory* inventory) {
  for (const HeldRow& row : unclaimed) {
    const auto entry = std::lower_bound(
        inventory->entries.begin(), inventory->entries.end(), row.record,
        [](const HeldEntry& each, uint32_t record) { return each.record < record; });
    const bool named = entry != inventory->entries.end() && entry->record == row.record &&
                       entry->id_hash == row.id_hash;
    if (named) inventory->rows.push_back(row);
  }
  SortRows(&inventory->rows);
  return {};
}

// With a whole index that alone says what lives. Without it everything lives that anything names,
// and the counters tell whether that is all. An entry of a damaged page counts only where nothing
// that is proven speaks of its record or its id.
Inventory::Plan Inventory::MakePlan(const std::optional<store::Counters>& counters) const {
  Plan plan;
  std::vector<uint64_t> ids_held;
  for (const HeldRow& row : rows) ids_held.push_back(row.id_hash);
  std::sort(ids_held.begin(), ids_held.end());
  bool has_doubtful = false;
  auto row = rows.begin();
  auto entry = entries.begin();
  auto broken = unreadable.begin();
  while (row != rows.end() || entry != entries.end() || broken != unreadable.end()) {
    uint32_t record = UINT32_MAX;
    if (row != rows.end()) record = std::min(record, row->record);
    if (entry != entries.end()) record = std::min(record, entry->record);
    if (broken != unreadable.end()) record = std::min(record, *broken);
    Due due{record, std::nullopt, std::nullopt};
    if (row != rows.end() && row->record == record) due.row = (row++)->spot;
    const bool is_named = entry != entries.end() && entry->record == record;
    bool proven = false;
    if (is_named) {
      proven = entry->proven;
      const bool id_is_elsewhere =
          !due.row && std::binary_search(ids_held.begin(), ids_held.end(), entry->id_hash);
      if (proven || !(due.row || id_is_elsewhere)) due.entry = entry->spot;
      ++entry;
    }
    bool is_broken = false;
    for (; broken != unreadable.end() && *broken == record; ++broken) is_broken = true;
    const bool lives = ids_complete ? is_named : due.row || due.entry || is_broken;
    if (!lives) continue;
    has_doubtful = has_doubtful || (!due.row && due.entry && !proven);
    plan.due.push_back(due);
  }
  const uint64_t found = plan.due.size();
  plan.is_exact = ids_complete || (counters && counters->records == found && !has_doubtful);
  if (!ids_complete && counters && counters->records > found) {
    plan.nameless = counters->records - found;
  }
  return plan;
}

}  // namespace pannier::salvage

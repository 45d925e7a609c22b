// What a damaged store holds of one collection, and what it should hold.
// Memory: 24 bytes for each record and each entry of the index of ids. Threads: one at a time.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "daemon/salvage/findings.h"
#include "daemon/salvage/trees.h"
#include "lib/core/result.h"

namespace pannier::salvage {

struct HeldRow {
  uint64_t id_hash = 0;
  uint32_t record = 0;
  Spot spot;
};
struct HeldEntry {
  uint64_t id_hash = 0;
  uint32_t record = 0;
  Spot spot;
  bool proven = false;  // its page is whole
};

// One record that should be there.
struct Due {
  uint32_t record = 0;
  std::optional<Spot> row;    // where it is; nothing: it cannot be read
  std::optional<Spot> entry;  // where the index names it
};

struct Inventory {
  std::vector<HeldRow> rows;         // sound ones, by number, each once
  std::vector<HeldEntry> entries;    // of the index, by number, each once
  std::vector<uint32_t> unreadable;  // rows that are there but not sound, by number
  bool ids_complete = false;         // the index names every record that lives

  // All that should be there, by number; and whether that is really all.
  struct Plan {
    std::vector<Due> due;
    bool is_exact = false;
    uint64_t nameless = 0;  // so many more there were, by the counters
  };
  Plan MakePlan(const std::optional<store::Counters>& counters) const;
};

uint64_t HashOf(std::string_view id);

Result<Inventory> TakeInventory(const Trees& trees, const FoundCollection& collection,
                                const std::function<Status(uint32_t page)>& progress);
// Adds the rows of pages that no tree claims, where the inventory's index names them.
Status AddUnclaimed(const std::vector<HeldRow>& unclaimed, Inventory* inventory);
// The sound rows of pages that no tree claims.
Result<std::vector<HeldRow>> FindUnclaimed(const Trees& trees);

}  // namespace pannier::salvage

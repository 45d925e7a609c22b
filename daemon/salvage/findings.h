// What a damaged store says of itself: its tables, its collections, its counters.
// Threads: one at a time.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "daemon/model/collection.h"
#include "daemon/salvage/trees.h"
#include "daemon/store/collection_table.h"
#include "lib/core/result.h"

namespace pannier::salvage {

// A collection of the newest verified snapshot, or of the damaged store.
struct FoundCollection {
  uint32_t number = 0;      // 0: not known
  uint32_t table_root = 0;  // 0: not found
  uint32_t ids_root = 0;    // of the index of ids; 0: not found
  std::optional<model::Collection> info;
  std::optional<store::Counters> counters;

  std::string Name() const { return info ? info->name : "recovered-" + std::to_string(number); }
};

struct Findings {
  std::vector<FoundCollection> collections;  // by number
  std::optional<uint64_t> sequence;
  uint32_t last_number = 0;  // the highest that a collection ever had, as far as is known
  std::vector<std::string> messages;
};

// `known`: the snapshot's collections, which fill what cannot be read. Roots that are found only
// here are made known to `file`, and `trees` is sorted.
Result<Findings> FindTables(DamagedFile& file, Trees& trees,
                            const std::vector<model::Collection>& known);

}  // namespace pannier::salvage

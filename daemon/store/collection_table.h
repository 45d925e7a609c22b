// The rows that say which collections a store has, and their counters.
// Threads: with its Connection.
#pragma once

#include <cstdint>
#include <vector>

#include "daemon/index/record_set.h"
#include "daemon/model/collection.h"
#include "daemon/store/sqlite.h"
#include "lib/core/result.h"

namespace pannier::store {

// What changes with commits.
struct Counters {
  uint64_t records = 0;                 // that live
  index::RecordNumber last_record = 0;  // the highest number ever given
};

class CollectionTable {
 public:
  explicit CollectionTable(Connection& connection) : connection_(&connection) {}

  Result<std::vector<model::Collection>> Load();
  // Gives the collection its number and makes its tables.
  Result<uint32_t> Insert(const model::Collection& collection);
  Status Update(const model::Collection& collection);
  Status Remove(uint32_t number);

  Result<Counters> ReadCounters(uint32_t number);
  Status WriteCounters(uint32_t number, const Counters& counters);
  Result<index::Sequence> ReadSequence();
  Status WriteSequence(index::Sequence sequence);

 private:
  Connection* connection_;
  Statement read_counters_, write_counters_;
};

}  // namespace pannier::store

// What all exports ask of a store. Threads: pure.
#pragma once

#include <chrono>
#include <vector>

#include "daemon/store/store.h"

namespace pannier::transfer {

// By name.
std::vector<store::CollectionPtr> CollectionsByName(const store::Store& store);
// All records of the store.
Result<uint64_t> CountRecords(store::Store& store);
// An export has no deadline of its own: its progress is asked at every record.
store::CallContext NoHurry();
// Everything of every record, in insertion order.
model::GetRequest AllRecords();

}  // namespace pannier::transfer

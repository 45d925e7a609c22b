// Matches elements of an HNSW index to records when index_metadata.pickle no longer tells.
//
// Labels are given in the order in which records come, and so are the numbers of their rows; both
// survive deletions. So the living elements and the records that the index has taken in stand in
// the same order, but for elements whose record was deleted since. Pairs that are known cut both
// sides into gaps; in a gap with as many records as elements each belongs to its counterpart,
// provided that the whole adds up: nothing is missing on either side but what is accounted for.
// Threads: pure.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace pannier::rescue {

// Whether a record came before the index was written, or after.
enum class RecordAge { kBefore, kAfter, kUnknown };

struct OrderedSides {
  struct Element {
    uint64_t number = 0;
    std::string id;  // of its record; empty: not known
  };
  struct Record {
    std::string id;
    RecordAge age = RecordAge::kUnknown;
  };
  std::vector<Element> elements;  // alive, by label
  std::vector<Record> records;    // by row number
  uint64_t without_record = 0;    // elements whose record is deleted, among those without id
};

struct OrderedMatch {
  std::string id;
  uint64_t element = 0;
};

// Of the elements without id; empty when something contradicts or does not add up.
std::vector<OrderedMatch> MatchByOrder(const OrderedSides& sides);

}  // namespace pannier::rescue

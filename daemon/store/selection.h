// From a selection (ids, filter) to the records it names, at one sequence.
#pragma once

#include <functional>
#include <optional>

#include "daemon/index/attribute_index.h"
#include "daemon/index/record_set.h"
#include "daemon/model/filter.h"
#include "daemon/store/read_pace.h"
#include "daemon/store/record_table.h"
#include "lib/core/result.h"

namespace pannier::store {

// The documents of a record table, for filters that test them.
class TableDocuments final : public index::DocumentSource {
 public:
  TableDocuments(RecordTable& table, ReadPace& pace) : table_(table), pace_(pace) {}
  Status Visit(const index::RecordSet& records, const Visitor& visit) override;

 private:
  RecordTable& table_;
  ReadPace& pace_;
};

struct Selected {
  std::optional<index::RecordSet> records;  // nothing: the selection sets no condition
  bool unknown_ids = false;                 // some id names no record
  // Of `records`, those that are undecided in here pass only if their documents do. Nothing: all
  // pass.
  std::optional<index::AttributeIndex::Division> division;
};

// Who looks at the documents of records that a filter leaves undecided.
enum class Documents {
  kAtOnce,  // Select
  kLater,   // its caller, if they are many
};

// `attributes` is needed when the selection has a filter; it and `table` look at the same sequence.
//   kInvalidArgument   a regular expression does not compile
//   kDeadlineExceeded  as `pace` says
Result<Selected> Select(const model::Selection& selection, RecordTable& table,
                        const index::AttributeIndex::View* attributes, ReadPace& pace,
                        Documents when = Documents::kAtOnce);

// Looks at the documents of all that is undecided; `selected` has no division then.
Status Settle(Selected* selected, index::DocumentSource& documents);

// The members of `records` from the `offset`-th on, at most `limit`, in insertion order.
std::vector<RecordNumber> Page(const index::RecordSet& records, uint64_t offset,
                               std::optional<uint64_t> limit);

}  // namespace pannier::store

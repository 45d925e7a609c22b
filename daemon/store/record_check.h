// The rows of one collection and its index of ids, checked in parts, so that several threads can.
// Threads: Check() by several, each part once; Finish() after all of them.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "daemon/model/collection.h"
#include "daemon/store/check_notes.h"
#include "daemon/store/collection_table.h"
#include "daemon/store/progress.h"
#include "daemon/store/record_table.h"

namespace pannier::store {

class RecordCheck {
 public:
  RecordCheck(model::Collection collection, const Counters& counters);

  size_t parts() const { return parts_.size(); }
  // An error only when the check could not be made. `connection` is the caller's alone.
  Status Check(size_t part, Connection& connection, SharedProgress& progress);
  // Compares the parts with each other and with the counters; adds what was found.
  void Finish(CheckReport* report);

 private:
  // An order does not matter to it: what the rows and what the index say of ids must give the
  // same, and the parts' sums give the whole's.
  struct EntrySum {
    uint64_t count = 0, digest = 0;
    void Add(std::string_view id, RecordNumber number);
    void Add(const EntrySum& other) {
      count += other.count;
      digest += other.digest;
    }
    bool operator==(const EntrySum&) const = default;
  };
  struct Part {
    RecordNumber from = 0;
    std::optional<RecordNumber> before;  // none: to the end
    EntrySum sum;
    bool whole = false;  // it was read to its end
    CheckNotes notes;
  };

  Status CheckRows(Part& part, RecordTable& table, SharedProgress& progress) const;
  Status CheckIds(Part& part, RecordTable& table, SharedProgress& progress) const;
  const char* FaultOf(const Row& row) const;

  const model::Collection collection_;
  const std::string id_;
  const Counters counters_;
  std::vector<Part> parts_;  // of the rows, in order; the last is the index of ids
};

}  // namespace pannier::store

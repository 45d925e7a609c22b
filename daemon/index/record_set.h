// A set of records of one collection, as filters and planners use it: a compressed bitmap over
// record numbers.
//
// Record numbers are given by the store: they start at 1, grow with insertion order and are never
// used again, so that ascending iteration is insertion order. At most 2^32-1 per collection.
// Threads: a value; const methods from any.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <vector>

namespace pannier::index {

using RecordNumber = uint32_t;
using Sequence = uint64_t;  // a store's commit number

class RecordSet {
 public:
  RecordSet();
  static RecordSet Of(const std::vector<RecordNumber>& records);
  RecordSet(const RecordSet&);
  RecordSet(RecordSet&&) noexcept;
  RecordSet& operator=(RecordSet);
  ~RecordSet();

  void Add(RecordNumber record);
  bool Contains(RecordNumber record) const;
  uint64_t Count() const;
  bool empty() const;
  RecordNumber First() const;  // of a set that is not empty, as Last()
  RecordNumber Last() const;
  void IntersectWith(const RecordSet& other);
  void UniteWith(const RecordSet& other);
  void Subtract(const RecordSet& other);
  // Ascending; stops when the visitor returns false.
  void ForEach(const std::function<bool(RecordNumber)>& visit) const;
  std::vector<RecordNumber> ToVector() const;
  bool operator==(const RecordSet& other) const;

 private:
  struct Bitmap;
  std::unique_ptr<Bitmap> bitmap_;
};

}  // namespace pannier::index

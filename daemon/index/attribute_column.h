// All values of one key, sorted: from a value, or a range of them, to the rows that have it. A
// cache over AttributeRows for rows below some count, dead ones included; filters test newer rows
// one by one. Threads: a value that is shared as const; Extended() makes the next one beside it.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <utility>
#include <vector>

#include "daemon/index/attribute_rows.h"
#include "daemon/index/row_bits.h"
#include "daemon/model/filter.h"

namespace pannier::index {

class ScalarSet;

class AttributeColumn {
 public:
  // `old` (null: nothing) with the rows up to `end`, which must have been published to the caller.
  static std::shared_ptr<const AttributeColumn> Extended(const AttributeColumn* old,
                                                         const AttributeRows& rows, uint32_t key,
                                                         uint32_t end);

  uint32_t covered() const { return covered_; }
  uint64_t bytes() const;
  // About what one row with a value costs.
  static constexpr uint64_t kRowBytes = sizeof(int64_t) + sizeof(uint32_t);

  // Each returns how many rows it adds, or more; with no `found` nothing is added, and that is told
  // by a few look-ups.
  // Adds the rows whose scalar is one of `operands` (`set` is the same, ready to be asked).
  uint64_t AddScalars(std::span<const model::Scalar> operands, const ScalarSet& set,
                      const StringDictionary& strings, RowBits* found) const;
  // Adds the rows whose array holds one of them.
  uint64_t AddArrays(std::span<const model::Scalar> operands, const ScalarSet& set,
                     const StringDictionary& strings, RowBits* found) const;
  // Adds the rows whose scalar number is greater (kGt) and so on than `operand`.
  uint64_t AddCompared(model::FilterOp comparison, const model::Scalar& operand,
                       RowBits* found) const;

 private:
  // Ascending by value; rows in no particular order beyond that.
  template <typename T>
  struct Values {
    static constexpr uint64_t kValueBytes = sizeof(T);  // NOLINT(bugprone-sizeof-expression)
    std::vector<T> values;
    std::vector<uint32_t> rows;
    uint64_t bytes() const {
      return values.capacity() * kValueBytes + rows.capacity() * sizeof(uint32_t);
    }
    void Merge(std::vector<std::pair<T, uint32_t>>* fresh);
    uint64_t AddRange(size_t begin, size_t end, RowBits* found) const;
    uint64_t AddEqual(const T& value, RowBits* found) const;
  };
  struct Fresh;
  struct Side {
    Values<uint8_t> booleans;
    Values<int64_t> integers;
    Values<double> reals;  // without NaN, which equals nothing
    Values<const StringDictionary::Entry*> strings;
    uint64_t bytes() const;
    uint64_t count() const;
    void Merge(Fresh* fresh);
    uint64_t Add(std::span<const model::Scalar> operands, const ScalarSet& set,
                 const StringDictionary& strings, RowBits* found) const;
    uint64_t AddOne(const model::Scalar& operand, const StringDictionary& strings,
                    RowBits* found) const;
    void AddAll(const ScalarSet& set, RowBits* found) const;
  };

  uint32_t covered_ = 0;
  Side scalars_, elements_;
};

}  // namespace pannier::index

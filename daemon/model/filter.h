// The filter of get, query and delete: `where` and `where_document` are one tree.
//
// Semantics (exact, and the model of the tests):
// - A key that is missing, of another kind, or (for scalar operators) an array fails every positive
// operator and passes
//   every negative one ($ne, $nin, $not_contains, $not_regex).
// - Kinds: bool, string, number. Integers and floats compare by exact numeric value (2 < 2.5, 1
// == 1.0, and 2^53+1 is
//   not equal to 2^53 as a float).
// - $contains on a metadata key asks whether an array holds an equal element, by the same rules.
// Scalars never contain.
// - Document tests: the text of the record, which may be absent; $contains "" matches every record
// with a document.
//   Regular expressions are RE2's, unanchored, `.` without newline, UTF-8.
// - kAnd of nothing is true, kOr of nothing is false.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "daemon/model/metadata.h"

namespace pannier::model {

enum class FilterOp {
  kAnd,
  kOr,  // children
  kEq,
  kNe,
  kGt,
  kGte,
  kLt,
  kLte,  // key, operand
  kIn,
  kNin,  // key, operands (one kind, not empty)
  kArrayContains,
  kArrayNotContains,  // key, operand
  kDocumentContains,
  kDocumentNotContains,  // text
  kDocumentRegex,
  kDocumentNotRegex,  // text
};

struct Filter {
  FilterOp op = FilterOp::kAnd;
  std::vector<Filter> children;
  std::string key;
  Scalar operand;
  std::vector<Scalar> operands;
  std::string text;

  // Some node tests the document / a metadata key.
  bool UsesDocument() const;
  bool UsesMetadata() const;
};

// Which records a get, query or delete is about: all conditions ANDed.
struct Selection {
  std::optional<std::vector<std::string>> ids;
  std::optional<Filter> filter;
};

}  // namespace pannier::model

#include "daemon/model/filter.h"

#include <algorithm>

namespace pannier::model {
namespace {

enum class Tests { kNothing, kDocument, kMetadata };

Tests TestsOf(FilterOp op) {
  switch (op) {
    case FilterOp::kAnd:
    case FilterOp::kOr:
      return Tests::kNothing;
    case FilterOp::kDocumentContains:
    case FilterOp::kDocumentNotContains:
    case FilterOp::kDocumentRegex:
    case FilterOp::kDocumentNotRegex:
      return Tests::kDocument;
    default:
      return Tests::kMetadata;
  }
}

bool Uses(const Filter& filter, Tests what) {
  return TestsOf(filter.op) == what ||
         std::any_of(filter.children.begin(), filter.children.end(),
                     [what](const Filter& child) { return Uses(child, what); });
}

}  // namespace

bool Filter::UsesDocument() const { return Uses(*this, Tests::kDocument); }
bool Filter::UsesMetadata() const { return Uses(*this, Tests::kMetadata); }

}  // namespace pannier::model

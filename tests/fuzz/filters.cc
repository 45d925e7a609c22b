// `where` and `where_document`: whatever they say, they are refused as a client's mistake, or
// become a filter whose every node is one that the evaluator knows.
#include <cstdint>
#include <string_view>

#include "daemon/api/body.h"
#include "daemon/api/parse_filter.h"
#include "lib/core/check.h"

namespace {

using namespace pannier;  // NOLINT: a fuzzer has one purpose
using model::Filter;
using model::FilterOp;

constexpr int kDepthMax = 300;

void CheckNode(const Filter& filter, int depth) {
  CHECK(depth < kDepthMax);
  switch (filter.op) {
    case FilterOp::kAnd:
    case FilterOp::kOr:
      for (const Filter& child : filter.children) CheckNode(child, depth + 1);
      return;
    case FilterOp::kIn:
    case FilterOp::kNin:
      for (const model::Scalar& operand : filter.operands) {
        CHECK(operand.index() == filter.operands.front().index());
      }
      break;
    default:
      break;
  }
  CHECK(filter.children.empty());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  json::Document document;
  const Result<json::Value> body = document.ParseCopy(text);
  if (!body.ok()) return 0;
  constexpr std::string_view kNames[] = {"where", "where_document"};
  const auto fields = api::ReadFields(*body, kNames);
  if (!fields.ok()) return 0;
  const auto filter = api::ParseFilter((*fields)[0], (*fields)[1], api::ApiLimits());
  if (!filter.ok()) {
    CHECK(!filter.Is(Errc::kInternal));
  } else if (*filter) {
    CheckNode(**filter, 0);
    (void)(*filter)->UsesDocument();
  }
  return 0;
}

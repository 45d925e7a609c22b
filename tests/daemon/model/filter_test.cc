#include <catch2/catch.hpp>

#include "daemon/model/filter.h"

using namespace pannier::model;

TEST_CASE("filter: knows whether it tests documents or metadata", "[daemon][model]") {
  Filter text;
  text.op = FilterOp::kDocumentRegex;
  Filter key;
  key.op = FilterOp::kNin;
  Filter all;
  REQUIRE_FALSE(all.UsesDocument());
  REQUIRE_FALSE(all.UsesMetadata());
  all.children = {key};
  REQUIRE_FALSE(all.UsesDocument());
  REQUIRE(all.UsesMetadata());
  Filter outer;
  outer.op = FilterOp::kOr;
  outer.children = {all, text};
  REQUIRE(outer.UsesDocument());
  REQUIRE(outer.UsesMetadata());
}

// Goal: answers are the JSON that clients read, whatever is asked for.
#include <catch2/catch.hpp>
#include <limits>

#include "daemon/api/answers.h"

using namespace pannier::api;
using pannier::model::Include;
using pannier::model::RecordView;

namespace {

const float kVector[] = {0.1f, -2};

RecordView Record(std::string_view id) {
  RecordView record;
  record.id = id;
  record.document = "a \"quoted\" text";
  record.metadata = R"({"k":1})";
  record.vector = kVector;
  return record;
}

}  // namespace

TEST_CASE("answers: columns nobody asked for are null", "[daemon][api]") {
  AnswerWriter answer({}, {}, std::nullopt, 1000);
  REQUIRE(answer.Add(0, Record("a"), 0).ok());
  REQUIRE(answer.Take().value() ==
          R"({"ids":["a"],"embeddings":null,"documents":null,"uris":null,"metadatas":null,)"
          R"("include":[]})");
}

TEST_CASE("answers: a get lists, with nulls for what a record lacks", "[daemon][api]") {
  const Include all = {true, true, true, true, true};
  AnswerWriter answer(all, {"documents", "uris"}, std::nullopt, 1000);
  REQUIRE(answer.Add(0, Record("a"), 0).ok());
  RecordView bare;
  bare.id = "b";
  bare.vector = kVector;
  REQUIRE(answer.Add(0, bare, 0).ok());
  REQUIRE(answer.Take().value() ==
          R"({"ids":["a","b"],"embeddings":[[0.1,-2.0],[0.1,-2.0]],)"
          R"("documents":["a \"quoted\" text",null],"uris":[null,null],"metadatas":[{"k":1},null],)"
          R"("include":["documents","uris"]})");
}

TEST_CASE("answers: a query nests, also where nothing was found", "[daemon][api]") {
  Include include;
  include.distances = true;
  AnswerWriter answer(include, {"distances"}, 4, 1000);
  REQUIRE(answer.Add(1, Record("a"), 0.5f).ok());
  REQUIRE(answer.Add(1, Record("b"), std::numeric_limits<float>::quiet_NaN()).ok());
  REQUIRE(answer.Add(2, Record("c"), 1).ok());
  REQUIRE(answer.Take().value() ==
          R"({"ids":[[],["a","b"],["c"],[]],"embeddings":null,"documents":null,"uris":null,)"
          R"("metadatas":null,"distances":[[],[0.5,null],[1.0],[]],"include":["distances"]})");
  AnswerWriter none(include, {}, 0, 1000);
  REQUIRE(none.Take().value().find(R"("ids":[],)") != std::string::npos);
}

TEST_CASE("answers: the record that passes the limit is told so, and there is no answer",
          "[daemon][api]") {
  AnswerWriter answer({}, {}, std::nullopt, 50);
  int taken = 0;
  while (answer.Add(0, Record("record"), 0).ok()) ++taken;
  REQUIRE(taken == 5);  // each "record", is nine bytes
  REQUIRE(answer.Take().Is(pannier::Errc::kInvalidArgument));
}

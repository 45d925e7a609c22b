// Goal: what the API hands to the store is what was sent.
#include <catch2/catch.hpp>

#include "daemon/api/parse_records.h"
#include "lib/json/reader.h"

using namespace pannier;
using namespace pannier::api;
using model::WriteKind;

namespace {

model::RecordBatch Parse(const std::string& body, WriteKind kind) {
  json::BorrowedDocument document;
  return ParseRecords(document->ParseCopy(body).value(), kind, {}).value();
}

}  // namespace

TEST_CASE("parse records: vectors of arrays and base64 are the same floats", "[daemon][api]") {
  const auto arrays = Parse(R"({"ids":["a","b"],"embeddings":[[1,2],[0.1,-3]]})", WriteKind::kAdd);
  REQUIRE(arrays.dimension == 2);
  REQUIRE(arrays.vectors == std::vector<float>{1, 2, 0.1f, -3});
  REQUIRE(arrays.has_vector == std::vector<bool>{true, true});
  const auto base64 = Parse(R"({"ids":["a","b"],"embeddings":["AACAPwAAAEA=","zczMPQAAQMA="]})",
                            WriteKind::kUpsert);
  REQUIRE(base64.vectors == arrays.vectors);
  REQUIRE(base64.dimension == 2);
}

TEST_CASE("parse records: absent and null lists are empty, null items stay", "[daemon][api]") {
  const auto batch = Parse(
      R"({"ids":["a","b"],"documents":null,"uris":["u",null],"embeddings":[null,[1]],"x":[{}]})",
      WriteKind::kUpdate);
  REQUIRE(batch.documents.empty());
  REQUIRE(batch.metadatas.empty());
  REQUIRE(batch.uris == std::vector<std::optional<std::string>>{"u", std::nullopt});
  REQUIRE(batch.has_vector == std::vector<bool>{false, true});
  REQUIRE(batch.vectors == std::vector<float>{1});
  const auto bare = Parse(R"({"ids":["a"]})", WriteKind::kUpdate);
  REQUIRE(bare.dimension == 0);
  REQUIRE(bare.has_vector == std::vector<bool>{false});
}

TEST_CASE("parse records: metadata keeps kinds, deletes by null and by empty arrays",
          "[daemon][api]") {
  const auto batch = Parse(
      R"({"ids":["a","b","c","d"],"metadatas":[{"i":1,"f":1.0,"mix":[1,2.5],"e":[],"n":null,"i":2},)"
      R"({},{"e":[]},null]})",
      WriteKind::kUpdate);
  const model::Metadata want = {{"i", int64_t{2}},
                                {"f", 1.0},
                                {"mix", std::vector<double>{1, 2.5}},
                                {"e", std::monostate()},
                                {"n", std::monostate()}};
  REQUIRE(batch.metadatas[0] == want);
  REQUIRE_FALSE(batch.metadatas[1].has_value());
  REQUIRE(batch.metadatas[2] == model::Metadata{{"e", std::monostate()}});
  REQUIRE_FALSE(batch.metadatas[3].has_value());
}

TEST_CASE("parse records: of many equal keys the last counts", "[daemon][api]") {
  std::string object = "{";
  for (int i = 0; i < 300; ++i) {
    object += (i == 0 ? "\"k" : ",\"k") + std::to_string(i % 100) + "\":" + std::to_string(i);
  }
  const auto batch =
      Parse(R"({"ids":["a"],"embeddings":[[1]],"metadatas":[)" + object + "}]}", WriteKind::kAdd);
  REQUIRE(batch.metadatas[0]->size() == 100);
  for (const auto& [key, value] : *batch.metadatas[0]) {
    REQUIRE(std::get<int64_t>(value) == 200 + std::stoi(key.substr(1)));
  }
}

// Goal: `where` and `where_document` select through the API what section by section Chroma's
// documentation says, and schemas can forbid them. (The index's own tests check filters against a
// model; here each operator is seen end to end.)
#include <catch2/catch.hpp>

#include "tests/daemon/api/api_fixture.h"

using namespace pannier;
using namespace pannier::test;

namespace {

struct Fixture {
  ApiFixture api;
  const std::string path;

  Fixture() : path(api.NewCollection("docs")) {
    const Answer added = api.Send(
        "POST", path + "/add",
        R"({"ids":["int","float","str","bool","arr","none"],)"
        R"("embeddings":[[1],[2],[3],[4],[5],[6]],)"
        R"("documents":["apple pie","Apple","50% off_","żółw",null,""],)"
        R"("metadatas":[{"k":2},{"k":2.5},{"k":"x"},{"k":true},{"k":[1,2.5],"t":["a","b"]},null]})");
    REQUIRE(added.status == 201);
  }

  std::string Ids(const std::string& body) const {
    const Answer answer = api.Send("POST", path + "/get", body);
    CAPTURE(body, answer.body);
    REQUIRE(answer.status == 200);
    std::string ids;
    const Tree tree = answer.json();
    for (const Tree& id : tree["ids"]) {
      ids += (ids.empty() ? "" : " ") + id.get<std::string>();
    }
    return ids;
  }
  std::string Where(const std::string& where) const { return Ids(R"({"where":)" + where + "}"); }
  std::string Text(const std::string& where) const {
    return Ids(R"({"where_document":)" + where + "}");
  }
};

const std::string kAll = "int float str bool arr none";

}  // namespace

TEST_CASE("api: where compares values of one kind, numbers exactly", "[daemon][api]") {
  const Fixture fixture;
  const std::vector<std::pair<std::string, std::string>> table = {
      {R"({"k":2})", "int"},
      {R"({"k":2.0})", "int"},
      {R"({"k":2.5})", "float"},
      {R"({"k":{"$eq":"x"}})", "str"},
      {R"({"k":true})", "bool"},
      {R"({"k":1})", ""},
      {R"({"k":{"$ne":2}})", "float str bool arr none"},
      {R"({"k":{"$gt":2}})", "float"},
      {R"({"k":{"$gte":2}})", "int float"},
      {R"({"k":{"$lt":2.5}})", "int"},
      {R"({"k":{"$lte":2.5}})", "int float"},
      {R"({"k":{"$in":[2,3]}})", "int"},
      {R"({"k":{"$in":[2.5,2]}})", "int float"},
      {R"({"k":{"$in":["x","y"]}})", "str"},
      {R"({"k":{"$in":[true,false]}})", "bool"},
      {R"({"k":{"$nin":[2]}})", "float str bool arr none"},
      {R"({"k":{"$contains":1}})", "arr"},
      {R"({"k":{"$contains":2.5}})", "arr"},
      {R"({"k":{"$contains":2}})", ""},
      {R"({"t":{"$contains":"a"}})", "arr"},
      {R"({"t":{"$not_contains":"a"}})", "int float str bool none"},
      {R"({"missing":1})", ""},
      {R"({"missing":{"$ne":1}})", kAll},
      {R"({"#id":"int"})", ""},
      {R"({"":1})", ""},
      {R"({"k":18446744073709551616})", ""},
  };
  for (const auto& [where, ids] : table) {
    CAPTURE(where);
    REQUIRE(fixture.Where(where) == ids);
  }
}

TEST_CASE("api: where joins with and, or, nesting and documents", "[daemon][api]") {
  const Fixture fixture;
  REQUIRE(fixture.Where(R"({"$and":[{"k":{"$gt":1}},{"k":{"$lt":2.5}}]})") == "int");
  REQUIRE(fixture.Where(R"({"$or":[{"k":2},{"k":"x"}]})") == "int str");
  REQUIRE(fixture.Where(R"({"$or":[{"k":2},{"$and":[{"k":"x"},{"k":"y"}]}]})") == "int");
  REQUIRE(fixture.Where(R"({"$and":[]})") == kAll);
  REQUIRE(fixture.Where(R"({"$or":[]})") == "");
  REQUIRE(fixture.Where(R"({"$or":[{"k":true},{"#document":{"$contains":"apple"}}]})") ==
          "int bool");
  REQUIRE(fixture.Ids(R"({"where":{"k":{"$gt":0}},"where_document":{"$contains":"Apple"}})") ==
          "float");
  std::string deep = R"({"k":2})";
  for (int i = 0; i < 60; ++i) deep = R"({"$and":[)" + deep + "]}";
  REQUIRE(fixture.Where(deep) == "int");
}

TEST_CASE("api: where_document tests the text literally or by expression", "[daemon][api]") {
  const Fixture fixture;
  const std::vector<std::pair<std::string, std::string>> table = {
      {R"({"$contains":"pple"})", "int float"},
      {R"({"$contains":"apple"})", "int"},
      {R"({"$contains":"%"})", "str"},
      {R"({"$contains":"f_"})", "str"},
      {R"({"$contains":"ółw"})", "bool"},
      {R"({"$contains":""})", "int float str bool none"},
      {R"({"$not_contains":"pple"})", "str bool arr none"},
      {R"({"$not_contains":""})", "arr"},
      {R"({"$regex":"^[Aa]pple$"})", "float"},
      {R"({"$regex":"(?i)APPLE"})", "int float"},
      {R"({"$regex":""})", "int float str bool none"},
      {R"({"$not_regex":"a"})", "float str bool arr none"},
      {R"({"$and":[{"$contains":"pple"},{"$not_contains":"pie"}]})", "float"},
      {R"({"$or":[{"$contains":"pie"},{"$regex":"^\\d+%"}]})", "int str"},
      {R"({"$and":[]})", kAll},
      {R"({"$or":[]})", ""},
  };
  for (const auto& [where, ids] : table) {
    CAPTURE(where);
    REQUIRE(fixture.Text(where) == ids);
  }
}

TEST_CASE("api: a schema can forbid filters, and stores all the same", "[daemon][api]") {
  ApiFixture api;
  const Tree off = {{"enabled", false}, {"config", Tree::object()}};
  const std::string path = api.NewCollection(
      "docs", {{"schema",
                {{"defaults", {{"string", {{"string_inverted_index", off}}}}},
                 {"keys", {{"#document", {{"string", {{"fts_index", off}}}}}}}}}});
  REQUIRE(
      api.Send(
             "POST", path + "/add",
             R"({"ids":["a"],"embeddings":[[1]],"documents":["x"],"metadatas":[{"s":"x","i":1}]})")
          .status == 201);
  const std::vector<std::pair<std::string, std::string>> table = {
      {R"("where":{"s":"x"})",
       "Cannot filter using metadata key 's' with type 'Str' because indexing is disabled"},
      {R"("where":{"$or":[{"i":1},{"s":{"$nin":["x"]}}]})", "Cannot filter using metadata key 's'"},
      {R"("where_document":{"$contains":"x"})",
       "Cannot filter using full-text search because FTS indexing is disabled"}};
  for (const auto& [filter, text] : table) {
    for (const std::string& body : {"/get|{" + filter + "}", "/delete|{" + filter + "}",
                                    "/query|{\"query_embeddings\":[[1]]," + filter + "}"}) {
      const size_t bar = body.find('|');
      const Answer refused = api.Send("POST", path + body.substr(0, bar), body.substr(bar + 1));
      CAPTURE(body);
      REQUIRE(refused.status == 400);
      REQUIRE(refused.error() == "InvalidArgumentError");
      REQUIRE(refused.message().find(text) == 0);
    }
  }
  REQUIRE(api.Post(path + "/get", {{"where", {{"i", 1}}}}).json()["ids"] == Tree{"a"});
  REQUIRE(api.Get(path + "/count").body == "1");
}

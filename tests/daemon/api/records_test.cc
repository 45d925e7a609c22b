// Goal: records are written and read as Chroma does, value for value.
#include <catch2/catch.hpp>

#include "tests/daemon/api/api_fixture.h"

using namespace pannier;
using namespace pannier::test;

namespace {

// Three records of two dimensions.
std::string Filled(const ApiFixture& api, const Tree& more = Tree::object()) {
  const std::string path = api.NewCollection("docs", more);
  const Answer added = api.Send(
      "POST", path + "/add",
      R"({"ids":["a","b","c"],"embeddings":[[1,2],[3,4],[5,6]],"documents":["hi",null,""],)"
      R"("uris":[null,"u",null],)"
      R"("metadatas":[{"k":1,"f":1.0,"s":"x","l":[1,2.5],"e":[]},null,{}]})");
  INFO(added.body);
  REQUIRE(added.status == 201);
  REQUIRE(added.body == "{}");
  return path;
}

Tree All(const ApiFixture& api, const std::string& path) {
  return api.Post(path + "/get", {{"include", {"documents", "metadatas", "embeddings", "uris"}}})
      .json();
}

}  // namespace

TEST_CASE("api: get shows what was added, in order, with nulls where nothing is", "[daemon][api]") {
  ApiFixture api;
  const std::string path = Filled(api);
  const Answer got = api.Send("POST", path + "/get", "{}");
  REQUIRE(got.body ==
          R"({"ids":["a","b","c"],"embeddings":null,"documents":["hi",null,""],"uris":null,)"
          R"("metadatas":[{"k":1,"f":1.0,"s":"x","l":[1.0,2.5]},null,null],)"
          R"("include":["documents","metadatas"]})");
  const Answer rest =
      api.Send("POST", path + "/get", R"({"include":["uris","embeddings","distances","uris"]})");
  REQUIRE(rest.body ==
          R"({"ids":["a","b","c"],"embeddings":[[1.0,2.0],[3.0,4.0],[5.0,6.0]],"documents":null,)"
          R"("uris":[null,"u",null],"metadatas":null,)"
          R"("include":["uris","embeddings","distances","uris"]})");
}

TEST_CASE("api: get takes ids, limit and offset along the insertion order", "[daemon][api]") {
  ApiFixture api;
  const std::string path = Filled(api);
  const auto ids = [&](const std::string& body) {
    return api.Send("POST", path + "/get", body).json()["ids"].dump();
  };
  REQUIRE(ids(R"({"ids":["c","a","a","zz"]})") == R"(["a","c"])");
  REQUIRE(ids(R"({"ids":[]})") == "[]");
  REQUIRE(ids(R"({"ids":null,"where":null,"where_document":null,"limit":null})") ==
          R"(["a","b","c"])");
  REQUIRE(ids(R"({"limit":2})") == R"(["a","b"])");
  REQUIRE(ids(R"({"limit":2,"offset":2})") == R"(["c"])");
  REQUIRE(ids(R"({"limit":0})") == "[]");
  REQUIRE(ids(R"({"offset":4294967295})") == "[]");
  REQUIRE(ids(R"({"where":{"k":1}})") == R"(["a"])");
  REQUIRE(ids(R"({"where_document":{"$contains":""}})") == R"(["a","c"])");
}

TEST_CASE("api: query ranks by distance and nests its answer", "[daemon][api]") {
  ApiFixture api;
  const std::string path = Filled(api);
  const Answer answer =
      api.Send("POST", path + "/query", R"({"query_embeddings":[[1,2],[5,6]],"n_results":2})");
  REQUIRE(answer.body ==
          R"({"ids":[["a","b"],["c","b"]],"embeddings":null,)"
          R"("documents":[["hi",null],["",null]],"uris":null,)"
          R"("metadatas":[[{"k":1,"f":1.0,"s":"x","l":[1.0,2.5]},null],[null,null]],)"
          R"("distances":[[0.0,8.0],[0.0,8.0]],"include":["documents","metadatas","distances"]})");
}

TEST_CASE("api: queries that find little or nothing keep their shape", "[daemon][api]") {
  ApiFixture api;
  const std::string path = Filled(api);
  const auto query = [&](const std::string& body) {
    return api.Send("POST", path + "/query", body);
  };
  REQUIRE(query(R"({"query_embeddings":[[1,2]],"n_results":100,"include":[]})").body ==
          R"({"ids":[["a","b","c"]],"embeddings":null,"documents":null,"uris":null,)"
          R"("metadatas":null,"distances":null,"include":[]})");
  REQUIRE(query(R"({"query_embeddings":[[1,2]],"n_results":null,"include":[]})").json()["ids"] ==
          Tree{{"a", "b", "c"}});
  REQUIRE(query(R"({"query_embeddings":[]})").body ==
          R"({"ids":[],"embeddings":null,"documents":[],"uris":null,"metadatas":[],)"
          R"("distances":[],"include":["documents","metadatas","distances"]})");
  for (const char* nothing :
       {R"({"query_embeddings":[[1,2],[3,4]],"n_results":0})",
        R"({"query_embeddings":[[1,2],[3,4]],"ids":[]})",
        R"({"query_embeddings":[[1,2],[3,4]],"where":{"k":9}})",
        R"({"query_embeddings":[[1,2],[3,4]],"ids":["zz"],"where":{"k":1}})"}) {
    CAPTURE(nothing);
    REQUIRE(query(nothing).body ==
            R"({"ids":[[],[]],"embeddings":null,"documents":[[],[]],"uris":null,)"
            R"("metadatas":[[],[]],"distances":[[],[]],)"
            R"("include":["documents","metadatas","distances"]})");
  }
  const std::string empty = api.NewCollection("empty");
  REQUIRE(api.Post(empty + "/query", {{"query_embeddings", {{1, 2, 3}}}}).json()["ids"] ==
          Tree::array({Tree::array()}));
}

TEST_CASE("api: a query by unknown ids says so", "[daemon][api]") {
  ApiFixture api;
  const std::string path = Filled(api);
  const Answer answer =
      api.Send("POST", path + "/query", R"({"query_embeddings":[[1,2]],"ids":["a","zz"]})");
  REQUIRE((answer.status == 400 || answer.status == 404));
  REQUIRE(answer.message().find("Error finding id") != std::string::npos);
}

TEST_CASE("api: distances of each space are right", "[daemon][api]") {
  ApiFixture api;
  const std::vector<std::pair<std::string, double>> table = {
      {"l2", 8.0}, {"ip", -10.0}, {"cosine", 1 - 11 / std::sqrt(5.0 * 25.0)}};
  for (const auto& [space, distance] : table) {
    const std::string path =
        api.NewCollection("in-" + space, {{"configuration", {{"hnsw", {{"space", space}}}}}});
    api.Post(path + "/add", {{"ids", {"a"}}, {"embeddings", {{3, 4}}}});
    const Tree answer = api.Post(path + "/query", {{"query_embeddings", {{1, 2}}}}).json();
    REQUIRE(answer["distances"][0][0].get<double>() == Approx(distance).margin(1e-6));
  }
}

TEST_CASE("api: embeddings come back bit for bit, also from base64", "[daemon][api]") {
  ApiFixture api;
  const std::string path = api.NewCollection("docs", {{"metadata", {{"hnsw:space", "cosine"}}}});
  REQUIRE(api.Send("POST", path + "/add",
                   R"({"ids":["a","b"],"embeddings":["AACAPwAAAEA=","zcxMPgEAAAA="]})")
              .status == 201);
  REQUIRE(api.Send("POST", path + "/upsert",
                   R"({"ids":["c"],"embeddings":[[0.1,3.4028234663852886e38]]})")
              .status == 200);
  REQUIRE(api.Send("POST", path + "/get", R"({"include":["embeddings"]})").body ==
          R"({"ids":["a","b","c"],"embeddings":[[1.0,2.0],[0.2,1e-45],[0.1,3.4028235e+38]],)"
          R"("documents":null,"uris":null,"metadatas":null,"include":["embeddings"]})");
}

TEST_CASE("api: queries take base64 as writes do, and answer the same", "[daemon][api]") {
  ApiFixture api;
  const std::string path = api.NewCollection("docs");
  api.Post(path + "/add", {{"ids", {"a", "b", "c"}}, {"embeddings", {{1, 2}, {0, 2}, {1, 9}}}});
  const Answer arrays = api.Send("POST", path + "/query", R"({"query_embeddings":[[1,2],[0,0]]})");
  REQUIRE(arrays.status == 200);
  REQUIRE(
      api.Send("POST", path + "/query", R"({"query_embeddings":["AACAPwAAAEA=","AAAAAAAAAAA="]})")
          .body == arrays.body);
}

TEST_CASE("api: add skips what exists, and the first of equal ids wins", "[daemon][api]") {
  ApiFixture api;
  const std::string path = Filled(api);
  const Tree before = All(api, path);
  REQUIRE(api.Post(path + "/add", {{"ids", {"a"}}, {"embeddings", {{9, 9}}}}).status == 201);
  REQUIRE(All(api, path) == before);
  REQUIRE(api.Post(path + "/add", {{"ids", {"d", "d"}},
                                   {"embeddings", {{1, 1}, {2, 2}}},
                                   {"documents", {"first", "second"}}})
              .status == 201);
  REQUIRE(api.Post(path + "/get", {{"ids", {"d"}}}).json()["documents"] == Tree{"first"});
  REQUIRE(api.Get(path + "/count").body == "4");
}

TEST_CASE("api: update merges, keeps, deletes keys and passes over unknown ids", "[daemon][api]") {
  ApiFixture api;
  const std::string path = Filled(api);
  REQUIRE(api.Send("POST", path + "/update",
                   R"({"ids":["a","zz","b"],"embeddings":[null,[7,7],[9,9]],)"
                   R"("documents":["new",null,null],)"
                   R"("metadatas":[{"k":null,"s":2,"n":true},{"q":1},null]})")
              .status == 200);
  const Tree all = All(api, path);
  REQUIRE(all["ids"] == Tree{"a", "b", "c"});
  REQUIRE(all["metadatas"][0] == Tree{{"f", 1.0}, {"l", {1.0, 2.5}}, {"s", 2}, {"n", true}});
  REQUIRE(all["documents"] == Tree{"new", nullptr, ""});
  REQUIRE(all["embeddings"][0] == Tree{1.0, 2.0});
  REQUIRE(all["embeddings"][1] == Tree{9.0, 9.0});
  REQUIRE(api.Post(path + "/update", {{"ids", Tree::array()}}).status == 200);
}

TEST_CASE("api: upsert adds or updates, in order, the last of equal ids winning", "[daemon][api]") {
  ApiFixture api;
  const std::string path = Filled(api);
  REQUIRE(api.Send("POST", path + "/upsert",
                   R"({"ids":["d","b","d"],"embeddings":[[1,1],[8,8],[2,2]],)"
                   R"("metadatas":[{"x":1,"y":null},{"z":1},{"x":2}]})")
              .status == 200);
  const Tree all = All(api, path);
  REQUIRE(all["ids"] == Tree{"a", "b", "c", "d"});
  REQUIRE(all["embeddings"][3] == Tree{2.0, 2.0});
  REQUIRE(all["metadatas"][3] == Tree{{"x", 2}});
  REQUIRE(all["metadatas"][1] == Tree{{"z", 1}});
  REQUIRE(all["uris"][1] == "u");
}

TEST_CASE("api: delete counts what really went", "[daemon][api]") {
  ApiFixture api;
  const std::string path = Filled(api);
  const auto deleted = [&](const std::string& body) {
    return api.Send("POST", path + "/delete", body).body;
  };
  REQUIRE(deleted("{}") == R"({"deleted":0})");
  REQUIRE(deleted(R"({"ids":null,"where":null})") == R"({"deleted":0})");
  REQUIRE(deleted(R"({"ids":["zz"]})") == R"({"deleted":0})");
  REQUIRE(deleted(R"({"ids":["a"],"where":{"k":9}})") == R"({"deleted":0})");
  REQUIRE(deleted(R"({"where":{"k":{"$ne":9}},"limit":0})") == R"({"deleted":0})");
  REQUIRE(deleted(R"({"where":{"k":{"$ne":9}},"limit":1})") == R"({"deleted":1})");
  REQUIRE(api.Post(path + "/get", Tree::object()).json()["ids"] == Tree{"b", "c"});
  REQUIRE(deleted(R"({"ids":["b","b","zz"]})") == R"({"deleted":1})");
  REQUIRE(deleted(R"({"where_document":{"$contains":""}})") == R"({"deleted":1})");
  REQUIRE(api.Get(path + "/count").body == "0");
}

TEST_CASE("api: ids of any text are kept byte for byte", "[daemon][api]") {
  ApiFixture api;
  const std::string path = api.NewCollection("docs");
  const Tree ids = {"ż", std::string("nul\0in", 6), "\n\t\"", std::string(5000, 'x'), " ", "🥕"};
  Tree vectors = Tree::array();
  for (size_t i = 0; i < ids.size(); ++i) vectors.push_back({1, 2});
  REQUIRE(api.Post(path + "/add", {{"ids", ids}, {"embeddings", vectors}}).status == 201);
  REQUIRE(api.Post(path + "/get", Tree::object()).json()["ids"] == ids);
  for (const Tree& id : ids) {
    REQUIRE(api.Post(path + "/get", {{"ids", {id}}}).json()["ids"] == Tree::array({id}));
  }
}

TEST_CASE("api: metadata keeps values and types", "[daemon][api]") {
  ApiFixture api;
  const std::string path = api.NewCollection("docs");
  const std::string metadata =
      R"({"t":true,"i":9223372036854775807,"n":-9223372036854775808,"f":1.0,"big":1e+300,)"
      R"("zero":0.0,"s":"\u0000é","ab":[true,false],"ai":[1,-2],"af":[0.5,1.0],"as":["","x"]})";
  REQUIRE(api.Send("POST", path + "/add",
                   R"({"ids":["a"],"embeddings":[[1]],"metadatas":[)" + metadata + "]}")
              .status == 201);
  const Answer got = api.Send("POST", path + "/get", R"({"include":["metadatas"]})");
  INFO(got.body);
  REQUIRE(got.body.find(metadata) != std::string::npos);
  api.Send("POST", path + "/update",
           R"({"ids":["a"],"metadatas":[{"f":1,"wide":18446744073709551616}]})");
  const std::string updated = api.Send("POST", path + "/get", "{}").body;
  REQUIRE(updated.find(R"("f":1,)") != std::string::npos);
  REQUIRE(Tree::parse(updated)["metadatas"][0]["wide"].is_number_float());
}

TEST_CASE("api: an empty array deletes a key, as null does", "[daemon][api]") {
  ApiFixture api;
  const std::string path = Filled(api);
  api.Send("POST", path + "/update", R"({"ids":["a"],"metadatas":[{"k":[],"l":[],"new":[]}]})");
  REQUIRE(All(api, path)["metadatas"][0] == Tree{{"f", 1.0}, {"s", "x"}});
  REQUIRE(api.Post(path + "/get", {{"where", {{"k", 1}}}}).json()["ids"].empty());
}

TEST_CASE("api: the schema and the dimension grow with what is written", "[daemon][api]") {
  ApiFixture api;
  Filled(api);
  const Tree collection = api.Collection("docs");
  REQUIRE(collection["dimension"] == 2);
  const Tree& keys = collection["schema"]["keys"];
  REQUIRE(keys["k"]["int"]["int_inverted_index"]["enabled"] == true);
  REQUIRE(keys["l"].contains("float"));
  REQUIRE(keys["s"].contains("string"));
}

TEST_CASE("api: records that are passed over do not grow the schema", "[daemon][api]") {
  ApiFixture api;
  const std::string path = Filled(api);
  const Tree before = api.Collection("docs")["schema"];
  api.Send("POST", path + "/update", R"({"ids":["unknown"],"metadatas":[{"new":1}]})");
  api.Send("POST", path + "/add", R"({"ids":["a"],"embeddings":[[1,2]],"metadatas":[{"new":1}]})");
  REQUIRE(api.Collection("docs")["schema"] == before);
  api.Send("POST", path + "/update", R"({"ids":["a"],"metadatas":[{"new":1,"gone":null}]})");
  REQUIRE(api.Collection("docs")["schema"]["keys"].contains("new"));
  REQUIRE_FALSE(api.Collection("docs")["schema"]["keys"].contains("gone"));
}

TEST_CASE("api: the dimension is fixed by the first vector and stays", "[daemon][api]") {
  ApiFixture api;
  const std::string path = Filled(api);
  for (const char* route : {"/add", "/upsert", "/update"}) {
    const Answer wrong = api.Post(path + route, {{"ids", {"n"}}, {"embeddings", {{1, 2, 3}}}});
    REQUIRE(wrong.status == 400);
    REQUIRE(wrong.message() == "Collection expecting embedding with dimension of 2, got 3");
  }
  const Answer query = api.Post(path + "/query", {{"query_embeddings", {{1}}}});
  REQUIRE(query.message() == "Collection expecting embedding with dimension of 2, got 1");
  REQUIRE(api.Send("POST", path + "/query", R"({"query_embeddings":[[]]})").message() ==
          "Collection expecting embedding with dimension of 2, got 0");
  api.Post(path + "/delete", {{"ids", {"a", "b", "c"}}});
  REQUIRE(api.Collection("docs")["dimension"] == 2);

  const std::string other = api.NewCollection("other");
  REQUIRE(api.Post(other + "/update", {{"ids", {"none"}}, {"embeddings", {{1, 2, 3}}}}).status ==
          200);
  REQUIRE(api.Collection("other")["dimension"] == 3);
}

TEST_CASE("api: writes tell the sequence that shows them", "[daemon][api]") {
  ApiFixture api;
  const std::string path = api.NewCollection("docs");
  const auto sequence = [&](const char* id) {
    return std::stoull(api.Post(path + "/add", {{"ids", {id}}, {"embeddings", {{1}}}})
                           .Header("pannier-sequence")
                           .value());
  };
  const uint64_t first = sequence("a");
  REQUIRE(sequence("b") > first);
  REQUIRE(api.Post(path + "/delete", {{"ids", {"a"}}}).Header("pannier-sequence").has_value());
}

TEST_CASE("api: indexing status has real numbers", "[daemon][api]") {
  ApiFixture api;
  const std::string path = Filled(api);
  REQUIRE(api.Get(path + "/indexing_status").json() == Tree{{"op_indexing_progress", 1.0},
                                                            {"num_unindexed_ops", 0},
                                                            {"num_indexed_ops", 3},
                                                            {"total_ops", 3}});
  const std::string empty = api.NewCollection("empty");
  REQUIRE(api.Get(empty + "/indexing_status").json()["op_indexing_progress"] == 1.0);
}

TEST_CASE("api: count takes the read levels there are", "[daemon][api]") {
  ApiFixture api;
  const std::string path = Filled(api);
  for (const char* level : {"", "?read_level=index_and_wal", "?read_level=index_only",
                            "?read_level=index_and_bounded_wal", "?other=1"}) {
    REQUIRE(api.Get(path + "/count" + level).body == "3");
  }
  for (const char* level :
       {"?read_level=x", "?read_level=", "?read_level=index_only&read_level=x"}) {
    REQUIRE(api.Get(path + "/count" + level).status == 400);
  }
}

TEST_CASE("api: tens of thousands of ids and operands are fine", "[daemon][api]") {
  ApiFixture api;
  const std::string path = Filled(api);
  Tree ids = Tree::array(), numbers = Tree::array();
  for (int i = 0; i < 50'000; ++i) {
    ids.push_back("id" + std::to_string(i));
    numbers.push_back(i + 1);
  }
  ids.push_back("b");
  REQUIRE(api.Post(path + "/get", {{"ids", ids}}).json()["ids"] == Tree{"b"});
  REQUIRE(api.Post(path + "/get", {{"where", {{"k", {{"$in", numbers}}}}}}).json()["ids"] ==
          Tree{"a"});
}

TEST_CASE("api: an answer past its limit is refused, not cut", "[daemon][api]") {
  api::ApiOptions options;
  options.limits.answer_bytes = 1'000;
  ApiFixture api(options);
  const std::string path = api.NewCollection("docs");
  for (int i = 0; i < 3; ++i) {
    api.Post(path + "/add", {{"ids", {std::to_string(i)}},
                             {"embeddings", {{1}}},
                             {"documents", {std::string(600, 'x')}}});
  }
  const Answer refused = api.Post(path + "/get", Tree::object());
  REQUIRE(refused.status == 400);
  REQUIRE(refused.message().find("limit and offset") != std::string::npos);
  REQUIRE(api.Post(path + "/get", {{"limit", 1}}).status == 200);
}

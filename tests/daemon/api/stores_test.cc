// Goal: /pannier/v1/stores says what the stores do and lets a person look after them.
#include <catch2/catch.hpp>

#include "tests/daemon/api/api_fixture.h"

using namespace pannier;
using namespace pannier::test;

namespace {
const std::string kStore = "/pannier/v1/stores/default_tenant/default_database";
}

TEST_CASE("api: stores are listed and described", "[daemon][api]") {
  ApiFixture api;
  api.Post("/api/v2/tenants/default_tenant/databases", {{"name", "unused"}});
  const std::string path = api.NewCollection("docs");
  api.Post(path + "/add", {{"ids", {"a", "b"}}, {"embeddings", {{1}, {2}}}});
  const Tree list = api.Get("/pannier/v1/stores").json()["stores"];
  REQUIRE(list.size() == 2);
  const Tree one = api.Get(kStore).json();
  REQUIRE(one["open"] == true);
  REQUIRE(one["collections"] == 1);
  REQUIRE(one["records"] == 2);
  REQUIRE(one["sequence"].get<uint64_t>() > 0);
  REQUIRE(one["bytes_on_disk"].get<uint64_t>() > 0);
  REQUIRE(one["damaged"] == false);
  REQUIRE(one["damage"].is_null());
  REQUIRE(one["folder"].get<std::string>().starts_with("stores/"));
  REQUIRE(one["last_used"].get<std::string>().ends_with("Z"));
  REQUIRE(api.Get("/pannier/v1/stores/default_tenant/unused").json()["open"] == false);
  REQUIRE(api.Get("/pannier/v1/stores/default_tenant/nothing").status == 404);
}

TEST_CASE("api: a query is explained: what may be returned, which way it goes and why",
          "[daemon][api]") {
  ApiFixture api;
  const std::string path = api.NewCollection("docs");
  api.Post(path + "/add", {{"ids", {"a", "b", "c"}},
                           {"embeddings", {{1}, {2}, {3}}},
                           {"documents", {"an otter", "a cat", "an otter too"}},
                           {"metadatas", {{{"n", 1}}, {{"n", 2}}, {{"n", 3}}}}});
  const std::string id = path.substr(path.rfind('/') + 1);
  const std::string explain = kStore + "/collections/" + id + "/explain";
  const Tree plain = api.Post(explain, {{"query_embeddings", {{1}, {2}}}, {"n_results", 2}}).json();
  REQUIRE(plain["vectors"] == "memory");
  REQUIRE(plain["selected"].is_null());
  REQUIRE(plain["searches"].size() == 2);
  REQUIRE(plain["searches"][0]["plan"] == "scan");
  REQUIRE(plain["searches"][0]["candidates"] == 3);
  REQUIRE(plain["searches"][0]["why"] == "no graph serves this sequence");
  REQUIRE(plain["searches"][0]["scan_shared_by"] == 2);
  const Tree filtered = api.Post(explain, {{"query_embeddings", {{1}}},
                                           {"where", {{"n", {{"$gt", 1}}}}},
                                           {"where_document", {{"$contains", "otter"}}}})
                            .json();
  REQUIRE(filtered["selected"] == 1);
  REQUIRE(api.Post(explain, {{"query_embeddings", {{1, 2}}}}).status == 400);
  REQUIRE(api.Post(kStore + "/collections/nothing/explain", {{"query_embeddings", {{1}}}}).status ==
          400);
}

TEST_CASE("api: a store is flushed, warmed and closed by hand, and opens again when used",
          "[daemon][api]") {
  ApiFixture api;
  const std::string path = api.NewCollection("docs");
  api.Post(path + "/add", {{"ids", {"a"}}, {"embeddings", {{1}}}});
  REQUIRE(api.Send("POST", kStore + "/flush").status == 200);
  REQUIRE(api.Send("POST", kStore + "/warm").status == 200);
  REQUIRE(api.Send("POST", kStore + "/close").json() == Tree{{"closed", true}});
  REQUIRE(api.Get(kStore).json()["open"] == false);
  REQUIRE(api.Get(path + "/count").body == "1");
  REQUIRE(api.Get(kStore).json()["open"] == true);
  for (const char* verb : {"/flush", "/warm", "/close"}) {
    REQUIRE(
        api.Send("POST", std::string("/pannier/v1/stores/default_tenant/nothing") + verb).status ==
        404);
  }
}

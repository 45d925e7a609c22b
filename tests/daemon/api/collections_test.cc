// Goal: collections are made, found, changed and deleted as Chroma does.
#include <catch2/catch.hpp>

#include "tests/daemon/api/api_fixture.h"

using namespace pannier;
using namespace pannier::test;

namespace {
const std::string kCollections = kDatabase + "/collections";
}

TEST_CASE("api: a new collection shows all that clients read", "[daemon][api]") {
  ApiFixture api;
  const Answer made = api.Post(
      kCollections, {{"name", "docs"},
                     {"metadata", {{"a", 1}, {"f", 1.0}}},
                     {"configuration",
                      {{"hnsw", nullptr},
                       {"spann", nullptr},
                       {"embedding_function",
                        {{"name", "default"}, {"type", "known"}, {"config", Tree::object()}}}}},
                     {"schema", nullptr},
                     {"get_or_create", false}});
  REQUIRE(made.status == 200);
  Tree collection = made.json();
  REQUIRE(collection["id"].get<std::string>().size() == 36);
  REQUIRE(collection["id"].get<std::string>()[14] == '4');
  REQUIRE(collection["name"] == "docs");
  REQUIRE(made.body.find(R"("metadata":{"a":1,"f":1.0})") != std::string::npos);
  REQUIRE(collection["dimension"].is_null());
  REQUIRE(collection["tenant"] == "default_tenant");
  REQUIRE(collection["database"] == "default_database");
  REQUIRE(collection["log_position"] == 0);
  REQUIRE(collection["version"] == 0);
  REQUIRE(collection["configuration_json"]["hnsw"]["space"] == "l2");
  REQUIRE(collection["configuration_json"]["embedding_function"]["name"] == "default");
  REQUIRE(collection["schema"]["keys"].contains("#embedding"));
  REQUIRE(api.Collection("docs") == collection);
  REQUIRE(api.Get(kCollections + "/by-id/" + collection["id"].get<std::string>()).json() ==
          collection);
}

TEST_CASE("api: a name is taken once, and get_or_create leaves what is there", "[daemon][api]") {
  ApiFixture api;
  const std::string path = api.NewCollection("docs", {{"metadata", {{"a", 1}}}});
  const Answer taken = api.Post(kCollections, {{"name", "docs"}});
  REQUIRE(taken.status == 409);
  REQUIRE(taken.error() == "ChromaError");
  REQUIRE(taken.message() == "Collection [docs] already exists");
  const Answer got = api.Post(kCollections, {{"name", "docs"},
                                             {"get_or_create", true},
                                             {"metadata", {{"b", 2}}},
                                             {"configuration", {{"hnsw", {{"space", "ip"}}}}}});
  REQUIRE(got.status == 200);
  REQUIRE(got.json() == api.Collection("docs"));
  REQUIRE(got.json()["metadata"] == Tree{{"a", 1}});
  const Answer wrong = api.Post(
      kCollections,
      {{"name", "docs"}, {"get_or_create", true}, {"configuration", {{"hnsw", {{"x", 1}}}}}});
  REQUIRE(wrong.status == 422);  // what is ignored is still looked at
  REQUIRE(api.Get(kDatabase + "/collections_count").body == "1");
}

TEST_CASE("api: collections are listed by id, in pages", "[daemon][api]") {
  ApiFixture api;
  for (int i = 0; i < 7; ++i) api.NewCollection("name" + std::to_string(i));
  const Tree all = api.Get(kCollections).json();
  REQUIRE(all.size() == 7);
  Tree paged = Tree::array();
  for (int offset = 0; offset < 9; offset += 3) {
    const std::string page = "?limit=3&offset=" + std::to_string(offset);
    for (const Tree& one : api.Get(kCollections + page).json()) paged.push_back(one);
  }
  REQUIRE(paged == all);
  for (size_t i = 1; i < all.size(); ++i) {
    REQUIRE(all[i - 1]["id"].get<std::string>() < all[i]["id"].get<std::string>());
  }
  REQUIRE(api.Get(kCollections + "?limit=0").body == "[]");
  REQUIRE(api.Get(kDatabase + "/collections_count").body == "7");
}

TEST_CASE("api: what is not there has Chroma's sentences", "[daemon][api]") {
  ApiFixture api;
  const std::string id = "10696c27-194d-478a-af3c-ef62a686cce9";
  const Answer by_name = api.Get(kCollections + "/nope");
  REQUIRE(by_name.status == 404);
  REQUIRE(by_name.error() == "NotFoundError");
  REQUIRE(by_name.message() == "Collection [nope] does not exist");
  REQUIRE(api.Get(kCollections + "/x%2Fy").message() == "Collection [x/y] does not exist");
  REQUIRE(api.Send("DELETE", kCollections + "/nope").message() ==
          "Collection [nope] does not exist");
  REQUIRE(api.Get(kCollections + "/by-id/" + id).message() ==
          "Collection [" + id + "] does not exist");
  REQUIRE(api.Get(kCollections + "/by-id/x").message() ==
          "Validation error: collection_id: Invalid collection ID format, expected UUID");
  REQUIRE(api.Send("PUT", kCollections + "/" + id, "{}").message() ==
          "Collection [" + id + "] does not exist.");
  REQUIRE(api.Send("PUT", kCollections + "/docs", "{}").message() ==
          "Collection ID is not a valid UUIDv4");
}

TEST_CASE("api: an update changes what it names", "[daemon][api]") {
  ApiFixture api;
  const std::string path = api.NewCollection("docs", {{"metadata", {{"a", 1}}}});
  const auto put = [&](const std::string& body) { return api.Send("PUT", path, body); };
  const Tree before = api.Collection("docs");
  REQUIRE(put("{}").body == "{}");
  REQUIRE(put(R"({"new_name":null,"new_metadata":null,"new_configuration":null})").status == 200);
  REQUIRE(api.Collection("docs") == before);

  REQUIRE(put(R"({"new_metadata":{"b":2,"gone":null}})").status == 200);
  REQUIRE(api.Collection("docs")["metadata"] == Tree{{"b", 2}});
  REQUIRE(put(R"({"new_metadata":{"gone":null}})").status == 200);
  REQUIRE(api.Collection("docs")["metadata"].is_null());

  REQUIRE(put(R"({"new_configuration":{"hnsw":{"ef_search":7}}})").status == 200);
  REQUIRE(api.Collection("docs")["configuration_json"]["hnsw"]["ef_search"] == 7);

  REQUIRE(put(R"({"new_name":"renamed"})").status == 200);
  REQUIRE(api.Get(kCollections + "/docs").status == 404);
  REQUIRE(api.Collection("renamed")["id"] == before["id"]);
}

TEST_CASE("api: an update that cannot be leaves the collection as it was", "[daemon][api]") {
  ApiFixture api;
  api.NewCollection("other");
  const std::string path = api.NewCollection("docs", {{"metadata", {{"a", 1}}}});
  const Tree before = api.Collection("docs");
  const std::vector<std::pair<std::string, int>> table = {
      {R"({"new_name":"other"})", 409},
      {R"({"new_name":"ab"})", 400},
      {R"({"new_name":5})", 422},
      {R"({"new_metadata":{}})", 400},
      {R"({"new_metadata":{"#a":1}})", 400},
      {R"({"new_metadata":{"a":[1]}})", 400},
      {R"({"new_metadata":{"a":{"b":1}}})", 422},
      {R"({"new_metadata":5})", 422},
      {R"({"new_configuration":{"hnsw":{"space":"ip"}}})", 422},
      {R"({"new_configuration":{"hnsw":{},"spann":{}}})", 400},
      {R"({"new_configuration":7})", 422},
      {R"({"new_name":"fine","new_metadata":{}})", 400},
  };
  for (const auto& [body, status] : table) {
    CAPTURE(body);
    REQUIRE(api.Send("PUT", path, body).status == status);
    REQUIRE(api.Collection("docs") == before);
  }
}

TEST_CASE("api: a deleted collection is gone with its records", "[daemon][api]") {
  ApiFixture api;
  const std::string path = api.NewCollection("docs");
  api.Post(path + "/add", {{"ids", {"a"}}, {"embeddings", {{1, 2}}}});
  REQUIRE(api.Send("DELETE", kCollections + "/docs").body == "{}");
  const Answer gone = api.Get(path + "/count");
  REQUIRE(gone.status == 404);
  REQUIRE(gone.message().ends_with("does not exist."));
  const std::string again = api.NewCollection("docs");
  REQUIRE(api.Get(again + "/count").body == "0");
}

TEST_CASE("api: an id is known only where its collection is", "[daemon][api]") {
  ApiFixture api;
  const std::string path = api.NewCollection("docs");
  const std::string id = api.Collection("docs")["id"];
  api.Post("/api/v2/tenants/default_tenant/databases", {{"name", "other"}});
  const std::string elsewhere = "/api/v2/tenants/default_tenant/databases/other/collections/";
  REQUIRE(api.Get(elsewhere + id + "/count").status == 404);
  REQUIRE(api.Get(elsewhere + "by-id/" + id).status == 404);
  REQUIRE(api.Get("/api/v2/tenants/nobody/databases/default_database/collections/" + id + "/count")
              .status == 404);
  REQUIRE(api.Get(path + "/count").status == 200);
}

TEST_CASE("api: a collection may be called like a route", "[daemon][api]") {
  ApiFixture api;
  api.NewCollection("by-id");
  REQUIRE(api.Collection("by-id")["name"] == "by-id");
  REQUIRE(api.Send("DELETE", kCollections + "/by-id").status == 200);
}

TEST_CASE("api: resource names are checked and then refused", "[daemon][api]") {
  ApiFixture api;
  for (const char* bad : {"x", "a:b", ":b:c", "a::c", "a:b:", "a:b:c:d"}) {
    REQUIRE(api.Get(std::string("/api/v2/collections/") + bad).status == 400);
  }
  REQUIRE(api.Get("/api/v2/collections/a:b:c").status == 501);
}

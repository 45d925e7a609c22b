// Goal: tenants and databases as Chroma's clients expect them.
#include <catch2/catch.hpp>

#include "tests/daemon/api/api_fixture.h"

using namespace pannier;
using namespace pannier::test;

TEST_CASE("api: the default tenant and database are there", "[daemon][api]") {
  ApiFixture api;
  REQUIRE(api.Get("/api/v2/tenants/default_tenant").json() ==
          Tree{{"name", "default_tenant"}, {"resource_name", nullptr}});
  REQUIRE(api.Get(kDatabase).json() == Tree{{"id", "00000000-0000-0000-0000-000000000000"},
                                            {"name", "default_database"},
                                            {"tenant", "default_tenant"}});
}

TEST_CASE("api: tenants are made once and found", "[daemon][api]") {
  ApiFixture api;
  REQUIRE(api.Post("/api/v2/tenants", {{"name", "a b/c"}}).body == "{}");
  REQUIRE(api.Get("/api/v2/tenants/a%20b%2Fc").json()["name"] == "a b/c");
  const Answer again = api.Post("/api/v2/tenants", {{"name", "a b/c"}});
  REQUIRE(again.status == 409);
  REQUIRE(again.error() == "ChromaError");
  REQUIRE(again.message() == "Tenant [a b/c] already exists");
  const Answer unknown = api.Get("/api/v2/tenants/nobody");
  REQUIRE(unknown.status == 404);
  REQUIRE(unknown.error() == "NotFoundError");
  REQUIRE(unknown.message() == "Tenant [nobody] not found");
  for (const char* bad : {"", "ab", "żó"}) {
    REQUIRE(api.Post("/api/v2/tenants", {{"name", bad}}).status == 400);
  }
  REQUIRE(api.Post("/api/v2/tenants", {{"name", std::string(513, 'x')}}).status == 400);
  REQUIRE(api.Send("PATCH", "/api/v2/tenants/nobody", R"({"resource_name":"x"})").body == "{}");
}

TEST_CASE("api: databases are unique per tenant and listed by name", "[daemon][api]") {
  ApiFixture api;
  const std::string acme = "/api/v2/tenants/acme/databases";
  REQUIRE(api.Post(acme, {{"name", "docs"}}).status == 404);  // the tenant is missing
  api.Post("/api/v2/tenants", {{"name", "acme"}});
  for (const char* name : {"zoo", "docs", "default_database"}) {
    REQUIRE(api.Post(acme, {{"name", name}}).body == "{}");
  }
  REQUIRE(api.Post(acme, {{"name", "docs"}}).message() == "Database [docs] already exists");
  const Tree all = api.Get(acme).json();
  REQUIRE(all.size() == 3);
  REQUIRE(all[0]["name"] == "default_database");
  REQUIRE(all[1]["name"] == "docs");
  REQUIRE(all[2]["tenant"] == "acme");
  REQUIRE(api.Get(acme + "?limit=1&offset=1").json()[0]["name"] == "docs");
  REQUIRE(api.Get(acme + "?limit=0").body == "[]");
  REQUIRE(api.Get(acme + "?offset=9").body == "[]");
  REQUIRE(api.Get("/api/v2/tenants/nobody/databases").body == "[]");
}

TEST_CASE("api: database names obey the rule, without a prefix", "[daemon][api]") {
  ApiFixture api;
  const std::string databases = "/api/v2/tenants/default_tenant/databases";
  for (const char* bad : {"", "ab", "../x", "a b", "1.2.3.4", "a..b", "x/y"}) {
    CAPTURE(bad);
    const Answer refused = api.Post(databases, {{"name", bad}});
    REQUIRE(refused.status == 400);
    REQUIRE(refused.error() == "InvalidArgumentError");
    REQUIRE(refused.message().starts_with("Expected a name"));
  }
  REQUIRE(api.Get(databases + "/ab").message() == "database name must be at least 3 characters");
  REQUIRE(api.Get(databases + "/ab/collections").status == 400);
  REQUIRE(api.Get(databases + "/%61b/collections/x").status == 400);
  REQUIRE(api.Get(databases + "/ab/collections/x/count").status == 400);
  REQUIRE(api.Post(databases + "/ab/collections", {{"name", 5}}).status == 422);
  REQUIRE(api.Post(databases + "/ab/collections", {{"name", "abc"}}).status == 400);
  REQUIRE(api.Send("DELETE", databases + "/ab").status == 404);
}

TEST_CASE("api: a deleted database is gone with its collections", "[daemon][api]") {
  ApiFixture api;
  const std::string one = "/api/v2/tenants/default_tenant/databases/docs";
  api.Post("/api/v2/tenants/default_tenant/databases", {{"name", "docs"}});
  REQUIRE(api.Post(one + "/collections", {{"name", "things"}}).status == 200);
  REQUIRE(api.Send("DELETE", one).body == "{}");
  REQUIRE(api.Get(one).message() == "Database [docs] not found. Are you sure it exists?");
  REQUIRE(api.Send("DELETE", one).message() == "Database [docs] not found");
  REQUIRE(api.Get(one + "/collections").body == "[]");
  REQUIRE(api.Get(one + "/collections_count").body == "0");
  REQUIRE(api.Get(one + "/collections/things").message() == "Collection [things] does not exist");
  const Answer create = api.Post(one + "/collections", {{"name", "things"}});
  REQUIRE(create.status == 400);
  REQUIRE(create.message() == "Database [docs] does not exist");
  api.Post("/api/v2/tenants/default_tenant/databases", {{"name", "docs"}});
  REQUIRE(api.Get(one + "/collections").body == "[]");
}

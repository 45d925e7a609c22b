// Goal: the routes that say what and how the server is.
#include <catch2/catch.hpp>

#include "tests/daemon/api/api_fixture.h"

using namespace pannier;
using namespace pannier::test;

TEST_CASE("api: heartbeat is nanoseconds since 1970, under both names", "[daemon][api]") {
  ApiFixture api;
  for (const char* path : {"/api/v2", "/api/v2/heartbeat"}) {
    const Answer answer = api.Get(path);
    REQUIRE(answer.status == 200);
    REQUIRE(answer.type == "application/json");
    REQUIRE(answer.json()["nanosecond heartbeat"].get<int64_t>() > 1'700'000'000'000'000'000);
  }
}

TEST_CASE("api: version, pre-flight checks and identity are what clients read", "[daemon][api]") {
  ApiFixture api;
  REQUIRE(api.Get("/api/v2/version").body == "\"1.0.0\"");
  const Tree checks = api.Get("/api/v2/pre-flight-checks").json();
  REQUIRE(checks["max_batch_size"] == 5461);
  REQUIRE(checks["supports_base64_encoding"] == true);
  REQUIRE(api.Get("/api/v2/auth/identity").json() ==
          Tree{{"user_id", ""}, {"tenant", "default_tenant"}, {"databases", {"default_database"}}});
}

TEST_CASE("api: health follows what the daemon says of itself", "[daemon][api]") {
  api::Health health;
  api::ApiHooks hooks;
  hooks.health = [&health] { return health; };
  ApiFixture api({}, hooks);
  REQUIRE(api.Get("/api/v2/healthcheck").json() ==
          Tree{{"is_executor_ready", true}, {"is_log_client_ready", true}});
  REQUIRE(api.Get("/health/chromadb").json()["status"] == "healthy");
  REQUIRE_FALSE(api.Get("/health/chromadb").Header("pannier-mode").has_value());

  health = {false, "read-only", "the disk is full"};
  REQUIRE(api.Get("/api/v2/healthcheck").status == 503);
  const Answer page = api.Get("/health/chromadb");
  REQUIRE(page.status == 503);
  REQUIRE(page.json()["reason"] == "the disk is full");
  REQUIRE(api.Get("/api/v2/heartbeat").Header("pannier-mode") == "read-only");
}

TEST_CASE("api: reset is off unless it is allowed", "[daemon][api]") {
  ApiFixture closed;
  closed.NewCollection("kept");
  const Answer refused = closed.Send("POST", "/api/v2/reset");
  REQUIRE(refused.status == 403);
  REQUIRE(refused.error() == "ChromaError");
  REQUIRE(refused.message() == "Reset is disabled by config");
  REQUIRE(closed.Get(kDatabase + "/collections_count").body == "1");

  api::ApiOptions options;
  options.allow_reset = true;
  ApiFixture open(options);
  open.NewCollection("gone");
  open.Post("/api/v2/tenants", {{"name", "other"}});
  REQUIRE(open.Send("POST", "/api/v2/reset").body == "true");
  REQUIRE(open.Get(kDatabase + "/collections_count").body == "0");
  REQUIRE(open.Get("/api/v2/tenants/other").status == 404);
  REQUIRE(open.Get("/api/v2/tenants/default_tenant").status == 200);
}

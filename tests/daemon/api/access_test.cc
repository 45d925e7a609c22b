// Goal: with tokens, a caller does what its token allows, sees the right status, and needs none for
// the routes that say how the server is.
#include <catch2/catch.hpp>
#include <map>

#include "daemon/api/credentials.h"
#include "tests/daemon/api/api_fixture.h"

using namespace pannier;
using namespace pannier::test;
using service::Scope;
using service::Verdict;

namespace {

const std::string kCollections = kDatabase + "/collections";

// "reader", "writer" and "admin" of default_tenant/default_database, "root" of everything.
class FakeAuthorizer final : public service::Authorizer {
 public:
  Verdict Check(std::string_view token, Scope scope, const service::Place& place) const override {
    const auto known = kScopes.find(std::string(token));
    if (known == kScopes.end()) return Verdict::kUnknownToken;
    if (token == "root") return Verdict::kAllowed;
    const bool here = place.tenant == "default_tenant" &&
                      (!place.database || *place.database == "default_database");
    return here && known->second >= scope ? Verdict::kAllowed : Verdict::kForbidden;
  }
  std::optional<service::Identity> Identify(std::string_view token) const override {
    if (!kScopes.contains(std::string(token))) return std::nullopt;
    return service::Identity{"me", "default_tenant", {"default_database"}};
  }

 private:
  const std::map<std::string, Scope> kScopes = {{"reader", Scope::kRead},
                                                {"writer", Scope::kWrite},
                                                {"admin", Scope::kAdmin},
                                                {"root", Scope::kAdmin}};
};

Headers Bearer(const std::string& token) { return {{"Authorization", "Bearer " + token}}; }

}  // namespace

TEST_CASE("api: without a token only what clients need before is open", "[daemon][api]") {
  ApiFixture api;
  const FakeAuthorizer authorizer;
  const auto get = [&](const std::string& path) {
    return api.Send("GET", path, "", {}, &authorizer);
  };
  for (const char* open :
       {"/api/v2", "/api/v2/heartbeat", "/api/v2/version", "/api/v2/pre-flight-checks",
        "/api/v2/healthcheck", "/health/chromadb"}) {
    REQUIRE(get(open).status == 200);
  }
  for (const std::string& closed :
       {std::string("/api/v2/auth/identity"), std::string("/api/v2/tenants/default_tenant"),
        kDatabase, kCollections, std::string("/pannier/v1/stores")}) {
    CAPTURE(closed);
    const Answer refused = get(closed);
    REQUIRE(refused.status == 401);
    REQUIRE(refused.error() == "AuthError");
    REQUIRE(refused.Header("chroma-trace-id").has_value());
  }
  REQUIRE(get("/nowhere").status == 404);
}

TEST_CASE("api: scopes and places decide between 200, 401 and 403", "[daemon][api]") {
  api::ApiOptions options;
  options.allow_reset = true;
  ApiFixture api(options);
  const FakeAuthorizer authorizer;
  const std::string path = api.NewCollection("docs");
  const std::string other = "/api/v2/tenants/default_tenant/databases/other";
  api.Post("/api/v2/tenants/default_tenant/databases", {{"name", "other"}});
  const std::string record = R"({"ids":["a"],"embeddings":[[1]]})";

  using Row = std::tuple<std::string, std::string, std::string, std::string, int>;
  const std::vector<Row> table = {
      {"nobody", "GET", kCollections, "", 401},
      {"reader", "GET", kCollections, "", 200},
      {"reader", "GET", "/api/v2/auth/identity", "", 200},
      {"reader", "GET", "/api/v2/tenants/default_tenant", "", 200},
      {"reader", "GET", path + "/count", "", 200},
      {"reader", "POST", path + "/get", "{}", 200},
      {"reader", "POST", path + "/query", R"({"query_embeddings":[]})", 200},
      {"reader", "POST", path + "/add", record, 403},
      {"reader", "POST", path + "/add", "not even JSON", 403},
      {"reader", "POST", kCollections, R"({"name":"new"})", 403},
      {"reader", "GET", other, "", 403},
      {"reader", "GET", "/api/v2/tenants/nobody", "", 403},
      {"writer", "POST", path + "/add", record, 201},
      {"writer", "POST", kCollections, R"({"name":"new"})", 200},
      {"writer", "DELETE", kCollections + "/new", "", 200},
      {"writer", "POST", other + "/collections", R"({"name":"new"})", 403},
      {"writer", "POST", "/api/v2/tenants/default_tenant/databases", R"({"name":"more"})", 403},
      {"writer", "POST", "/pannier/v1/stores/default_tenant/default_database/flush", "", 403},
      {"admin", "POST", "/pannier/v1/stores/default_tenant/default_database/flush", "", 200},
      {"admin", "POST", "/api/v2/tenants/default_tenant/databases", R"({"name":"more"})", 403},
      {"admin", "DELETE", other, "", 403},
      {"admin", "POST", "/api/v2/tenants", R"({"name":"more"})", 403},
      {"admin", "POST", "/api/v2/reset", "", 403},
      {"admin", "GET", "/pannier/v1/stores", "", 403},
      {"root", "POST", "/api/v2/tenants/default_tenant/databases", R"({"name":"more"})", 200},
      {"root", "GET", "/pannier/v1/stores", "", 200},
      {"root", "POST", "/api/v2/tenants", R"({"name":"more"})", 200},
      {"root", "DELETE", other, "", 200},
      {"root", "POST", "/api/v2/reset", "", 200},
  };
  for (const auto& [token, method, target, body, status] : table) {
    CAPTURE(token, method, target);
    const Answer answer = api.Send(method, target, body, Bearer(token), &authorizer);
    CAPTURE(answer.body);
    REQUIRE(answer.status == status);
    if (status == 401 || status == 403) {
      REQUIRE((answer.error() == "AuthError" || answer.error() == "ChromaError"));
    }
  }
}

TEST_CASE("api: a caller is told its own databases", "[daemon][api]") {
  ApiFixture api;
  const FakeAuthorizer authorizer;
  const std::string databases = "/api/v2/tenants/default_tenant/databases";
  api.Post(databases, {{"name", "other"}});
  const auto list = [&](const char* token, const char* query) {
    return api.Send("GET", databases + query, "", Bearer(token), &authorizer).json();
  };
  REQUIRE(list("root", "").size() == 2);
  REQUIRE(list("root", "?limit=1&offset=1")[0]["name"] == "other");
  REQUIRE(list("reader", "").size() == 1);
  REQUIRE(list("reader", "")[0]["name"] == "default_database");
  REQUIRE(list("reader", "?offset=1").empty());
  REQUIRE(api.Send("GET", "/api/v2/auth/identity", "", Bearer("reader"), &authorizer)
              .json()["user_id"] == "me");
}

TEST_CASE("credentials: tokens are found in every form clients send them", "[daemon][api]") {
  const auto token = [](const std::string& name, const std::string& value) {
    http::Request request;
    request.headers.emplace_back(name, value);
    return api::TokenOf(request).value_or("none");
  };
  REQUIRE(token("Authorization", "Bearer T") == "T");
  REQUIRE(token("authorization", "bearer  T ") == "T");
  REQUIRE(token("X-Chroma-Token", "T") == "T");
  REQUIRE(token("Authorization", "Basic dXNlcjpwYXNz") == "user:pass");
  REQUIRE(token("Authorization", "Basic !!!") == "none");
  REQUIRE(token("Authorization", "Digest x") == "none");
  REQUIRE(token("Authorization", "T") == "none");
  REQUIRE(token("Cookie", "T") == "none");
}

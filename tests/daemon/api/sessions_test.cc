// Goal: workers register sessions and make temporary stores with what any client can send; callers
// meet only their own sessions, and Chroma's wire stays as it is.
#include <catch2/catch.hpp>
#include <map>

#include "tests/daemon/api/api_fixture.h"

using namespace pannier;
using namespace pannier::test;

namespace {

const std::string kSessions = "/pannier/v1/sessions";
const std::string kDatabases = "/api/v2/tenants/default_tenant/databases";

Headers Session(const std::string& id) { return {{"X-Pannier-Session", id}}; }

// Tokens "a1" and "a2" are of user "a", "b" and "c" of nobody in particular.
class Tokens final : public service::Authorizer {
 public:
  service::Verdict Check(std::string_view token, service::Scope,
                         const service::Place&) const override {
    return Identify(token) ? service::Verdict::kAllowed : service::Verdict::kUnknownToken;
  }
  std::optional<service::Identity> Identify(std::string_view token) const override {
    const auto user = kUsers.find(std::string(token));
    if (user == kUsers.end()) return std::nullopt;
    return service::Identity{user->second, "default_tenant", {"*"}};
  }

 private:
  const std::map<std::string, std::string> kUsers = {
      {"a1", "a"}, {"a2", "a"}, {"b", ""}, {"c", ""}};
};

}  // namespace

TEST_CASE("api: a session is registered, kept alive, listed and ended", "[daemon][api]") {
  ApiFixture api;
  const Answer made = api.Post(
      kSessions,
      {{"id", "tab-1"}, {"name", "browser"}, {"cleanup_on_exit", true}, {"timeout_seconds", 60}});
  REQUIRE(made.status == 201);
  REQUIRE(made.json()["id"] == "tab-1");
  REQUIRE(made.json()["timeout_seconds"] == 60);
  REQUIRE(made.json()["cleanup_on_exit"] == true);
  REQUIRE(made.json()["created"].get<std::string>().ends_with("Z"));
  const Answer again = api.Post(kSessions, {{"id", "tab-1"}});
  REQUIRE(again.status == 200);
  REQUIRE(again.json()["name"] == "browser");
  REQUIRE(api.Send("PUT", kSessions + "/tab-1/heartbeat").json()["requests"] == 3);
  REQUIRE(api.Send("POST", kSessions + "/tab-1/heartbeat").status == 200);
  REQUIRE(api.Get(kSessions + "/tab-1").json()["idle_seconds"] == 0);
  const Tree list = api.Get(kSessions).json()["sessions"];
  REQUIRE(list.size() == 1);
  const Answer ended = api.Send("DELETE", kSessions + "/tab-1");
  REQUIRE(ended.status == 200);
  REQUIRE(ended.json()["stores_removed"] == 0);
  REQUIRE(api.Send("DELETE", kSessions + "/tab-1").status == 404);
  REQUIRE(api.Send("PUT", kSessions + "/tab-1/heartbeat").status == 404);
  REQUIRE(api.Get(kSessions + "/tab-1").status == 404);
}

TEST_CASE("api: a session without a body gets an id and the defaults", "[daemon][api]") {
  ApiFixture api;
  const Answer made = api.Send("POST", kSessions);
  REQUIRE(made.status == 201);
  REQUIRE(made.json()["id"].get<std::string>().size() == 32);
  REQUIRE(made.json()["timeout_seconds"] == 300);
  REQUIRE(made.json()["cleanup_on_exit"] == false);
  REQUIRE(api.Post(kSessions, {{"id", nullptr}}).status == 201);
  REQUIRE(api.Post(kSessions, {{"id", ""}}).status == 400);
  REQUIRE(api.Post(kSessions, {{"id", 7}}).status == 422);
  REQUIRE(api.Post(kSessions, {{"cleanup_on_exit", "yes"}}).status == 422);
  REQUIRE(api.Post(kSessions, {{"timeout_seconds", -1}}).status == 422);
  REQUIRE(api.Post(kSessions, {{"timeout_seconds", 0}}).status == 400);
  REQUIRE(api.Send("POST", kSessions, "{").status == 400);
}

TEST_CASE("api: requests that name a session keep it alive and say what it uses", "[daemon][api]") {
  ApiFixture api;
  api.Post(kSessions, {{"id", "w"}});
  REQUIRE(api.Send("GET", kDatabase + "/collections", "", Session(" w ")).status == 200);
  REQUIRE(api.Send("GET", kDatabases + "/absent", "", Session("w")).status == 404);
  REQUIRE(api.Send("GET", "/api/v2/heartbeat", "", Session("unknown")).status == 200);
  const Tree session = api.Get(kSessions + "/w").json();
  REQUIRE(session["stores"].size() == 1);
  REQUIRE(session["stores"][0]["database"] == "default_database");
  REQUIRE(api.Get(kSessions).json()["sessions"].size() == 1);
}

TEST_CASE("api: a temporary database goes with its session, and others stay", "[daemon][api]") {
  ApiFixture api;
  api.Post(kSessions, {{"id", "w"}});
  const Answer made =
      api.Send("POST", kDatabases, R"({"name":"scratch","ephemeral":true})", Session("w"));
  REQUIRE(made.status == 200);
  REQUIRE(made.body == "{}");
  REQUIRE(
      api.Send("POST", kDatabases, R"({"name":"kept","ephemeral":false})", Session("w")).status ==
      200);
  REQUIRE(api.Get("/pannier/v1/stores/default_tenant/scratch").json()["ephemeral"] == true);
  REQUIRE(api.Get("/pannier/v1/stores/default_tenant/kept").json()["ephemeral"] == false);
  REQUIRE(api.Send("DELETE", kSessions + "/w").json()["stores_removed"] == 1);
  REQUIRE(api.Get(kDatabases + "/scratch").status == 404);
  REQUIRE(api.Get(kDatabases + "/kept").status == 200);
}

TEST_CASE("api: a client that can only set headers makes temporary databases, too",
          "[daemon][api]") {
  ApiFixture api;
  Headers headers = Session("js-1");
  headers.emplace_back("x-pannier-ephemeral", "true");
  REQUIRE(api.Send("POST", kDatabases, R"({"name":"scratch"})", headers).status == 200);
  REQUIRE(api.Get(kSessions + "/js-1").status == 200);  // nobody had registered it
  REQUIRE(api.Send("POST", kDatabases, R"({"name":"own","ephemeral":false})", headers).status ==
          200);
  REQUIRE(api.Send("DELETE", kSessions + "/js-1").json()["stores_removed"] == 1);
  REQUIRE(api.Get(kDatabases + "/own").status == 200);
}

TEST_CASE("api: a temporary database without a session is refused, and none is made",
          "[daemon][api]") {
  ApiFixture api;
  const Answer refused = api.Send("POST", kDatabases, R"({"name":"scratch","ephemeral":true})");
  REQUIRE(refused.status == 400);
  REQUIRE(refused.message().find("x-pannier-session") != std::string::npos);
  REQUIRE(api.Send("POST", kDatabases, R"({"name":"scratch","ephemeral":"yes"})", Session("w"))
              .status == 422);
  REQUIRE(api.Send("POST", kDatabases, R"({"name":"scratch","ephemeral":true})", Session("a b"))
              .status == 400);
  REQUIRE(api.Get(kDatabases + "/scratch").status == 404);
  // One that is there stays what it was.
  REQUIRE(api.Post(kDatabases, {{"name", "kept"}}).status == 200);
  REQUIRE(
      api.Send("POST", kDatabases, R"({"name":"kept","ephemeral":true})", Session("w")).status ==
      409);
  REQUIRE(api.Send("DELETE", kSessions + "/w").json()["stores_removed"] == 0);
  REQUIRE(api.Get(kDatabases + "/kept").status == 200);
}

TEST_CASE("api: with tokens every caller meets its own sessions alone", "[daemon][api]") {
  ApiFixture api;
  const Tokens tokens;
  const auto ask = [&](const std::string& token, const std::string& method,
                       const std::string& path) {
    return api.Send(method, kSessions + path, "", {{"x-chroma-token", token}}, &tokens);
  };
  REQUIRE(api.Send("POST", kSessions, "", {}, &tokens).status == 401);
  REQUIRE(api.Send("GET", kSessions, "", {}, &tokens).status == 401);
  REQUIRE(ask("stranger", "POST", "").status == 401);
  REQUIRE(
      api.Send("POST", kSessions, R"({"id":"w"})", {{"x-chroma-token", "a1"}}, &tokens).status ==
      201);
  REQUIRE(ask("a2", "PUT", "/w/heartbeat").status == 200);
  for (const char* other : {"b", "c"}) {
    REQUIRE(ask(other, "PUT", "/w/heartbeat").status == 404);
    REQUIRE(ask(other, "DELETE", "/w").status == 404);
    REQUIRE(ask(other, "GET", "").json()["sessions"].empty());
  }
  REQUIRE(ask("b", "POST", "").status == 201);
  REQUIRE(ask("b", "GET", "").json()["sessions"].size() == 1);
  REQUIRE(ask("c", "GET", "").json()["sessions"].empty());
  REQUIRE(ask("a2", "DELETE", "/w").status == 200);
}

TEST_CASE("api: a store's own idle time is set, told, and taken back", "[daemon][api]") {
  ApiFixture api;
  const std::string store = "/pannier/v1/stores/default_tenant/default_database";
  const auto set = [&](const std::string& body) { return api.Send("PATCH", store, body); };
  const int64_t by_default = api.Get(store).json()["idle_after_seconds"];
  REQUIRE(by_default == 4 * 3600);
  REQUIRE(set(R"({"idle_after_seconds":300})").json()["idle_after_seconds"] == 300);
  REQUIRE(api.Get(store).json()["idle_after_seconds"] == 300);
  REQUIRE(set(R"({"idle_after_seconds":null})").json()["idle_after_seconds"] == by_default);
  REQUIRE(set(R"({"idle_after_seconds":0})").status == 400);
  REQUIRE(set(R"({"idle_after_seconds":4000000000})").status == 400);
  REQUIRE(set(R"({"idle_after_seconds":"1h"})").status == 422);
  REQUIRE(set("{}").status == 422);
  REQUIRE(
      api.Send("PATCH", "/pannier/v1/stores/default_tenant/absent", R"({"idle_after_seconds":300})")
          .status == 404);
}

// Goal: what holds for every route: status and body of what is no route, content types, limits,
// trace ids, CORS, the observer.
#include <catch2/catch.hpp>

#include "tests/daemon/api/api_fixture.h"

using namespace pannier;
using namespace pannier::test;

namespace {
const std::string kCollections = kDatabase + "/collections";
const Headers kPlain = {{"content-type", "text/plain"}};

bool IsTraceId(const std::optional<std::string>& id) {
  return id && id->size() == 32 && id->find_first_not_of("0123456789abcdef") == std::string::npos;
}
}  // namespace

TEST_CASE("api: unknown paths are 404 without a body", "[daemon][api]") {
  ApiFixture api;
  for (const char* path :
       {"/", "", "/api", "/api/v2/", "/api/v2//heartbeat", "/api/v2/heartbeat/", "/api/v3",
        "/api/v2/tenants/", "/api/v2/tenants/x/databases/abc/", "/api/v2/tenants//databases",
        "/api/v2/tenants/x/databases/abc/collections/", "/openapi.json", "/pannier/v1",
        "/api/v2/tenants/x/databases/abc/collections/y/nothing", "/API/V2", "/health"}) {
    CAPTURE(path);
    const Answer answer = api.Get(path);
    REQUIRE(answer.status == 404);
    REQUIRE(answer.body.empty());
    REQUIRE(answer.type.empty());
    REQUIRE(IsTraceId(answer.Header("chroma-trace-id")));
  }
}

TEST_CASE("api: known paths by another method are 405 and say which ones are", "[daemon][api]") {
  ApiFixture api;
  const std::vector<std::tuple<std::string, std::string, std::string>> table = {
      {"POST", "/api/v2/heartbeat", "GET,HEAD"},
      {"OPTIONS", "/api/v2/heartbeat", "GET,HEAD"},
      {"GET", "/api/v2/reset", "POST"},
      {"DELETE", "/api/v2/tenants/x", "GET,HEAD,PATCH"},
      {"PUT", kCollections, "GET,HEAD,POST"},
      {"POST", kCollections + "/x", "DELETE,GET,HEAD,PUT"},
      {"GET", kCollections + "/x/add", "POST"},
      {"HEAD", kCollections + "/x/query", "POST"},
      {"BREW", kCollections + "/x/count", "GET,HEAD"}};
  for (const auto& [method, path, allow] : table) {
    CAPTURE(method, path);
    const Answer answer = api.Send(method, path);
    REQUIRE(answer.status == 405);
    REQUIRE(answer.body.empty());
    REQUIRE(answer.Header("allow") == allow);
    REQUIRE(IsTraceId(answer.Header("chroma-trace-id")));
  }
}

TEST_CASE("api: HEAD answers as GET does, without the body", "[daemon][api]") {
  ApiFixture api;
  const Answer head = api.Send("HEAD", "/api/v2/version");
  REQUIRE(head.status == 200);
  REQUIRE(head.type == "application/json");
  REQUIRE(head.body.empty());
  REQUIRE(api.Send("HEAD", "/api/v2/tenants/nobody").status == 404);
}

TEST_CASE("api: version 1 is gone for every method", "[daemon][api]") {
  ApiFixture api;
  for (const char* method : {"GET", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS", "POST"}) {
    const Answer answer = api.Send(method, "/api/v1/collections", "not looked at");
    REQUIRE(answer.status == 410);
    if (std::string(method) == "HEAD") continue;
    REQUIRE(answer.error() == "Unimplemented");
    REQUIRE(answer.message() == "The v1 API is deprecated. Please use /v2 apis");
  }
}

TEST_CASE("api: version 1 itself is no path", "[daemon][api]") {
  ApiFixture api;
  REQUIRE(api.Get("/api/v1").status == 404);
}

TEST_CASE("api: bodies are JSON by their content type, or have none", "[daemon][api]") {
  ApiFixture api;
  const auto post = [&](const std::string& type, const std::string& name) {
    return api.Send("POST", kCollections, R"({"name":")" + name + "\"}", {{"content-type", type}});
  };
  REQUIRE(post("application/json", "json").status == 200);
  REQUIRE(post("application/json; charset=utf-8", "charset").status == 200);
  REQUIRE(post("APPLICATION/JSON", "upper").status == 200);
  REQUIRE(post("application/ld+json", "ld-json").status == 200);
  for (const char* type : {"text/plain", "", "application/octet-stream", "text/json",
                           "application/jsonx", "multipart/form-data; boundary=x"}) {
    CAPTURE(type);
    const Answer refused = post(type, "nope");
    REQUIRE(refused.status == 415);
    REQUIRE(refused.error() == "ChromaError");
    REQUIRE(refused.message() == "Expected request with `Content-Type: application/json`");
  }
  REQUIRE(api.Send("POST", "/api/v2/reset", "x", kPlain).status == 403);  // no body is due there
  REQUIRE(api.Send("GET", kCollections, "x", kPlain).status == 200);
}

TEST_CASE("api: bodies past the limit are 413 in the form of their route", "[daemon][api]") {
  api::ApiOptions options;
  options.limits.body_bytes = 100;
  ApiFixture api(options);
  const std::string large = "{\"x\":\"" + std::string(100, 'x') + "\"}";
  for (const char* route : {"/add", "/update", "/upsert", "/query", "/search"}) {
    const Answer answer = api.Send("POST", kCollections + "/x" + route, large);
    REQUIRE(answer.status == 413);
    REQUIRE(answer.body == "Payload too large");
    REQUIRE(answer.type.starts_with("text/plain"));
    REQUIRE(IsTraceId(answer.Header("chroma-trace-id")));
  }
  for (const std::string& path : {kCollections, kCollections + "/x/get", kCollections + "/x/delete",
                                  std::string("/api/v2/tenants")}) {
    const Answer answer = api.Send("POST", path, large);
    REQUIRE(answer.status == 413);
    REQUIRE(answer.error() == "ChromaError");
    REQUIRE(answer.message() == "Failed to buffer the request body: length limit exceeded");
  }
}

TEST_CASE("api: what the HTTP server refuses looks the same", "[daemon][api]") {
  http::Request head;
  head.method = "POST";
  head.path = "/api/v2/tenants/t/databases/d/collections/c/upsert";
  REQUIRE(api::Api::Refuse(413, "too large", &head).body == "Payload too large");
  head.path = "/api/v2/tenants";
  REQUIRE(Tree::parse(api::Api::Refuse(413, "too large", &head).body)["error"] == "ChromaError");
  REQUIRE(Tree::parse(api::Api::Refuse(413, "too large", nullptr).body)["error"] == "ChromaError");
  const http::Response busy = api::Api::Refuse(503, "too many requests \xff", &head);
  REQUIRE(busy.status == 503);
  REQUIRE(Tree::parse(busy.body).contains("message"));
  REQUIRE(Tree::parse(api::Api::Refuse(400, "bad head", nullptr).body)["error"] ==
          "InvalidArgumentError");
}

TEST_CASE("api: every error has a trace id of its own, and no success has one", "[daemon][api]") {
  ApiFixture api;
  const auto id = [&] { return api.Get("/api/v2/tenants/nobody").Header("chroma-trace-id"); };
  REQUIRE(IsTraceId(id()));
  REQUIRE(id() != id());
  REQUIRE_FALSE(api.Get("/api/v2/version").Header("chroma-trace-id").has_value());
}

TEST_CASE("api: parameters are decoded after splitting, and must be UTF-8", "[daemon][api]") {
  ApiFixture api;
  REQUIRE(api.Get(kCollections + "/%zz").message() == "Collection [%zz] does not exist");
  const Answer bad = api.Get("/api/v2/tenants/%ff");
  REQUIRE(bad.status == 400);
  REQUIRE(bad.error() == "InvalidArgumentError");
  REQUIRE(bad.message() == "Invalid URL: Invalid UTF-8 in `tenant`");
}

TEST_CASE("api: query strings of the wrong value are 400", "[daemon][api]") {
  ApiFixture api;
  const std::vector<std::pair<std::string, std::string>> table = {
      {"limit=-1", "limit: invalid digit found in string"},
      {"limit=x", "limit: invalid digit found in string"},
      {"limit=", "limit: cannot parse integer from empty string"},
      {"limit", "limit: cannot parse integer from empty string"},
      {"limit=+1", "limit: invalid digit found in string"},
      {"offset=1.5", "offset: invalid digit found in string"},
      {"limit=4294967296", "limit: number too large to fit in target type"},
      {"limit=1&limit=2", "duplicate field `limit`"}};
  for (const auto& [query, text] : table) {
    CAPTURE(query);
    const Answer answer = api.Get(kCollections + "?" + query);
    REQUIRE(answer.status == 400);
    REQUIRE(answer.error() == "InvalidArgumentError");
    REQUIRE(answer.message() == "Failed to deserialize query string: " + text);
  }
  REQUIRE(api.Get(kCollections + "?foo=1&&limit=%31&x").status == 200);
}

TEST_CASE("api: CORS is off, or follows the list of origins", "[daemon][api]") {
  const Headers from_a = {{"origin", "https://a.example"}};
  const Headers preflight = {{"origin", "https://a.example"},
                             {"access-control-request-method", "POST"}};
  ApiFixture off;
  REQUIRE_FALSE(off.Send("GET", "/api/v2", "", from_a).Header("access-control-allow-origin"));
  REQUIRE(off.Send("OPTIONS", "/api/v2", "", preflight).status == 405);

  api::ApiOptions options;
  options.cors_origins = {"https://a.example", "https://b.example"};
  ApiFixture listed(options);
  const Answer allowed = listed.Send("GET", "/api/v2", "", from_a);
  REQUIRE(allowed.Header("access-control-allow-origin") == "https://a.example");
  REQUIRE(allowed.Header("vary").has_value());
  const Answer ok = listed.Send("OPTIONS", "/api/v2/anything", "", preflight);
  REQUIRE(ok.status == 200);
  REQUIRE(ok.body.empty());
  REQUIRE(ok.Header("access-control-allow-methods") == "*");
  REQUIRE_FALSE(listed.Send("GET", "/api/v2", "", {{"origin", "https://evil.example"}})
                    .Header("access-control-allow-origin"));

  options.cors_origins = {"*"};
  ApiFixture any(options);
  REQUIRE(any.Send("GET", "/api/v2", "", from_a).Header("access-control-allow-origin") == "*");
}

TEST_CASE("api: the observer sees patterns, never names", "[daemon][api]") {
  std::vector<std::pair<std::string, int>> seen;
  std::vector<std::string> errors;
  api::ApiHooks hooks;
  hooks.on_request = [&](std::string_view route, int status, std::chrono::nanoseconds took) {
    REQUIRE(took.count() >= 0);
    seen.emplace_back(route, status);
  };
  hooks.on_error = [&](std::string_view kind) { errors.emplace_back(kind); };
  ApiFixture api({}, hooks);
  api.Get("/api/v2/tenants/secret");
  api.Get("/nowhere/secret");
  api.Send("POST", kCollections + "/secret/add", "{}");
  REQUIRE(seen == std::vector<std::pair<std::string, int>>{
                      {"GET /api/v2/tenants/{tenant}", 404},
                      {"unmatched", 404},
                      {"POST /api/v2/tenants/{tenant}/databases/{database}/collections/{collection}"
                       "/add",
                       422}});
  REQUIRE(errors == std::vector<std::string>{"not found", "malformed"});
}

TEST_CASE("api: what one node does not do is said as Chroma says it", "[daemon][api]") {
  ApiFixture api;
  const std::string base = kCollections + "/10696c27-194d-478a-af3c-ef62a686cce9";
  const std::vector<std::tuple<std::string, std::string, int, std::string>> table = {
      {"POST", "/search", 501, "ChromaError"},
      {"POST", "/fork", 501, "ChromaError"},
      {"GET", "/fork_count", 404, "NotFoundError"},  // of a collection that is not there
      {"POST", "/functions/attach", 501, "ChromaError"},
      {"POST", "/attached_functions/f/detach", 501, "ChromaError"},
      {"POST", "/attached_functions/f/add_input", 501, "ChromaError"},
      {"GET", "/functions/f", 404, "NotFoundError"},
      {"POST", "/conditional/get", 501, "TransactionsNotSupported"},
      {"POST", "/conditional/commit", 501, "TransactionsNotSupported"}};
  for (const auto& [method, path, status, error] : table) {
    CAPTURE(path);
    const Answer answer = api.Send(method, base + path, "{}");
    REQUIRE(answer.status == status);
    REQUIRE(answer.error() == error);
  }
  REQUIRE(api.Get(api.NewCollection("docs") + "/fork_count").status == 501);
}

TEST_CASE("api: a request past its deadline is 504 and stores nothing", "[daemon][api]") {
  ApiFixture api;
  const std::string path = api.NewCollection("docs");
  const Answer late = api.Send("POST", path + "/add", R"({"ids":["a"],"embeddings":[[1]]})",
                               {{"test-deadline", "past"}});
  REQUIRE(late.status == 504);
  REQUIRE(late.error() == "ChromaError");
  REQUIRE(api.Get(path + "/count").body == "0");
}

// Goal: paths lead where they say, in time that does not depend on what is sent.
#include <catch2/catch.hpp>

#include "daemon/api/router.h"

using namespace pannier;
using namespace pannier::api;

namespace {

std::unique_ptr<Router> Make() {
  auto router = std::make_unique<Router>();
  const auto handler = [](const Call&) -> Result<http::Response> { return http::Response(); };
  for (const auto& [method, pattern] :
       std::vector<std::pair<std::string, std::string>>{{"GET", "/a"},
                                                        {"POST", "/a"},
                                                        {"GET", "/a/{tenant}"},
                                                        {"GET", "/a/by-id/{collection}"},
                                                        {"GET", "/a/{tenant}/{database}"},
                                                        {"POST", "/a/{tenant}/{database}/c"}}) {
    router->Add({method, pattern, BodyRule::kNone, std::nullopt, handler});
  }
  return router;
}

std::string Found(const Router& router, const std::string& method, const std::string& path) {
  const auto match = router.Find(method, path);
  if (!match.ok()) return match.error().what;
  if (match->route == nullptr) return match->allow;
  std::string out = match->route->label;
  for (const std::string& parameter : match->parameters) out += " " + parameter;
  return out;
}

}  // namespace

TEST_CASE("router: finds the most literal route and goes back where it must", "[daemon][api]") {
  const auto made = Make();
  const Router& router = *made;
  REQUIRE(Found(router, "GET", "/a") == "GET /a");
  REQUIRE(Found(router, "HEAD", "/a") == "GET /a");
  REQUIRE(Found(router, "POST", "/a") == "POST /a");
  REQUIRE(Found(router, "PUT", "/a") == "GET,HEAD,POST");
  REQUIRE(Found(router, "GET", "/a/x") == "GET /a/{tenant} x");
  REQUIRE(Found(router, "GET", "/a/by-id") == "GET /a/{tenant} by-id");
  REQUIRE(Found(router, "GET", "/a/by-id/x") == "GET /a/by-id/{collection} x");
  REQUIRE(Found(router, "GET", "/a/x/abc") == "GET /a/{tenant}/{database} x abc");
  REQUIRE(Found(router, "POST", "/a/by-id/abc/c") == "POST /a/{tenant}/{database}/c by-id abc");
  for (const char* path : {"", "/", "a", "/b", "/a/", "/a//abc", "/a/x/", "/a/x/abc/", "/a/x/abc/d",
                           "//a", "/a/x/abc/c/d"}) {
    CAPTURE(path);
    REQUIRE(Found(router, "GET", path) == "");
  }
}

TEST_CASE("router: decodes after splitting", "[daemon][api]") {
  const auto made = Make();
  const Router& router = *made;
  REQUIRE(Found(router, "GET", "/a/x%2Fy%20z+") == "GET /a/{tenant} x/y z+");
  REQUIRE(Found(router, "GET", "/%61") == "");  // literals are compared as sent
  REQUIRE(Found(router, "GET", "/a/100%") == "GET /a/{tenant} 100%");
  REQUIRE(Found(router, "GET", "/a/%c3%28") == "Invalid URL: Invalid UTF-8 in `tenant`");
}

TEST_CASE("router: hostile paths are as unknown as any other", "[daemon][api]") {
  const auto made = Make();
  const Router& router = *made;
  REQUIRE(Found(router, "GET", std::string(100'000, '/')) == "");
  std::string deep;
  for (int i = 0; i < 50'000; ++i) deep += "/by-id";
  REQUIRE(Found(router, "GET", deep) == "");
}

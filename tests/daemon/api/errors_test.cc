// Goal: the body of an error tells a client what it can use, and nothing of the server's files.
#include "daemon/api/errors.h"

#include <catch2/catch.hpp>

namespace pannier::api {
namespace {

TEST_CASE("errors: of the server's files only the last name is told", "[daemon][api]") {
  const Error damaged =
      Corruption("/var/lib/pannier/stores/7a0d/store.db: page 3 is damaged (\"/x/y z\")",
                 "look into /var/lib/pannier, or restore");
  const std::string body = ErrorAnswer(damaged).body;
  CAPTURE(body);
  REQUIRE_THAT(body,
               Catch::Contains("\"store.db: page 3 is damaged (\\\"y z\\\") (look into pannier,"));
  for (const Error& error :
       {Unavailable("sync /a/b/c: failed"), StorageFull("write /a/b/c"), Internal("x /a/b/c"),
        PermissionDenied("/a/b/c"), DeadlineExceeded("read /a/b/c"), ResourceExhausted("/a/b/c")}) {
    const std::string body = ErrorAnswer(error).body;
    CAPTURE(body);
    REQUIRE(body.find("/a") == std::string::npos);
    REQUIRE(body.find('c') != std::string::npos);
  }
}

TEST_CASE("errors: what the client named itself is repeated as it was", "[daemon][api]") {
  REQUIRE(ErrorAnswer(NotFound("Collection [/a/b] does not exist")).body ==
          R"({"error":"NotFoundError","message":"Collection [/a/b] does not exist"})");
  REQUIRE(ErrorAnswer(InvalidArgument("no such key: /a/b")).body.find("/a/b") != std::string::npos);
}

}  // namespace
}  // namespace pannier::api

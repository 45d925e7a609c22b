#include "daemon/api/lane.h"

#include <catch2/catch.hpp>
#include <string>

namespace pannier::api {
namespace {

TEST_CASE("lane: all paths of one store, and no other, are of its lane", "[daemon][api]") {
  const uint64_t store = LaneOf("/api/v2/tenants/t/databases/d");
  REQUIRE(store != 0);
  REQUIRE(LaneOf("/api/v2/tenants/t/databases/d/collections") == store);
  REQUIRE(LaneOf("/api/v2/tenants/t/databases/d/collections/x/query") == store);
  REQUIRE(LaneOf("/api/v2/tenants/t/databases/e/collections") != store);
  REQUIRE(LaneOf("/api/v2/tenants/u/databases/d") != store);
  for (const char* none :
       {"", "/", "/api/v2", "/api/v2/tenants/", "/api/v2/tenants/t", "/api/v2/tenants/t/databases",
        "/api/v2/tenants/t/databases/", "/api/v2/heartbeat", "/health/chromadb"}) {
    CAPTURE(none);
    REQUIRE(LaneOf(none) == 0);
  }
}

TEST_CASE("lane: what asks for records computes, what changes them waits for the disk",
          "[daemon][api]") {
  const std::string collection = "/api/v2/tenants/t/databases/d/collections/x";
  for (const char* asks : {"/query", "/get", "/search"}) REQUIRE(Computes(collection + asks));
  for (const char* changes : {"", "/add", "/upsert", "/update", "/delete", "/count"}) {
    CAPTURE(changes);
    REQUIRE_FALSE(Computes(collection + changes));
  }
}

}  // namespace
}  // namespace pannier::api

// Goal: keys are what every store can hold, and cannot lead out of it.
#include "lib/repository/object_store.h"

#include <catch2/catch.hpp>

using namespace pannier;
using namespace pannier::repository;

TEST_CASE("key: segments of plain characters, joined by slashes", "[repository]") {
  for (const char* key : {"a", "a/b", "chunks/ab/abcd", "A-Z_0.9", "...", "a.b/..c"}) {
    CAPTURE(key);
    REQUIRE(IsKey(key));
    REQUIRE(CheckKey(key).ok());
  }
  for (const char* key : {"", "/", "a/", "/a", "a//b", ".", "..", "a/..", "../a", "a/./b", "a b",
                          "a~", "a%2f", "\xc3\xa4", "a\n"}) {
    CAPTURE(key);
    REQUIRE_FALSE(IsKey(key));
    REQUIRE(CheckKey(key).Is(Errc::kInvalidArgument));
  }
  REQUIRE(IsKey(std::string(512, 'a')));
  REQUIRE_FALSE(IsKey(std::string(513, 'a')));
  REQUIRE_FALSE(IsKey(std::string_view("a\0b", 3)));
}

// Goal: names and uids follow from what they stand for, and fit where they go.
// Method: tables.
#include "operator/resource/names.h"

#include <catch2/catch.hpp>

#include "lib/core/time_text.h"

using namespace pannier;
using namespace pannier::control;

TEST_CASE("names: a hashed name is the same for the same parts only", "[operator][resource]") {
  const std::string name = HashedName("docs", {"pod", "store", "incident"});
  REQUIRE(name == HashedName("docs", {"pod", "store", "incident"}));
  REQUIRE(name.size() == std::string("docs-").size() + 10);
  REQUIRE(name != HashedName("docs", {"pods", "tore", "incident"}));
  REQUIRE(name != HashedName("docs", {"pod", "store"}));
}

TEST_CASE("names: a long base is cut to a valid name", "[operator][resource]") {
  const std::string base = std::string(51, 'a') + "-b." + std::string(30, 'c');
  const std::string name = HashedName(base, {"x"});
  REQUIRE(name.size() <= 63);
  REQUIRE(name.starts_with(std::string(51, 'a') + "-"));
  REQUIRE(name.find("--") == std::string::npos);
}

TEST_CASE("names: a slot is named by its minute", "[operator][resource]") {
  REQUIRE(SlotName("nightly", *ParseTime("2025-01-31T12:00:59Z")) == "nightly-28972080");
}

TEST_CASE("names: an operation's uid follows from its parts and is a UUID",
          "[operator][resource]") {
  const Uuid uid = OperationUid({"cr", "pod", "t/db", "1"});
  REQUIRE(uid == OperationUid({"cr", "pod", "t/db", "1"}));
  REQUIRE(uid != OperationUid({"cr", "pod", "t/db", "2"}));
  REQUIRE(Uuid::Parse(uid.ToString()) == uid);
  REQUIRE(uid.ToString()[14] == '8');
}

#include "lib/contract/places.h"

#include <catch2/catch.hpp>

namespace pannier::contract {
namespace {

TEST_CASE("places: the admin socket lies beside the data socket", "[lib][contract]") {
  REQUIRE(AdminSocketBeside("/run/pannier/pannier.sock") == "/run/pannier/admin.sock");
  REQUIRE(AdminSocketBeside("/x/a.sock") == "/x/a.admin.sock");
  REQUIRE(AdminSocketBeside("/x/a") == "/x/a.admin.sock");
}

}  // namespace
}  // namespace pannier::contract

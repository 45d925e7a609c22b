// Goal: text is cut between characters. Method: a table.
#include "operator/resource/text.h"

#include <catch2/catch.hpp>

using pannier::control::Cut;

TEST_CASE("text: it is cut between characters", "[operator][resource]") {
  REQUIRE(Cut("", 3).empty());
  REQUIRE(Cut("abc", 3) == "abc");
  REQUIRE(Cut("abcd", 3) == "ab…");
  REQUIRE(Cut("äöü", 3) == "äöü");
  REQUIRE(Cut("äöüß", 3) == "äö…");
  REQUIRE(Cut("abc", 1) == "…");
}

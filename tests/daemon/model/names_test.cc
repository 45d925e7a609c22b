#include <catch2/catch.hpp>
#include <string>

#include "daemon/model/names.h"

using namespace pannier;
using namespace pannier::model;

TEST_CASE("names: letters, digits and ._- of 3 to 512 characters are names", "[daemon][model]") {
  for (const std::string& good :
       {std::string("abc"), std::string("a-b"), std::string("A_1"), std::string("a.b.c"),
        std::string(512, 'a'), std::string("001.2.3.4"), std::string("256.1.1.1"),
        std::string("1.2.3"), std::string("abc+def")}) {
    CAPTURE(good);
    REQUIRE(CheckName(good, "").ok());
  }
}

TEST_CASE("names: everything else is refused with Chroma's sentence", "[daemon][model]") {
  const std::string form =
      "Expected a name containing 3-512 characters from [a-zA-Z0-9._-], starting and ending with a "
      "character in [a-zA-Z0-9]. Got: ";
  for (const std::string& bad :
       {std::string(), std::string("ab"), std::string(513, 'a'), std::string("abc."),
        std::string("-abc"), std::string("a b"), std::string("a/b"), std::string("../x"),
        std::string("żółw"), std::string("a\0b", 3), std::string("abc\n"), std::string("::1")}) {
    CAPTURE(bad);
    const Status status = CheckName(bad, "Validation error: name: ");
    REQUIRE(status.Is(Errc::kInvalidArgument));
    REQUIRE(status.error().what == "Validation error: name: " + form + bad);
  }
  REQUIRE(CheckName("a..b", "").error().what ==
          "Expected a name that does not contains two consecutive periods (..). Got a..b");
  REQUIRE(CheckName("1.2.3.4", "").error().what ==
          "Expected a name that is not a valid ip address. Got 1.2.3.4");
}

TEST_CASE("names: one plus separates a topology, and both halves are names", "[daemon][model]") {
  for (const char* bad : {"ab+cde", "abc+de", "+abc", "abc+", "a+b+c", "abc+a..b", "abc+1.2.3.4"}) {
    CAPTURE(bad);
    REQUIRE(CheckName(bad, "").Is(Errc::kInvalidArgument));
  }
  REQUIRE(CheckName(std::string(300, 'a') + "+" + std::string(300, 'b'), "")
              .Is(Errc::kInvalidArgument));
}

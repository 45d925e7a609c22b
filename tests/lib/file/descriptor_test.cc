#include "lib/file/descriptor.h"

#include <fcntl.h>

#include <catch2/catch.hpp>

namespace pannier::file {
namespace {

bool IsOpen(int number) { return ::fcntl(number, F_GETFD) != -1; }

TEST_CASE("descriptor: assigning over it and leaving the scope close what was held",
          "[lib][file]") {
  int first_number = -1;
  int second_number = -1;
  {
    Descriptor first(::open("/dev/null", O_RDONLY | O_CLOEXEC));
    Descriptor second(::open("/dev/null", O_RDONLY | O_CLOEXEC));
    first_number = first.get();
    second_number = second.get();
    REQUIRE(IsOpen(first_number));
    first = std::move(second);
    REQUIRE_FALSE(IsOpen(first_number));
    REQUIRE(first.get() == second_number);
    REQUIRE(IsOpen(second_number));
  }
  REQUIRE_FALSE(IsOpen(second_number));
}

}  // namespace
}  // namespace pannier::file

#include "daemon/store/progress.h"

#include <catch2/catch.hpp>

namespace pannier::store {
namespace {

TEST_CASE("progress: what several threads tell adds up, and stops the work", "[daemon][store]") {
  uint64_t last = 0;
  const Progress progress = [&](uint64_t done, uint64_t total) {
    last = done;
    return done < total / 2;
  };
  SharedProgress shared(100, progress);
  REQUIRE(shared.Add(30).ok());
  REQUIRE(shared.Add(30).Is(Errc::kDeadlineExceeded));
  REQUIRE(last == 60);
  REQUIRE(shared.Add(70).Is(Errc::kDeadlineExceeded));
  REQUIRE(last == 100);
}

}  // namespace
}  // namespace pannier::store

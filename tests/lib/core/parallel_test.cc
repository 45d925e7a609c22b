#include "lib/core/parallel.h"

#include <atomic>
#include <catch2/catch.hpp>

namespace pannier {
namespace {

TEST_CASE("parallel: every item is worked on once", "[lib][core]") {
  for (const uint32_t threads : {1u, 3u, 8u}) {
    std::vector<std::atomic<int>> seen(100);
    ForEach(seen.size(), {"test", threads}, [&](uint64_t item) -> Status {
      ++seen[item];
      return {};
    }).value();
    for (const auto& count : seen) REQUIRE(count == 1);
  }
  REQUIRE(ForEach(0, {"test", 4}, [](uint64_t) -> Status { return Internal("never asked"); }).ok());
}

TEST_CASE("parallel: the first error ends it and is returned", "[lib][core]") {
  std::atomic<int> begun{0};
  const Status done = ForEach(1'000'000, {"test", 4}, [&](uint64_t item) -> Status {
    ++begun;
    return item == 10 ? Status(Corruption("item 10")) : Status();
  });
  REQUIRE(done.Is(Errc::kCorruption));
  REQUIRE(begun < 1'000'000);
}

}  // namespace
}  // namespace pannier

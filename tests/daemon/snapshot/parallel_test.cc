#include "daemon/snapshot/parallel.h"

#include <atomic>
#include <catch2/catch.hpp>

namespace pannier::snapshot {
namespace {

TEST_CASE("parallel: every item is worked on once", "[daemon][snapshot]") {
  for (const uint32_t threads : {1u, 3u, 8u}) {
    std::vector<std::atomic<int>> seen(100);
    ForEach(seen.size(), threads, [&](uint64_t item) -> Status {
      ++seen[item];
      return {};
    }).value();
    for (const auto& count : seen) REQUIRE(count == 1);
  }
  REQUIRE(ForEach(0, 4, [](uint64_t) -> Status { return Internal("never asked"); }).ok());
}

TEST_CASE("parallel: the first error ends it and is returned", "[daemon][snapshot]") {
  std::atomic<int> begun{0};
  const Status done = ForEach(1'000'000, 4, [&](uint64_t item) -> Status {
    ++begun;
    return item == 10 ? Status(Corruption("item 10")) : Status();
  });
  REQUIRE(done.Is(Errc::kCorruption));
  REQUIRE(begun < 1'000'000);
}

TEST_CASE("parallel: progress adds up, and stops the work", "[daemon][snapshot]") {
  uint64_t last = 0;
  const store::Progress progress = [&](uint64_t done, uint64_t total) {
    last = done;
    return done < total / 2;
  };
  SharedProgress shared(100, progress);
  REQUIRE(shared.Add(30).ok());
  REQUIRE(shared.Add(30).Is(Errc::kDeadlineExceeded));
  REQUIRE(last == 60);
}

}  // namespace
}  // namespace pannier::snapshot

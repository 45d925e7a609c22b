#include "lib/core/parallel.h"

#include <atomic>
#include <catch2/catch.hpp>
#include <chrono>
#include <thread>

#include "lib/core/background_turn.h"
#include "tests/support/cpu_time.h"

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

TEST_CASE("background turn: while requests come in, a core stays free", "[lib][core]") {
  NoteRequest();
  REQUIRE(AreRequestsComing());
  const uint32_t cores = std::max(std::thread::hardware_concurrency(), 2u);
  std::atomic<uint32_t> at_once{0}, most{0};
  ForEach(200, {"test", cores + 2}, [&](uint64_t) -> Status {
    const BackgroundTurn turn;
    const uint32_t now = ++at_once;
    NoteRequest();
    uint32_t seen = most;
    while (seen < now && !most.compare_exchange_weak(seen, now)) {
    }
    --at_once;
    return {};
  }).value();
  REQUIRE(most <= cores - 1);
  REQUIRE(most >= 1);
}

TEST_CASE("parallel: who is waited for works too", "[lib][core]") {
  const auto caller = std::this_thread::get_id();
  std::atomic<bool> did_caller{false};
  const Crew crew{"test", 2, Urgency::kWaitedFor};
  ForEach(2, crew, [&](uint64_t) -> Status {
    if (std::this_thread::get_id() == caller) did_caller = true;
    while (!did_caller) std::this_thread::yield();
    return {};
  }).value();
  REQUIRE(did_caller);
}

TEST_CASE("background: while requests come in, who computes rests", "[lib][core]") {
  NoteRequest();
  LetRequestsPass();
  const auto begin = std::chrono::steady_clock::now();
  const double computed_before = test::ThreadCpuSeconds();
  while (std::chrono::steady_clock::now() - begin < std::chrono::milliseconds(30)) {
    NoteRequest();
    LetRequestsPass();
  }
  const double computed = test::ThreadCpuSeconds() - computed_before;
  const std::chrono::duration<double> passed = std::chrono::steady_clock::now() - begin;
  REQUIRE(computed < passed.count() * 3 / 4);
}

}  // namespace
}  // namespace pannier

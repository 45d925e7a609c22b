// Goal: repeating is bounded, spread out, and never outlasts the caller's deadline.
#include "lib/repository/retry.h"

#include <catch2/catch.hpp>
#include <numeric>

#include "tests/support/fake_clock.h"
#include "tests/support/recording_sleeper.h"

using namespace pannier;
using namespace pannier::repository;
using namespace std::chrono_literals;

TEST_CASE("retry: attempts end, pauses grow and stay below their limits", "[repository]") {
  const RetryOptions options{
      .attempts_max = 12, .first_pause = 100ms, .pause_max = 2'000ms, .retry_after_max = 60'000ms};
  test::FakeClock clock;
  std::vector<std::chrono::nanoseconds> longest(11);
  for (int round = 0; round < 200; ++round) {
    test::RecordingSleeper sleeper;
    Backoff backoff(options, clock, sleeper, clock.Steady() + 24h);
    int allowed = 0;
    while (backoff.Again(Unavailable("down"), std::nullopt).ok()) ++allowed;
    REQUIRE(allowed == 11);
    const auto pauses = sleeper.pauses();
    REQUIRE(pauses.size() == 11);
    for (size_t i = 0; i < pauses.size(); ++i) {
      const auto limit = std::min<std::chrono::nanoseconds>(100ms * (1 << i), 2'000ms);
      REQUIRE(pauses[i] <= limit);
      longest[i] = std::max(longest[i], pauses[i]);
    }
  }
  // Jitter is over the whole of the pause: of 200 rounds some come near its end.
  for (size_t i = 0; i < longest.size(); ++i)
    REQUIRE(longest[i] > std::min<std::chrono::nanoseconds>(100ms * (1 << i), 2'000ms) / 2);
}

TEST_CASE("retry: the last error says how often it was tried", "[repository]") {
  test::FakeClock clock;
  test::RecordingSleeper sleeper;
  const RetryOptions options{.attempts_max = 2};
  Backoff backoff(options, clock, sleeper, clock.Steady() + 24h);
  REQUIRE(backoff.Again(Unavailable("down"), std::nullopt).ok());
  const Status last = backoff.Again(Unavailable("down", "wait"), std::nullopt);
  REQUIRE(last.Is(Errc::kUnavailable));
  REQUIRE(last.error().what == "down (after 2 attempts)");
  REQUIRE(last.error().hint == "wait");
}

TEST_CASE("retry: what a server asks for is granted, within limits", "[repository]") {
  test::FakeClock clock;
  test::RecordingSleeper sleeper;
  const RetryOptions options{
      .attempts_max = 9, .first_pause = 1ms, .pause_max = 1ms, .retry_after_max = 5'000ms};
  Backoff backoff(options, clock, sleeper, clock.Steady() + 24h);
  REQUIRE(backoff.Again(Unavailable("busy"), 3'000ms).ok());
  REQUIRE(backoff.Again(Unavailable("busy"), 1h).ok());
  REQUIRE(sleeper.pauses()[0] >= 3s);
  REQUIRE(sleeper.pauses()[0] <= 3s + 1ms);
  REQUIRE(sleeper.pauses()[1] >= 5s);
  REQUIRE(sleeper.pauses()[1] <= 5s + 1ms);
}

TEST_CASE("retry: a pause beyond the deadline is not begun", "[repository]") {
  test::FakeClock clock;
  test::RecordingSleeper sleeper;
  const RetryOptions options;
  Backoff backoff(options, clock, sleeper, clock.Steady() + 10s);
  const Status status = backoff.Again(Unavailable("busy", "look"), 10s);
  REQUIRE(status.Is(Errc::kDeadlineExceeded));
  REQUIRE(status.error().what.find("busy") != std::string::npos);
  REQUIRE(sleeper.pauses().empty());
}

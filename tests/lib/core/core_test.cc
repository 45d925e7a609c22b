#include <catch2/catch.hpp>
#include <memory>

#include "lib/core/clock.h"
#include "lib/core/log.h"
#include "lib/core/mutex.h"
#include "lib/core/result.h"
#include "lib/core/units.h"
#include "lib/core/uuid.h"

namespace pannier {
namespace {

Result<std::unique_ptr<int>> Half(int number) {
  if (number % 2 != 0) return InvalidArgument("odd");
  return std::make_unique<int>(number / 2);
}

Result<int> Quarter(int number) {
  const std::unique_ptr<int> half = TRY(Half(number).Context("halve"));
  const std::unique_ptr<int> quarter = TRY(Half(*half).Context("halve again"));
  return *quarter;
}

TEST_CASE("result: TRY yields the value or returns the error with its context", "[lib][core]") {
  REQUIRE(Quarter(8).value() == 2);
  const Result<int> failed = Quarter(6);
  REQUIRE(failed.Is(Errc::kInvalidArgument));
  REQUIRE(failed.error().what == "halve again: odd");
}

TEST_CASE("result: an errno keeps its text and gets the code that callers act on", "[lib][core]") {
  const Error full = FromErrno(ENOSPC, "write /x");
  REQUIRE(full.code == Errc::kStorageFull);
  REQUIRE(full.what == "write /x: No space left on device");
}

TEST_CASE("units: sizes carry units and refuse nonsense", "[lib][core]") {
  REQUIRE(ParseBytes("64MiB").value() == 64_MiB);
  REQUIRE(ParseBytes("10").value() == 10);
  REQUIRE(ParseBytes("2 GB").value() == 2'000'000'000);
  for (const char* bad : {"", "-1", "1.5GiB", "64mib", "MiB", "99999999999TiB", "1MiB "}) {
    CAPTURE(bad);
    REQUIRE(ParseBytes(bad).Is(Errc::kInvalidArgument));
  }
}

TEST_CASE("units: durations carry units and refuse nonsense", "[lib][core]") {
  REQUIRE(ParseDuration("4h").value() == std::chrono::hours(4));
  REQUIRE(ParseDuration("0").value().count() == 0);
  for (const char* bad : {"", "5", "1.5s", "-3s", "4 hours", "9999d"}) {
    CAPTURE(bad);
    REQUIRE(ParseDuration(bad).Is(Errc::kInvalidArgument));
  }
}

TEST_CASE("uuid: what is printed is read back, in either case, and nothing else is",
          "[lib][core]") {
  const Uuid id = Uuid::Random();
  REQUIRE(Uuid::Parse(id.ToString()) == id);
  REQUIRE(id.ToString()[14] == '4');
  REQUIRE(Uuid::Parse("00000000-0000-0000-0000-000000000000")->IsNil());
  REQUIRE(Uuid::Parse("ABCDEFAB-0000-4000-8000-00000000000F")->ToString() ==
          "abcdefab-0000-4000-8000-00000000000f");
  for (const char* bad :
       {"", "x", "00000000-0000-0000-0000-00000000000g", "00000000x0000-0000-0000-000000000000"}) {
    CAPTURE(bad);
    REQUIRE(!Uuid::Parse(bad).has_value());
  }
}

TEST_CASE("log: the limiter lets one event through per interval and counts the rest",
          "[lib][core]") {
  LogLimiter limiter{std::chrono::seconds(3600)};
  int64_t held_back = -1;
  REQUIRE(limiter.Allow(&held_back));
  REQUIRE(held_back == 0);
  REQUIRE(!limiter.Allow(&held_back));
}

TEST_CASE("mutex: a wait ends at its limit", "[lib][core]") {
  Mutex mutex;
  CondVar changed;
  MutexLock lock(mutex);
  REQUIRE(!changed.WaitFor(mutex, std::chrono::milliseconds(1)));
}

}  // namespace
}  // namespace pannier

// Goal: whatever fails in which order, no event is missed or asked for twice, a list is never mixed
// with another, and the API is never asked in a hot loop.
// Method: a table of the transitions; then random answers against the rules.
#include "operator/kube/watch_machine.h"

#include <catch2/catch.hpp>

#include "tests/support/torture.h"

namespace pannier::kube {
namespace {

using State = WatchMachine::State;
using What = WatchMachine::Ask::What;
using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr SteadyTime kNow{seconds(1'000)};

WatchMachine Watching(const std::string& version) {
  WatchMachine machine({}, 1);
  REQUIRE(machine.OnPage({version, ""}));
  machine.OnWatchOpen(kNow);
  return machine;
}

TEST_CASE("watch machine: lists page by page, then watches from the list", "[operator][kube]") {
  WatchMachine machine({}, 1);
  REQUIRE(machine.state() == State::kEmpty);
  REQUIRE(machine.Next().what == What::kList);
  REQUIRE(machine.Next().begins_anew);
  REQUIRE(machine.Next().limit == 200);
  REQUIRE(!machine.OnPage({"7", "more"}));
  REQUIRE(machine.state() == State::kInitPage);
  REQUIRE(machine.Next().continue_token == "more");
  REQUIRE(!machine.Next().begins_anew);
  REQUIRE(machine.OnPage({"7", ""}));
  REQUIRE(machine.state() == State::kInitListed);
  REQUIRE(machine.Next().what == What::kWatch);
  REQUIRE(machine.Next().resource_version == "7");
  machine.OnWatchOpen(kNow);
  REQUIRE(machine.state() == State::kWatching);
}

TEST_CASE("watch machine: a watch that ends is resumed at once behind its last event",
          "[operator][kube]") {
  WatchMachine machine = Watching("7");
  machine.OnVersion("9");
  machine.OnWatchEnd({}, kNow + seconds(290));
  REQUIRE(machine.state() == State::kWatching);
  REQUIRE(machine.Next().resource_version == "9");
  REQUIRE(machine.Next().pause.count() == 0);
}

TEST_CASE("watch machine: a watch that breaks off is resumed after a growing pause",
          "[operator][kube]") {
  WatchMachine machine = Watching("7");
  auto last = milliseconds(0);
  SteadyTime now = kNow;
  for (int i = 0; i < 8; ++i) {
    machine.OnWatchEnd(Unavailable("reset"), now);
    REQUIRE(machine.Next().resource_version == "7");
    REQUIRE(machine.Next().pause >= last / 2);
    last = std::chrono::duration_cast<milliseconds>(machine.Next().pause);
    now += machine.Next().pause;
  }
  REQUIRE(last >= seconds(15));
  REQUIRE(last <= seconds(30));
}

TEST_CASE("watch machine: 410 begins anew, of a watch as of a page", "[operator][kube]") {
  WatchMachine machine = Watching("7");
  machine.OnWatchEnd(Conflict("too old"), kNow);
  REQUIRE(machine.state() == State::kEmpty);
  REQUIRE(machine.Next().begins_anew);
  REQUIRE(machine.Next().pause <= milliseconds(800));
  REQUIRE(!machine.OnPage({"8", "more"}));
  machine.OnListError(Conflict("the token expired"), kNow);
  REQUIRE(machine.state() == State::kEmpty);
  REQUIRE(machine.Next().begins_anew);
  REQUIRE(machine.Next().continue_token.empty());
}

TEST_CASE("watch machine: other errors repeat the same page", "[operator][kube]") {
  WatchMachine machine({}, 1);
  REQUIRE(!machine.OnPage({"7", "more"}));
  for (const Errc code :
       {Errc::kUnavailable, Errc::kPermissionDenied, Errc::kDeadlineExceeded, Errc::kInternal}) {
    machine.OnListError(Error{code, "", ""}, kNow);
    REQUIRE(machine.state() == State::kInitPage);
    REQUIRE(machine.Next().continue_token == "more");
    REQUIRE(machine.Next().pause.count() > 0);
  }
}

TEST_CASE("watch machine: a page that is too long is asked for in smaller pieces",
          "[operator][kube]") {
  WatchMachine machine({}, 1);
  for (const uint32_t limit : {100, 50, 25, 12, 8, 8, 8}) {
    machine.OnListError(ResourceExhausted("too long"), kNow);
    REQUIRE(machine.Next().limit == limit);
  }
}

TEST_CASE("watch machine: a watch that ends as soon as it is open is no hot loop",
          "[operator][kube]") {
  WatchMachine machine = Watching("7");
  machine.OnWatchEnd({}, kNow + milliseconds(3));
  REQUIRE(machine.state() == State::kWatching);
  REQUIRE(machine.Next().pause >= milliseconds(400));
}

TEST_CASE("watch machine: the rules hold under random answers", "[operator][kube]") {
  CAPTURE(test::Seed());
  test::Random random(test::Seed());
  const Errc kCodes[] = {Errc::kConflict, Errc::kUnavailable, Errc::kPermissionDenied,
                         Errc::kResourceExhausted, Errc::kDeadlineExceeded};
  for (int round = 0; round < test::Rounds(200); ++round) {
    WatchMachine machine({}, random.Next());
    SteadyTime now = kNow;
    int64_t server = 10;  // the newest version there is
    std::string told;     // the newest that the machine was told
    std::string token;    // the page that must be next
    int calls_within_pause = 0;
    for (int step = 0; step < 200; ++step) {
      const WatchMachine::Ask ask = machine.Next();
      calls_within_pause = ask.pause.count() == 0 ? calls_within_pause + 1 : 0;
      REQUIRE(calls_within_pause < 100);
      now += ask.pause;
      const Error error{random.Of(kCodes), "", ""};
      if (ask.what == What::kList) {
        REQUIRE(ask.begins_anew == (machine.state() == State::kEmpty));
        REQUIRE(ask.continue_token == token);
        if (random.OneIn(3)) {
          machine.OnListError(error, now);
          if (error.code == Errc::kConflict) token.clear();
        } else {
          server += static_cast<int64_t>(random.Below(3));
          token = random.OneIn(2) ? "t" + std::to_string(step) : "";
          told = std::to_string(server);
          REQUIRE(machine.OnPage({told, token}) == token.empty());
        }
        continue;
      }
      REQUIRE(ask.resource_version == told);  // neither further nor behind
      if (!random.OneIn(4)) {
        machine.OnWatchOpen(now);
        for (uint64_t i = random.Below(4); i > 0; --i)
          machine.OnVersion(told = std::to_string(++server));
        now += milliseconds(random.Below(300'000));
      }
      const Status ended = random.OneIn(2) ? Status() : Status(error);
      machine.OnWatchEnd(ended, now);
      const bool relists = ended.Is(Errc::kConflict) || ended.Is(Errc::kResourceExhausted);
      REQUIRE((machine.state() == State::kEmpty) == relists);
      if (!ended.ok()) REQUIRE(machine.Next().pause.count() > 0);
    }
  }
}

}  // namespace
}  // namespace pannier::kube

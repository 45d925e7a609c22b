// Goal: never two leaders at one time; epochs only grow; a lost leader is replaced in time, a
// released lease sooner; stepped and skewed clocks change nothing.
// Method: electors without threads over the fake API, by a clock that the test turns; then random
// freezes, failures, lost replies and steps of the clocks.
#include "operator/kube/leader.h"

#include <algorithm>
#include <catch2/catch.hpp>
#include <memory>
#include <set>

#include "tests/support/fake_clock.h"
#include "tests/support/fake_kube_api.h"
#include "tests/support/torture.h"

namespace pannier::kube {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

// The machine's steady time is everybody's; what it thinks the date is, is its own.
class SkewedClock final : public Clock {
 public:
  explicit SkewedClock(const test::FakeClock& base) : base_(base) {}
  WallTime Now() const override { return base_.Now() + skew; }
  SteadyTime Steady() const override { return base_.Steady(); }
  std::chrono::nanoseconds skew{0};

 private:
  const test::FakeClock& base_;
};

struct Candidate {
  Candidate(Api& api, const test::FakeClock& base, const std::string& name)
      : clock(base),
        elector(api, clock, OptionsOf(name), {},
                {[this](int64_t epoch) { epochs.push_back(epoch); }, [this] { ++stops; }}) {}
  static LeaderElector::Options OptionsOf(const std::string& name) {
    LeaderElector::Options options;
    options.lease = {"ns", "operator"};
    options.identity = name;
    return options;
  }
  SkewedClock clock;
  std::vector<int64_t> epochs;
  int stops = 0;
  LeaderElector elector;
};

struct World {
  test::FakeClock clock;
  test::FakeKubeApi api{clock};
  Candidate a{api, clock, "a"}, b{api, clock, "b"};

  // Both look at the lease once a second for so long; returns when `candidate` led, if it did.
  std::optional<seconds> AwaitLead(Candidate& candidate, seconds within, bool a_runs = true) {
    for (seconds passed{0}; passed <= within; passed += seconds(1)) {
      if (a_runs) a.elector.Step();
      b.elector.Step();
      if (candidate.elector.epoch()) return passed;
      clock.Advance(seconds(1));
    }
    return std::nullopt;
  }
};

TEST_CASE("leader: the first leads, the second waits as long as it is renewed",
          "[operator][kube][leader]") {
  World world;
  world.a.elector.Step();
  REQUIRE(world.a.elector.epoch());
  REQUIRE(!world.AwaitLead(world.b, seconds(120)));
  REQUIRE(world.a.epochs.size() == 1);
  REQUIRE(world.a.stops == 0);
  REQUIRE(world.b.elector.holder() == "a");
}

TEST_CASE("leader: who dies is replaced within 20 s, at a greater epoch",
          "[operator][kube][leader]") {
  World world;
  world.AwaitLead(world.a, seconds(0));
  const int64_t epoch = *world.a.elector.epoch();
  REQUIRE(world.AwaitLead(world.b, seconds(20), false));
  REQUIRE(*world.b.elector.epoch() > epoch);
}

TEST_CASE("leader: who was frozen knows on waking that it leads no more",
          "[operator][kube][leader]") {
  World world;
  world.AwaitLead(world.a, seconds(0));
  world.clock.Advance(seconds(10));
  REQUIRE(!world.a.elector.epoch());  // before it takes a step
  REQUIRE(world.AwaitLead(world.b, seconds(20), false));
  world.a.elector.Step();
  REQUIRE(world.a.stops == 1);
  REQUIRE(!world.a.elector.epoch());
  REQUIRE(world.b.elector.epoch());
}

TEST_CASE("leader: a lease given back is taken at the next look", "[operator][kube][leader]") {
  World world;
  world.AwaitLead(world.a, seconds(0));
  world.a.elector.Release();
  REQUIRE(world.a.stops == 1);
  REQUIRE(!world.a.elector.epoch());
  REQUIRE(world.AwaitLead(world.b, seconds(1), false));
}

TEST_CASE("leader: clocks that are ten minutes off make nobody leader",
          "[operator][kube][leader]") {
  World world;
  world.AwaitLead(world.a, seconds(0));
  for (const auto skew : {seconds(600), seconds(-600), seconds(3'600)}) {
    world.b.clock.skew = skew;
    REQUIRE(!world.AwaitLead(world.b, seconds(60)));
    world.b.clock.skew = seconds(0);
    world.a.clock.skew = skew;
    REQUIRE(!world.AwaitLead(world.b, seconds(60)));
    world.a.clock.skew = seconds(0);
  }
  REQUIRE(world.a.epochs.size() == 1);
}

TEST_CASE("leader: an API that is away for a while costs the lead, not the process",
          "[operator][kube][leader]") {
  World world;
  world.AwaitLead(world.a, seconds(0));
  world.api.SetBefore([](std::string_view, const Resource&, const ObjectKey&) -> Status {
    return Unavailable("no connection");
  });
  REQUIRE(!world.AwaitLead(world.b, seconds(30)));
  REQUIRE(world.a.stops == 1);
  world.api.SetBefore(nullptr);
  world.clock.Advance(seconds(1));
  world.a.elector.Step();
  world.b.elector.Step();
  // One of them leads again: the lease still names a, who may take it at once.
  REQUIRE(world.a.elector.epoch());
  REQUIRE(world.a.epochs.size() == 2);
  REQUIRE(world.a.epochs[1] > world.a.epochs[0]);
}

TEST_CASE("leader: a deleted lease ends the lead, and the next epoch is greater",
          "[operator][kube][leader]") {
  World world;
  world.AwaitLead(world.a, seconds(0));
  const int64_t epoch = *world.a.elector.epoch();
  world.clock.Advance(seconds(2));
  REQUIRE(world.api.Delete(kLeases, {"ns", "operator"}, {}).ok());
  world.b.elector.Step();
  REQUIRE(*world.b.elector.epoch() > epoch);
}

TEST_CASE("leader: a renewal is one call, and what it meets is found out at once",
          "[operator][kube][leader]") {
  World world;
  world.AwaitLead(world.a, seconds(0));
  std::string calls;
  world.api.SetBefore([&](std::string_view method, const Resource&, const ObjectKey&) -> Status {
    calls += std::string(method) + " ";
    return {};
  });
  const auto renew = [&] {
    calls.clear();
    world.clock.Advance(seconds(1));
    world.a.elector.Step();
  };
  renew();
  const std::string one = calls;
  REQUIRE(std::count(one.begin(), one.end(), ' ') == 1);
  REQUIRE(world.a.elector.epoch());
  auto lease = world.api.Get(kLeases, {"ns", "operator"}).value();
  SECTION("somebody has only touched it") { lease["metadata"]["labels"] = {{"a", "b"}}; }
  SECTION("another has taken it") { lease["spec"]["holderIdentity"] = "b"; }
  const bool is_ours = lease["spec"]["holderIdentity"] == "a";
  REQUIRE(world.api.Update(kLeases, lease).ok());
  renew();
  REQUIRE(world.a.elector.epoch().has_value() == is_ours);
  renew();
  REQUIRE((calls == one) == is_ours);
}

TEST_CASE("leader: under random faults there is never a second one", "[operator][kube][leader]") {
  CAPTURE(test::Seed());
  test::Random random(test::Seed());
  for (int round = 0; round < test::Rounds(40); ++round) {
    test::FakeClock clock;
    test::FakeKubeApi api(clock);
    std::vector<std::unique_ptr<Candidate>> all;
    std::vector<SteadyTime> frozen_until(3, clock.Steady());
    for (const char* name : {"a", "b", "c"}) {
      all.push_back(std::make_unique<Candidate>(api, clock, name));
    }
    bool fails = false;
    api.SetBefore([&](std::string_view, const Resource&, const ObjectKey&) -> Status {
      if (fails && random.OneIn(2)) return Unavailable("no connection");
      // A call takes its time, which may be long enough for the lease to run out.
      clock.Advance(milliseconds(random.OneIn(30) ? 6'000 : random.Below(50)));
      return {};
    });
    api.SetLoses([&](std::string_view) { return fails && random.OneIn(3); });
    int64_t last_epoch = 0;
    std::map<int64_t, size_t> led_by;
    for (int step = 0; step < 600; ++step) {
      clock.Advance(milliseconds(300 + random.Below(300)));
      if (random.OneIn(40)) fails = !fails;
      const size_t which = random.Below(3);
      if (random.OneIn(30)) frozen_until[which] = clock.Steady() + seconds(random.Below(40));
      if (random.OneIn(30)) {
        all[which]->clock.skew = seconds(static_cast<int64_t>(random.Below(1'200)) - 600);
      }
      if (random.OneIn(50)) all[which]->elector.Release();
      for (size_t i = 0; i < all.size(); ++i) {
        if (clock.Steady() >= frozen_until[i]) all[i]->elector.Step();
      }
      int leaders = 0;
      for (size_t i = 0; i < all.size(); ++i) {
        const auto epoch = all[i]->elector.epoch();
        if (!epoch) continue;
        ++leaders;
        REQUIRE(*epoch >= last_epoch);
        last_epoch = *epoch;
        REQUIRE(led_by.try_emplace(*epoch, i).first->second == i);  // one epoch, one leader
      }
      REQUIRE(leaders <= 1);
    }
    REQUIRE(!led_by.empty());
  }
}

TEST_CASE("leader: its thread leads, and gives the lease back when it is stopped",
          "[operator][kube][leader]") {
  test::FakeKubeApi api(SystemClock());
  LeaderElector::Options options = Candidate::OptionsOf("a");
  options.retry_period = milliseconds(10);
  std::atomic<int> starts{0}, stops{0};
  LeaderElector first(api, SystemClock(), options, {},
                      {[&](int64_t) { ++starts; }, [&] { ++stops; }});
  first.Start();
  options.identity = "b";
  LeaderElector second(api, SystemClock(), options, {}, {[&](int64_t) { ++starts; }, nullptr});
  while (starts == 0) std::this_thread::yield();
  second.Start();
  const auto began = std::chrono::steady_clock::now();
  first.Stop();
  REQUIRE(stops == 1);
  while (starts == 1) std::this_thread::yield();
  REQUIRE(std::chrono::steady_clock::now() - began < seconds(2));
  REQUIRE(second.epoch());
}

}  // namespace
}  // namespace pannier::kube

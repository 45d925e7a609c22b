// Goal: damage is said, repaired within what the configuration allows, and not repaired at all when
// it looks like a bad disk.
#include "daemon/operations/recovery.h"

#include <catch2/catch.hpp>
#include <thread>

#include "tests/daemon/operations/machine.h"
#include "tests/daemon/store/fixture.h"

namespace pannier::operations {
namespace {

using nlohmann::json;
using Decision = DamagePolicy::Decision;
using std::chrono::hours;
using std::chrono::minutes;

const SteadyTime kNow(hours(1'000));

TEST_CASE("damage policy: a store is repaired once an hour", "[daemon][operations]") {
  DamagePolicy policy;
  REQUIRE(policy.OnDamage("a", kNow) == Decision::kSalvage);
  REQUIRE(policy.OnDamage("a", kNow + minutes(5)) == Decision::kNothing);
  REQUIRE(policy.OnDamage("b", kNow + minutes(6)) == Decision::kSalvage);
  REQUIRE(policy.OnDamage("a", kNow + minutes(61)) == Decision::kSalvage);
}

TEST_CASE("damage policy: the third store within ten minutes stops repairs for good",
          "[daemon][operations]") {
  DamagePolicy policy;
  REQUIRE(policy.OnDamage("a", kNow) == Decision::kSalvage);
  REQUIRE(policy.OnDamage("b", kNow + minutes(1)) == Decision::kSalvage);
  REQUIRE(policy.OnDamage("c", kNow + minutes(2)) == Decision::kStop);
  REQUIRE(policy.OnDamage("d", kNow + minutes(3)) == Decision::kStopped);
  REQUIRE(policy.OnDamage("d", kNow + hours(30)) == Decision::kStopped);
}

TEST_CASE("damage policy: stores damaged one after the other are no bad disk",
          "[daemon][operations]") {
  DamagePolicy policy;
  for (int i = 0; i < 20; ++i) {
    REQUIRE(policy.OnDamage("s" + std::to_string(i), kNow + minutes(6 * i)) == Decision::kSalvage);
  }
}

// The reasons of all events so far, once there are `count` of one.
std::vector<std::string> AwaitEvents(Machine& machine, const std::string& reason, int count) {
  std::vector<std::string> reasons;
  for (int i = 0; i < 30'000; ++i) {
    reasons.clear();
    int seen = 0;
    for (const service::Event& event : machine.events().After(0).events) {
      reasons.push_back(event.reason);
      if (event.reason == reason) ++seen;
    }
    if (seen >= count) break;
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  return reasons;
}

int Count(const std::vector<std::string>& reasons, const std::string& reason) {
  return static_cast<int>(std::count(reasons.begin(), reasons.end(), reason));
}

RecoveryOptions Options(const Machine&, bool automatic) {
  RecoveryOptions options;
  options.automatic = automatic;
  options.scrub.bytes_per_second = 0;
  return options;
}

TEST_CASE("recovery: in mode automatic a damaged store is salvaged, in others only said",
          "[daemon][operations]") {
  const bool automatic = GENERATE(true, false);
  Machine machine;
  std::atomic<int> asked{0};
  machine.run_child = [&](const std::string& verb, const std::string&,
                          const store::Progress&) -> Result<std::string> {
    if (verb == "salvage") ++asked;
    return Corruption("it died of a signal");
  };
  machine.Start();
  machine.CreateDatabase("home");
  {
    Recovery recovery(machine.services(), machine.executor(), Options(machine, automatic));
    recovery.Start();
    recovery.OnDamage({"default_tenant", "home"}, "page 7 fails its check");
    const auto reasons = AwaitEvents(machine, automatic ? "SalvageBegun" : "StoreDamaged", 1);
    REQUIRE(Count(reasons, "StoreDamaged") == 1);
    REQUIRE(Count(reasons, "SalvageBegun") == (automatic ? 1 : 0));
  }
  if (automatic) {
    const auto list = machine.executor().List(1).value();
    const json ended = machine.Await(*Uuid::Parse(list[0]["uid"].get<std::string>()));
    REQUIRE(ended["action"] == "salvage");
    REQUIRE(ended["state"] == "Failed");
  }
  REQUIRE(asked == (automatic ? 1 : 0));
}

TEST_CASE("recovery: an automatic salvage that would lose too much changes nothing",
          "[daemon][operations]") {
  Machine machine;
  machine.run_child = [](const std::string&, const std::string&,
                         const store::Progress&) -> Result<std::string> {
    return std::string(R"({"collections":1,"records":5,"fromSnapshot":0,"lostTotal":2000,
                           "lost":[],"lostExact":true,"messages":[],"sequence":9})");
  };
  machine.Start();
  machine.CreateDatabase("home");
  machine.Write("home", "a", 0, 3, "w");
  const Content before = *machine.Read("home");
  const auto uid = machine.Submit(
      {{"action", "salvage"}, {"store", "default_tenant/home"}, {"automatic", true}});
  const json ended = machine.Await(*uid);
  REQUIRE(ended["state"] == "Failed");
  REQUIRE(ended["error"]["message"].get<std::string>().find("2000 records") != std::string::npos);
  REQUIRE(machine.Read("home") == before);
}

TEST_CASE("recovery: many damaged stores stop it, and an event says what to do",
          "[daemon][operations]") {
  Machine machine;
  machine.run_child = [](const std::string&, const std::string&,
                         const store::Progress& progress) -> Result<std::string> {
    while (progress(0, 1)) std::this_thread::sleep_for(std::chrono::milliseconds(1));
    return DeadlineExceeded("stopped");
  };
  machine.Start();
  for (const char* name : {"one", "two", "three", "four"}) machine.CreateDatabase(name);
  Recovery recovery(machine.services(), machine.executor(), Options(machine, true));
  recovery.Start();
  for (const char* name : {"one", "two", "three", "four"}) {
    recovery.OnDamage({"default_tenant", name}, "page 1 fails its check");
  }
  const auto reasons = AwaitEvents(machine, "StoreDamaged", 4);
  REQUIRE(Count(reasons, "MassCorruption") == 1);
  REQUIRE(Count(reasons, "SalvageBegun") == 2);
  const std::vector<json> operations = machine.executor().List(10).value();
  for (const json& operation : operations) {
    const json ended = machine.Await(*Uuid::Parse(operation["uid"].get<std::string>()));
    REQUIRE(ended["state"] == "Cancelled");
  }
}

void CloseAll(Machine& machine) {
  for (const char* name : {"home", "default_database"}) {
    REQUIRE(store::CloseSoon(machine.stores(), name));
  }
}

TEST_CASE("scrub: an idle store is checked, and not again before it is due",
          "[daemon][operations]") {
  Machine machine;
  machine.Start();
  machine.CreateDatabase("home");
  machine.Write("home", "a", 0, 3, "w");
  ScrubOptions options;
  options.bytes_per_second = 1ull << 30;
  options.memory = (machine.files().root() / "data" / "scrub.json").string();
  Scrubber scrubber(machine.services(), options, [] { return true; });
  for (int i = 0; i < 2; ++i) {
    CloseAll(machine);
    const auto checked = scrubber.Step().value();
    REQUIRE(checked.has_value());
    REQUIRE(checked->sound);
  }
  CloseAll(machine);
  REQUIRE_FALSE(scrubber.Step().value().has_value());
  Scrubber restarted(machine.services(), options, [] { return true; });
  REQUIRE_FALSE(restarted.Step().value().has_value());
  options.every = std::chrono::seconds(0);
  Scrubber eager(machine.services(), options, [] { return true; });
  REQUIRE(eager.Step().value().has_value());
  Scrubber told_to_stop(machine.services(), options, [] { return false; });
  REQUIRE_FALSE(told_to_stop.Step().value().has_value());
}

}  // namespace
}  // namespace pannier::operations

// Goal: a store that nobody uses is put aside whole, and only if it is unused and unchanged at that
// moment. Method: a machine with two stores.
#include <catch2/catch.hpp>

#include "tests/daemon/operations/machine.h"

namespace pannier::operations {
namespace {

using nlohmann::json;

struct Play {
  Play() {
    machine.Start();
    for (const char* name : {"home", "other"}) {
      machine.CreateDatabase(name);
      machine.Write(name, "docs", 0, 20, "first");
    }
  }
  json Quarantine(const json& more) {
    json body = {{"action", "quarantine"}, {"store", "default_tenant/home"}};
    body.update(more);
    return machine.Await(machine.Submit(body).value());
  }
  uint64_t Sequence() {
    return machine.stores().Acquire("default_tenant", "home").value()->sequence();
  }

  Machine machine;
};

TEST_CASE("quarantine: an unused store is taken away, and comes back as it was",
          "[daemon][operations]") {
  Play play;
  const Content before = *play.machine.Read("home");
  const json ended = play.Quarantine({{"sequence", play.Sequence()}, {"quarantineSeconds", 3600}});
  CAPTURE(ended.dump());
  REQUIRE(ended["state"] == "Succeeded");
  REQUIRE_FALSE(play.machine.Read("home").has_value());
  REQUIRE(play.machine.Read("other") == before);
  const auto aside = play.machine.stores().ListQuarantine().value();
  REQUIRE(aside.size() == 1);
  REQUIRE(ended["result"]["quarantined"] == aside[0].store.ToString());
  REQUIRE(aside[0].why == "idle");
  REQUIRE(aside[0].expires.value() - aside[0].since > std::chrono::minutes(59));
  REQUIRE(play.machine.stores().Release(aside[0].store, "default_tenant", "home").ok());
  REQUIRE(play.machine.Read("home") == before);
}

TEST_CASE("quarantine: what was made or came back is not unused for longer than that",
          "[daemon][operations]") {
  Play play;
  const auto unused = [&](const std::string& name) {
    return play.machine.stores().Describe("default_tenant", name).value().unused_since;
  };
  const json ended = play.Quarantine(json::object());
  const Uuid aside = *Uuid::Parse(ended["result"]["quarantined"].get<std::string>());
  const WallTime before = SystemClock().Now();
  REQUIRE(play.machine.stores().Release(aside, "default_tenant", "home").ok());
  play.machine.CreateDatabase("fresh");
  REQUIRE(unused("home") >= before - std::chrono::milliseconds(5));
  REQUIRE(unused("fresh") >= before - std::chrono::milliseconds(5));
  REQUIRE(unused("other") < unused("home"));
}

TEST_CASE("quarantine: without a time a store is kept for good", "[daemon][operations]") {
  Play play;
  REQUIRE(play.Quarantine(json::object())["state"] == "Succeeded");
  REQUIRE_FALSE(play.machine.stores().ListQuarantine().value().at(0).expires.has_value());
}

TEST_CASE("quarantine: what was used or written since stays, and serves", "[daemon][operations]") {
  Play play;
  json asked = {{"idleSeconds", 3600}};
  std::string why = "a worker used the store since";
  SECTION("written") {
    asked = {{"sequence", play.Sequence()}};
    play.machine.Write("home", "docs", 20, 1, "second");
    why = "take a snapshot";
  }
  SECTION("another of the name") {
    asked = {{"id", Uuid::Random().ToString()}};
    why = "another store has this name";
  }
  SECTION("used") {}
  const json ended = play.Quarantine(asked);
  CAPTURE(ended.dump());
  REQUIRE(ended["state"] == "Failed");
  REQUIRE(ended["error"].dump().find(why) != std::string::npos);
  play.machine.Write("home", "docs", 30, 1, "third");
  REQUIRE(play.machine.stores().ListQuarantine().value().empty());
}

TEST_CASE("quarantine: what only upkeep opens counts as unused", "[daemon][operations]") {
  Play play;
  const auto unused = [&] {
    return play.machine.stores().Describe("default_tenant", "home").value().unused_since;
  };
  const WallTime before = unused();
  play.machine.Do({{"action", "verify"}, {"store", "default_tenant/home"}});
  // Both are reckoned back from now.
  const auto apart = [](WallTime a, WallTime b) { return a < b ? b - a : a - b; };
  REQUIRE(apart(unused(), before) < std::chrono::milliseconds(5));
  play.machine.Do(
      {{"action", "fork"}, {"store", "default_tenant/home"}, {"to", "default_tenant/copy"}});
  REQUIRE(apart(unused(), before) < std::chrono::milliseconds(5));
  play.machine.Read("home");
  REQUIRE(unused() > before);
}

}  // namespace
}  // namespace pannier::operations

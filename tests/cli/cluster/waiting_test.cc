// Goal: waiting survives an API server that is away, and ends when its time is over.
#include "cli/cluster/waiting.h"

#include <catch2/catch.hpp>

#include "tests/cli/cluster/world.h"

namespace pannier::cluster {
namespace {

TEST_CASE("waiting: an API server that is away for a while is waited for", "[cli][cluster]") {
  World world;
  world.VectorStore();
  int pauses = 0;
  world.meanwhile = [&] {
    ++pauses;
    const bool away = pauses >= 2 && pauses < 6;
    world.api.SetBefore([away](std::string_view, const kube::Resource&, const kube::ObjectKey&) {
      return away ? Status(Unavailable("connection refused")) : Status();
    });
    if (pauses == 7) world.SetStatus(kSnapshots, Ended("True", "Completed"));
  };
  const auto answer = world.Run({"snapshot", "docs", "--wait"});
  REQUIRE(answer.ok());
  REQUIRE(pauses == 7);
}

TEST_CASE("waiting: when the time is over, the last state is told and nothing is undone",
          "[cli][cluster]") {
  World world;
  world.VectorStore();
  world.meanwhile = [&] {
    world.SetStatus(kSnapshots, Ended("Unknown", "Queued", "waits for another"));
  };
  const SteadyTime before = world.clock.Steady();
  const auto answer = world.Run({"snapshot", "docs", "--wait", "--timeout", "30s"});
  REQUIRE(answer.Is(Errc::kDeadlineExceeded));
  REQUIRE(answer.error().what.find("Queued: waits for another") != std::string::npos);
  REQUIRE(world.clock.Steady() - before >= std::chrono::seconds(30));
  REQUIRE(world.clock.Steady() - before < std::chrono::seconds(33));
  REQUIRE(world.All(kSnapshots).size() == 1);
}

TEST_CASE("waiting: an object that somebody deletes ends it", "[cli][cluster]") {
  World world;
  world.VectorStore();
  world.meanwhile = [&] {
    for (const auto& each : world.All(kSnapshots)) {
      REQUIRE(
          world.api.Delete(kSnapshots, {"team", kube::TextAt(each, "/metadata/name")}, {}).ok());
    }
  };
  const auto answer = world.Run({"snapshot", "docs", "--wait"});
  REQUIRE(answer.Is(Errc::kNotFound));
  REQUIRE(answer.error().what.find("deleted") != std::string::npos);
}

}  // namespace
}  // namespace pannier::cluster

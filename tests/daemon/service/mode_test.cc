#include "daemon/service/mode.h"

#include <catch2/catch.hpp>

namespace pannier::service {
namespace {

TEST_CASE("mode: refused writes come first, and memory is not concealed", "[daemon][service]") {
  const store::GateState open;
  const store::GateState full{store::GateCause::kDiskFull, "full", "make room", WallTime()};
  const MemoryMode memory{WallTime(), "no volume"};
  REQUIRE(ModeOf(open, std::nullopt).name == "normal");
  REQUIRE(ModeOf(open, std::nullopt).reason.empty());
  REQUIRE(ModeOf(full, std::nullopt).name == "read-only");
  REQUIRE(ModeOf(full, std::nullopt).action == "make room");
  REQUIRE(ModeOf(open, memory).name == "memory");
  REQUIRE(ModeOf(open, memory).reason == "no volume");
  REQUIRE(ModeOf(open, memory).action.find("lost") != std::string::npos);
  REQUIRE(ModeOf(full, memory).name == "read-only");
  REQUIRE(ModeOf(full, memory).reason.find("no volume") != std::string::npos);
}

}  // namespace
}  // namespace pannier::service

// Goal: a limit of the container is found wherever the kernel shows it, and the machine's memory
// stands in where there is none. Method: files as the kernel writes them, in a temporary directory.
#include "daemon/service/machine.h"

#include <catch2/catch.hpp>
#include <filesystem>
#include <fstream>

#include "tests/support/temp_dir.h"

namespace pannier::service {
namespace {

constexpr uint64_t kMachine = uint64_t{8} << 30;

struct Groups {
  uint64_t Limit() const { return MemoryLimitBytes(kMachine, {dir / "own", dir / "groups"}); }
  void Write(const std::filesystem::path& name, const std::string& text) const {
    const std::filesystem::path path = dir / name.string();
    std::filesystem::create_directories(path.parent_path());
    std::ofstream(path) << text;
  }
  test::TempDir dir;
};

}  // namespace

TEST_CASE("machine: without control groups the limit is the machine's memory",
          "[daemon][service]") {
  REQUIRE(Groups().Limit() == kMachine);
}

TEST_CASE("machine: a container's limit counts, of either version", "[daemon][service]") {
  const Groups groups;
  SECTION("version 2, the container's own root") {
    groups.Write("groups/memory.max", "536870912\n");
    REQUIRE(groups.Limit() == 536'870'912);
  }
  SECTION("version 1") {
    groups.Write("groups/memory/memory.limit_in_bytes", "268435456\n");
    REQUIRE(groups.Limit() == 268'435'456);
  }
  SECTION("version 2, a service's group below the root") {
    groups.Write("own", "3:cpu:/elsewhere\n0::/system.slice/pannierd.service\n");
    groups.Write("groups/system.slice/pannierd.service/memory.max", "134217728\n");
    REQUIRE(groups.Limit() == 134'217'728);
  }
}

TEST_CASE("machine: no limit, however it is written, is the machine's memory",
          "[daemon][service]") {
  const Groups groups;
  groups.Write("groups/memory.max", "max\n");
  groups.Write("groups/memory/memory.limit_in_bytes", "9223372036854771712\n");
  groups.Write("own", "0::/\n");
  REQUIRE(groups.Limit() == kMachine);
}

TEST_CASE("machine: this process is somewhere in this machine's memory", "[daemon][service]") {
  REQUIRE(ResidentBytes() > 0);
  REQUIRE(ResidentBytes() < MachineMemoryBytes());
}

}  // namespace pannier::service

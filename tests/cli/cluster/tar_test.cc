// Goal: what is archived is what `tar` reads, byte for byte.
// Method: the system's tar lists and unpacks it.
#include "cli/cluster/tar.h"

#include <array>
#include <catch2/catch.hpp>
#include <cstdio>

#include "lib/core/time_text.h"
#include "lib/file/file_system.h"
#include "tests/support/temp_dir.h"

namespace pannier::cluster {
namespace {

std::string OutputOf(const std::string& command) {
  std::string output;
  FILE* pipe = ::popen(command.c_str(), "r");
  REQUIRE(pipe != nullptr);
  std::array<char, 4096> buffer{};
  for (size_t got = 0; (got = std::fread(buffer.data(), 1, buffer.size(), pipe)) > 0;) {
    output.append(buffer.data(), got);
  }
  REQUIRE(::pclose(pipe) == 0);
  return output;
}

TEST_CASE("tar: the system's tar reads every file back", "[cli][cluster]") {
  const test::TempDir dir;
  const std::string path = (dir / "a.tar").string();
  Tar tar(*ParseTime("2026-02-03T04:05:06Z"));
  REQUIRE(tar.Add("d/empty", "").ok());
  REQUIRE(tar.Add("d/block", std::string(512, 'x')).ok());
  REQUIRE(tar.Add("d/odd", "one line\n").ok());
  REQUIRE(tar.Add(std::string(100, 'p'), "deep").ok());
  REQUIRE(file::ReplaceFile(file::RealFileSystem(), path, tar.Take()).ok());
  REQUIRE(OutputOf("tar -tf " + path) ==
          "d/empty\nd/block\nd/odd\n" + std::string(100, 'p') + "\n");
  REQUIRE(OutputOf("tar -xOf " + path + " d/block d/odd") == std::string(512, 'x') + "one line\n");
  REQUIRE(OutputOf("TZ=UTC tar --full-time -tvf " + path + " d/odd").find("2026-02-03 04:05:06") !=
          std::string::npos);
}

TEST_CASE("tar: a path that does not fit is refused", "[cli][cluster]") {
  Tar tar(WallTime{});
  REQUIRE(tar.Add("", "x").Is(Errc::kInvalidArgument));
  REQUIRE(tar.Add(std::string(101, 'p'), "x").Is(Errc::kInvalidArgument));
}

}  // namespace
}  // namespace pannier::cluster

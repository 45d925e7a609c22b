#include "daemon/memory_directory.h"

#include <unistd.h>

#include <catch2/catch.hpp>
#include <filesystem>

#include "lib/file/file_lock.h"
#include "tests/support/temp_dir.h"

namespace pannier::daemon {
namespace {

namespace fs = std::filesystem;
const fs::path kShm = "/dev/shm";

TEST_CASE("memory directory: it goes with its owner, and what the dead left goes first",
          "[daemon]") {
  file::FileSystem& files = file::RealFileSystem();
  const fs::path dead = kShm / ("pannier-memory-test" + std::to_string(::getpid()));
  const fs::path alive = dead.string() + "-alive";
  for (const fs::path& each : {dead, alive}) REQUIRE(files.MakeDirectory(each).ok());
  REQUIRE(file::FileLock::Acquire(dead / "LOCK").ok());  // and let go
  const auto held = file::FileLock::Acquire(alive / "LOCK").value();
  fs::path path;
  {
    const auto made = MemoryDirectory::Make(kShm, files);
    REQUIRE(made.ok());
    path = made->path();
    REQUIRE(fs::exists(path));
    REQUIRE_FALSE(fs::exists(dead));
    REQUIRE(fs::exists(alive));
    REQUIRE(TakesFiles(path, files));
  }
  REQUIRE_FALSE(fs::exists(path));
  REQUIRE_FALSE(TakesFiles(path, files));
  fs::remove_all(alive);
}

TEST_CASE("memory directory: a disk is no memory", "[daemon]") {
  const auto made = MemoryDirectory::Make("/proc", file::RealFileSystem());
  REQUIRE(made.Is(Errc::kUnavailable));
  REQUIRE(made.error().hint.find("fallback.directory") != std::string::npos);
}

TEST_CASE("memory directory: only what is not there or fails may be replaced by it", "[daemon]") {
  REQUIRE(MayServeFromMemory(Unavailable("I/O")));
  REQUIRE(MayServeFromMemory(PermissionDenied("root's")));
  REQUIRE(MayServeFromMemory(StorageFull("full")));
  REQUIRE_FALSE(MayServeFromMemory(Conflict("locked")));
  REQUIRE_FALSE(MayServeFromMemory(Corruption("damaged")));
  REQUIRE_FALSE(MayServeFromMemory(InvalidArgument("foreign")));
  REQUIRE_FALSE(MayServeFromMemory(Unimplemented("newer")));
}

}  // namespace
}  // namespace pannier::daemon

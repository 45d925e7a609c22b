// Goal: a folder is an object store, and stays one through every failing call and power loss.
// Method: the shared suite; every file call failed in turn, with and without a crash after it.
#include "lib/repository/volume_store.h"

#include <catch2/catch.hpp>
#include <filesystem>
#include <fstream>

#include "tests/lib/repository/object_store_suite.h"
#include "tests/support/fake_clock.h"
#include "tests/support/faulty_file_system.h"
#include "tests/support/temp_dir.h"
#include "tests/support/torture.h"

using namespace pannier;
using namespace pannier::repository;
using IfPresent = ObjectStore::IfPresent;
using test::Later;

namespace {

size_t FilesBelow(const std::filesystem::path& folder) {
  size_t count = 0;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(folder))
    count += entry.is_regular_file() ? 1 : 0;
  return count;
}

}  // namespace

TEST_CASE("volume: does what every object store does", "[repository]") {
  const test::TempDir dir;
  test::CheckObjectStore([&] {
    return std::make_unique<VolumeStore>(dir / "repository", file::RealFileSystem(), SystemClock());
  });
}

TEST_CASE("volume: a folder that is not there has no list, and is made by the first object",
          "[repository]") {
  const test::TempDir dir;
  VolumeStore store(dir / "deep" / "repository", file::RealFileSystem(), SystemClock());
  REQUIRE(store.List("", "", Later()).Is(Errc::kNotFound));
  REQUIRE(store.Get("a", 1, Later()).Is(Errc::kNotFound));
  REQUIRE(store.RemoveUnfinished(std::chrono::hours(1), Later()).value() == 0);
  REQUIRE(store.Put("a", "x", IfPresent::kFail, Later()).ok());
  REQUIRE(store.List("", "", Later()).value().objects.size() == 1);
}

TEST_CASE("volume: what is no object is neither listed nor read", "[repository]") {
  const test::TempDir dir;
  VolumeStore store(dir.path(), file::RealFileSystem(), SystemClock());
  std::filesystem::create_directories(dir / "lost+found");
  std::filesystem::create_directories(dir / "folder");
  std::ofstream(dir / "a b") << "x";
  std::filesystem::create_symlink("/etc/passwd", dir / "link");
  REQUIRE(store.List("", "", Later()).value().objects.empty());
  REQUIRE(store.Get("folder", 10, Later()).Is(Errc::kNotFound));
  REQUIRE(store.Stat("folder", Later()).Is(Errc::kNotFound));
  REQUIRE(store.Get("link", 10'000, Later()).Is(Errc::kNotFound));
  REQUIRE(store.Delete("folder", Later()).ok());
  REQUIRE(std::filesystem::exists(dir / "folder"));
}

TEST_CASE("volume: folders that somebody removed are made again", "[repository]") {
  const test::TempDir dir;
  VolumeStore store(dir / "r", file::RealFileSystem(), SystemClock());
  REQUIRE(store.Put("a/b", "1", IfPresent::kFail, Later()).ok());
  std::filesystem::remove_all(dir / "r");
  REQUIRE(store.Put("a/b", "2", IfPresent::kFail, Later()).ok());
  REQUIRE(store.Get("a/b", 1, Later()).value() == "2");
}

TEST_CASE("volume: what crashed writers left goes when it is old", "[repository]") {
  test::FaultyFileSystem files;
  test::FakeClock clock;
  VolumeStore store(files.root() / "r", files, clock);
  REQUIRE(store.Put("a", "1", IfPresent::kFail, clock.Steady() + std::chrono::hours(1)).ok());
  std::ofstream(files.root() / "r" / "~unfinished" / "abc") << "half";
  const auto now = std::filesystem::file_time_type::clock::now();
  const SteadyTime later = clock.Steady() + std::chrono::hours(100'000);
  // The file is of today, and the clock a fake one: let it be today, too.
  clock.Advance(std::chrono::system_clock::now() - clock.Now());
  REQUIRE(store.RemoveUnfinished(std::chrono::hours(1), later).value() == 0);
  std::filesystem::last_write_time(files.root() / "r" / "~unfinished" / "abc",
                                   now - std::chrono::hours(2));
  REQUIRE(store.RemoveUnfinished(std::chrono::hours(1), later).value() == 1);
  REQUIRE(store.Get("a", 1, later).value() == "1");
}

TEST_CASE("volume: a full disk is said to be full", "[repository][fault]") {
  test::FaultyFileSystem files;
  VolumeStore store(files.root() / "r", files, SystemClock());
  REQUIRE(store.Put("a", "1", IfPresent::kReplace, Later()).ok());
  files.FillFrom(1);
  REQUIRE(store.Put("b", "2", IfPresent::kReplace, Later()).Is(Errc::kStorageFull));
  REQUIRE(store.Get("a", 1, Later()).value() == "1");
  files.Heal();
  REQUIRE(store.Put("b", "2", IfPresent::kReplace, Later()).ok());
}

// Whenever power is cut, an object is there whole, old or new, and what was acknowledged is there.
TEST_CASE("volume: power loss at any file call loses nothing acknowledged and tears nothing",
          "[repository][fault]") {
  const std::string old(10'000, 'o'), fresh(20'000, 'n');
  for (const IfPresent present : {IfPresent::kReplace, IfPresent::kFail}) {
    bool met_fault = true;
    for (int n = 1; met_fault; ++n) {
      CAPTURE(n, static_cast<int>(present));
      REQUIRE(n < 1'000);
      test::FaultyFileSystem files;
      VolumeStore before(files.root() / "r", files, SystemClock());
      REQUIRE(before.Put("x/kept", old, present, Later()).ok());
      VolumeStore store(files.root() / "r", files, SystemClock());
      files.FailFrom(n);
      const Status put = store.Put("x/new", fresh, present, Later());
      const Status replaced = store.Put("x/kept", fresh, IfPresent::kReplace, Later());
      met_fault = files.Faulted();
      files.Crash();
      VolumeStore after(files.root() / "r", files, SystemClock());
      const Result<std::string> made = after.Get("x/new", 1 << 20, Later());
      REQUIRE((made.ok() ? *made == fresh : made.Is(Errc::kNotFound)));
      if (put.ok()) REQUIRE(made.ok());
      const std::string kept = after.Get("x/kept", 1 << 20, Later()).value();
      REQUIRE((kept == fresh || kept == old));
      if (replaced.ok()) REQUIRE((kept == fresh));
      REQUIRE(
          after.Put("x/new", fresh, IfPresent::kFail, Later()).ok());  // the second run finishes
    }
  }
}

TEST_CASE("volume: an error that passes leaves no unfinished file", "[repository][fault]") {
  bool met_fault = true;
  for (int n = 1; met_fault; ++n) {
    CAPTURE(n);
    REQUIRE(n < 1'000);
    test::FaultyFileSystem files;
    VolumeStore store(files.root() / "r", files, SystemClock());
    files.FailCall(n);
    const Status put = store.Put("a/b", "bytes", IfPresent::kFail, Later());
    met_fault = files.Faulted();
    files.Heal();
    if (!put.ok()) REQUIRE(put.Is(Errc::kUnavailable));
    REQUIRE(store.Put("a/b", "bytes", IfPresent::kFail, Later()).ok());
    REQUIRE(FilesBelow(files.root()) == 1);
    files.Crash();
    REQUIRE(VolumeStore(files.root() / "r", files, SystemClock()).Get("a/b", 10, Later()).value() ==
            "bytes");
  }
}

TEST_CASE("volume: disks that keep any part of the unsynced tear nothing", "[repository][fault]") {
  CAPTURE(test::Seed());
  test::Random random(test::Seed());
  for (int round = 0; round < test::Rounds(60); ++round) {
    CAPTURE(round);
    test::FaultyFileSystem files;
    VolumeStore store(files.root() / "r", files, SystemClock());
    REQUIRE(store.Put("k", std::string(9'000, 'o'), IfPresent::kReplace, Later()).ok());
    files.FailFrom(static_cast<int>(1 + random.Below(8)));
    const Status put = store.Put("k", std::string(9'000, 'n'), IfPresent::kReplace, Later());
    files.CrashPartly(random.Next());
    VolumeStore after(files.root() / "r", files, SystemClock());
    const std::string there = after.Get("k", 1 << 20, Later()).value();
    REQUIRE((there == std::string(9'000, 'n') || (!put.ok() && there == std::string(9'000, 'o'))));
  }
}

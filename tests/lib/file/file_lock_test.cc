#include "lib/file/file_lock.h"

#include <unistd.h>

#include <catch2/catch.hpp>

#include "tests/support/fake_clock.h"
#include "tests/support/temp_dir.h"

namespace pannier::file {
namespace {

using test::FakeClock;
using test::TempDir;

TEST_CASE("lock: a refusal names the holder and since when", "[lib][file]") {
  const TempDir dir;
  const FakeClock clock;
  const FileLock held = FileLock::Acquire(dir / "LOCK", clock).value();
  const Result<FileLock> refused = FileLock::Acquire(dir / "LOCK", clock);
  REQUIRE(refused.Is(Errc::kConflict));
  REQUIRE(refused.error().what == dir.path().string() + " is locked by pid " +
                                      std::to_string(::getpid()) +
                                      " (started 2025-01-01T00:00:00Z)");
  REQUIRE_FALSE(refused.error().hint.empty());
}

TEST_CASE("lock: what an earlier holder or a stranger left in the file does no harm",
          "[lib][file]") {
  const TempDir dir;
  for (const char* stale : {"", "pid 99999\nstarted never\n", "pid x", "pid 7", "\xff\xfe"}) {
    CAPTURE(stale);
    REQUIRE(ReplaceFile(RealFileSystem(), dir / "LOCK", stale).ok());
    const FileLock held = FileLock::Acquire(dir / "LOCK").value();
    REQUIRE(FileLock::Acquire(dir / "LOCK").Is(Errc::kConflict));
  }
}

TEST_CASE("lock: unreadable content refuses without inventing a holder", "[lib][file]") {
  const TempDir dir;
  const FileLock held = FileLock::Acquire(dir / "LOCK").value();
  const auto file = RealFileSystem().Open(dir / "LOCK", OpenMode::kReadWrite).value();
  REQUIRE(file->WriteAt(0, "garbage").ok());
  REQUIRE(FileLock::Acquire(dir / "LOCK").error().what ==
          dir.path().string() + " is locked by another process");
}

TEST_CASE("lock: it is free again once released, assigned over or moved from and gone",
          "[lib][file]") {
  const TempDir dir;
  { const FileLock held = FileLock::Acquire(dir / "LOCK").value(); }
  FileLock first = FileLock::Acquire(dir / "LOCK").value();
  FileLock other = FileLock::Acquire(dir / "OTHER").value();
  first = std::move(other);
  const FileLock again = FileLock::Acquire(dir / "LOCK").value();
  REQUIRE(FileLock::Acquire(dir / "OTHER").Is(Errc::kConflict));
}

TEST_CASE("lock: a directory that does not exist is said to be absent", "[lib][file]") {
  const TempDir dir;
  REQUIRE(FileLock::Acquire(dir.path() / "absent" / "LOCK").Is(Errc::kNotFound));
}

}  // namespace
}  // namespace pannier::file

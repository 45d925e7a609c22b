// Goal: the fake disk loses exactly what was not synced, and fails exactly the call it was told to.
#include "tests/support/faulty_file_system.h"

#include <catch2/catch.hpp>

namespace pannier::test {
namespace {

using file::File;
using file::OpenMode;
using file::Path;

std::string Content(FaultyFileSystem& files, const Path& path) {
  const Result<std::string> bytes = file::ReadFile(files, path, 1 << 20);
  return bytes.ok() ? *bytes : "<" + std::string(ToString(bytes.error().code)) + ">";
}

std::unique_ptr<File> Create(FaultyFileSystem& files, const Path& path, std::string_view bytes) {
  std::unique_ptr<File> created = files.Open(path, OpenMode::kCreate).value();
  created->WriteAt(0, bytes).value();
  return created;
}

TEST_CASE("faulty files: a crash loses bytes that were not synced", "[support][fault]") {
  FaultyFileSystem files;
  const Path path = files.root() / "a";
  const auto opened = Create(files, path, "synced");
  REQUIRE(opened->Sync().ok());
  REQUIRE(files.SyncDirectory(files.root()).ok());
  REQUIRE(opened->WriteAt(2, "XX and more").ok());
  REQUIRE(Content(files, path) == "syXX and more");
  files.Crash();
  REQUIRE(Content(files, path) == "synced");
}

TEST_CASE("faulty files: truncation and regrowth leave no old bytes behind a sync",
          "[support][fault]") {
  FaultyFileSystem files;
  const Path path = files.root() / "a";
  const auto opened = Create(files, path, "0123456789");
  REQUIRE(opened->Sync().ok());
  REQUIRE(files.SyncDirectory(files.root()).ok());
  REQUIRE(opened->Truncate(2).ok());
  REQUIRE(opened->WriteAt(4, "x").ok());
  REQUIRE(opened->Sync().ok());
  files.Crash();
  REQUIRE(Content(files, path) == std::string("01\0\0x", 5));
}

TEST_CASE("faulty files: a crash loses names that were not synced, though the file was",
          "[support][fault]") {
  FaultyFileSystem files;
  REQUIRE(Create(files, files.root() / "new", "x")->Sync().ok());
  files.Crash();
  REQUIRE(Content(files, files.root() / "new") == "<not found>");
}

TEST_CASE("faulty files: a crash undoes renames and removals whose directory was not synced",
          "[support][fault]") {
  FaultyFileSystem files;
  for (const char* name : {"old", "gone"})
    REQUIRE(Create(files, files.root() / name, name)->Sync().ok());
  REQUIRE(files.SyncDirectory(files.root()).ok());
  REQUIRE(Create(files, files.root() / "new", "new")->Sync().ok());
  REQUIRE(files.Rename(files.root() / "new", files.root() / "old").ok());
  REQUIRE(files.Remove(files.root() / "gone").ok());
  SECTION("unsynced") {
    files.Crash();
    REQUIRE(Content(files, files.root() / "old") == "old");
    REQUIRE(Content(files, files.root() / "gone") == "gone");
  }
  SECTION("synced") {
    REQUIRE(files.SyncDirectory(files.root()).ok());
    files.Crash();
    REQUIRE(Content(files, files.root() / "old") == "new");
    REQUIRE(Content(files, files.root() / "gone") == "<not found>");
  }
}

TEST_CASE("faulty files: a directory moved with its content comes back whole", "[support][fault]") {
  FaultyFileSystem files;
  REQUIRE(file::MakeDirectories(files, files.root() / "d" / "e").ok());
  REQUIRE(file::ReplaceFile(files, files.root() / "d" / "e" / "f", "f").ok());
  REQUIRE(file::RenameDurably(files, files.root() / "d", files.root() / "m").ok());
  files.Crash();
  REQUIRE(Content(files, files.root() / "m" / "e" / "f") == "f");
  REQUIRE(Content(files, files.root() / "d" / "e" / "f") == "<not found>");
}

TEST_CASE("faulty files: a folder that is moved to another is here or there after a crash",
          "[support][fault]") {
  const uint64_t seed = GENERATE(range(0, 20));
  const bool partly = GENERATE(false, true);
  const int synced = GENERATE(0, 1, 2);  // neither, the new place, the old one
  CAPTURE(seed, partly, synced);
  FaultyFileSystem files;
  const Path from = files.root() / "a", to = files.root() / "b";
  REQUIRE(file::MakeDirectories(files, from / "d").ok());
  REQUIRE(file::MakeDirectories(files, to).ok());
  REQUIRE(file::ReplaceFile(files, from / "d" / "f", "f").ok());
  REQUIRE(files.Rename(from / "d", to / "e").ok());
  if (synced == 1) REQUIRE(files.SyncDirectory(to).ok());
  if (synced == 2) REQUIRE(files.SyncDirectory(from).ok());
  if (partly) files.CrashPartly(seed);
  if (!partly) files.Crash();
  const bool here = Content(files, from / "d" / "f") == "f";
  const bool there = Content(files, to / "e" / "f") == "f";
  REQUIRE(here != there);
  if (synced != 0) REQUIRE(there);
  if (synced == 0 && !partly) REQUIRE(here);
}

TEST_CASE("faulty files: a folder that is moved back was never away", "[support][fault]") {
  FaultyFileSystem files;
  const Path from = files.root() / "a", to = files.root() / "b";
  REQUIRE(file::MakeDirectories(files, from / "d").ok());
  REQUIRE(file::MakeDirectories(files, to).ok());
  REQUIRE(files.Rename(from / "d", to / "d").ok());
  REQUIRE(files.Rename(to / "d", from / "d").ok());
  REQUIRE(files.SyncDirectory(to).ok());
  files.Crash();
  REQUIRE(file::Exists(files, from / "d").value());
  REQUIRE_FALSE(file::Exists(files, to / "d").value());
}

TEST_CASE("faulty files: a file from before the crash is dead after it", "[support][fault]") {
  FaultyFileSystem files;
  const auto opened = Create(files, files.root() / "a", "x");
  files.Crash();
  REQUIRE(opened->WriteAt(0, "y").Is(Errc::kUnavailable));
  REQUIRE(opened->Sync().Is(Errc::kUnavailable));
}

TEST_CASE("faulty files: exactly the asked call fails, a write half done", "[support][fault]") {
  FaultyFileSystem files;
  const auto opened = Create(files, files.root() / "a", "");
  files.FailCall(2, Errc::kResourceExhausted);
  REQUIRE(opened->WriteAt(0, "ab").ok());
  REQUIRE_FALSE(files.Faulted());
  REQUIRE(opened->WriteAt(2, "cdef").Is(Errc::kResourceExhausted));
  REQUIRE(files.Faulted());
  REQUIRE(opened->WriteAt(6, "g").ok());
  REQUIRE(Content(files, files.root() / "a") == std::string("abcd\0\0g", 7));
}

TEST_CASE("faulty files: a dead disk stays dead until it is healed", "[support][fault]") {
  FaultyFileSystem files;
  files.FailFrom(1);
  REQUIRE_FALSE(files.Stat(files.root()).ok());
  REQUIRE_FALSE(files.List(files.root()).ok());
  files.Heal();
  REQUIRE(files.Stat(files.root()).ok());
}

TEST_CASE("faulty files: a full disk refuses what takes room, and nothing else",
          "[support][fault]") {
  FaultyFileSystem files;
  const auto opened = Create(files, files.root() / "a", "x");
  files.FillFrom(1);
  REQUIRE(opened->Sync().ok());
  REQUIRE(Content(files, files.root() / "a") == "x");
  REQUIRE_FALSE(files.Faulted());
  REQUIRE(opened->WriteAt(1, "y").Is(Errc::kStorageFull));
  REQUIRE(files.Open(files.root() / "new", OpenMode::kCreate).Is(Errc::kStorageFull));
  REQUIRE(files.MakeDirectory(files.root() / "d").Is(Errc::kStorageFull));
  REQUIRE(files.Open(files.root() / "a", OpenMode::kCreate).ok());
  REQUIRE(files.Remove(files.root() / "a").ok());
  REQUIRE(files.Faulted());
  files.Heal();
  REQUIRE(files.MakeDirectory(files.root() / "d").ok());
}

TEST_CASE("faulty files: files made around the seam survive a crash", "[support][fault]") {
  FaultyFileSystem files;
  REQUIRE(file::RealFileSystem().Open(files.root() / "LOCK", OpenMode::kCreate).ok());
  files.Crash();
  REQUIRE(file::Exists(files, files.root() / "LOCK").value());
}

TEST_CASE("faulty files: a partial crash keeps each unsynced page or loses it, and no synced one",
          "[support][fault]") {
  bool kept_some = false;
  bool lost_some = false;
  for (uint64_t seed = 0; seed < 20; ++seed) {
    CAPTURE(seed);
    FaultyFileSystem files;
    const Path path = files.root() / "a";
    const auto opened = Create(files, path, std::string(8192, 's'));
    REQUIRE(opened->Sync().ok());
    REQUIRE(files.SyncDirectory(files.root()).ok());
    REQUIRE(opened->WriteAt(4096, std::string(4096, 'u')).ok());
    files.CrashPartly(seed);
    const std::string bytes = Content(files, path);
    REQUIRE(bytes.size() == 8192);
    REQUIRE(bytes.substr(0, 4096) == std::string(4096, 's'));
    const bool kept = bytes.substr(4096) == std::string(4096, 'u');
    if (!kept) REQUIRE(bytes.substr(4096) == std::string(4096, 's'));
    (kept ? kept_some : lost_some) = true;
  }
  REQUIRE(kept_some);
  REQUIRE(lost_some);
}

}  // namespace
}  // namespace pannier::test

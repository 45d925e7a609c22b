// Goal: what the helpers call durable is durable, at whichever call the process or the disk fails.
// Method: the same cases over the real disk and the faulty one; then fail the n-th call and lose
// unsynced data, for n = 1, 2, … until a run meets no fault.
#include "lib/file/file_system.h"

#include <unistd.h>

#include <catch2/catch.hpp>
#include <memory>

#include "tests/support/faulty_file_system.h"
#include "tests/support/temp_dir.h"

namespace pannier::file {
namespace {

using test::FaultyFileSystem;
using test::TempDir;

// A disk to try: the real one or the fake, with a directory on it.
struct Disk {
  std::string name;
  FileSystem& files;
  Path root;
};

template <typename Body>
void OnBothDisks(const Body& body) {
  const TempDir dir;
  body(Disk{"real", RealFileSystem(), dir.path()});
  FaultyFileSystem faulty;
  body(Disk{"faulty", faulty, faulty.root()});
}

TEST_CASE("files: bytes written at any offset are read back", "[lib][file]") {
  OnBothDisks([](const Disk& disk) {
    CAPTURE(disk.name);
    const auto file = disk.files.Open(disk.root / "f", OpenMode::kCreateNew).value();
    REQUIRE(file->WriteAt(3, "abc").ok());
    REQUIRE(file->Append("def").ok());
    REQUIRE(file->Size().value() == 9);
    std::string bytes(100, '?');
    REQUIRE(file->ReadAt(2, bytes).value() == 7);
    REQUIRE(bytes.substr(0, 7) == std::string("\0abcdef", 7));
    REQUIRE(file->Truncate(4).ok());
    REQUIRE(file->Sync().ok());
    REQUIRE(ReadFile(disk.files, disk.root / "f", 100).value() == std::string("\0\0\0a", 4));
  });
}

TEST_CASE("files: each failure has the code its callers act on", "[lib][file]") {
  OnBothDisks([](const Disk& disk) {
    CAPTURE(disk.name);
    FileSystem& files = disk.files;
    REQUIRE(files.Open(disk.root / "absent", OpenMode::kRead).Is(Errc::kNotFound));
    REQUIRE(files.Open(disk.root / "absent" / "f", OpenMode::kCreate).Is(Errc::kNotFound));
    REQUIRE(files.Remove(disk.root / "absent").Is(Errc::kNotFound));
    REQUIRE(files.Stat(disk.root / "absent").Is(Errc::kNotFound));
    REQUIRE(files.MakeDirectory(disk.root / "d").ok());
    REQUIRE(files.MakeDirectory(disk.root / "d").Is(Errc::kConflict));
    REQUIRE(files.Open(disk.root / "f", OpenMode::kCreateNew).ok());
    REQUIRE(files.Open(disk.root / "f", OpenMode::kCreateNew).Is(Errc::kConflict));
    REQUIRE(ReplaceFile(files, disk.root / "f", "12345").ok());
    REQUIRE(ReadFile(files, disk.root / "f", 4).Is(Errc::kResourceExhausted));
    REQUIRE_FALSE(Exists(files, disk.root / "absent").value());
    REQUIRE(MakeDirectories(files, disk.root / "f").Is(Errc::kConflict));
  });
}

TEST_CASE("files: what is listed is sorted, with its kind", "[lib][file]") {
  OnBothDisks([](const Disk& disk) {
    CAPTURE(disk.name);
    REQUIRE(disk.files.MakeDirectory(disk.root / "b").ok());
    REQUIRE(ReplaceFile(disk.files, disk.root / "a", "x").ok());
    REQUIRE(::symlink("a", (disk.root / "c").c_str()) == 0);
    const auto entries = disk.files.List(disk.root).value();
    REQUIRE(entries.size() == 3);
    REQUIRE((entries[0].name == "a" && entries[0].kind == Kind::kFile));
    REQUIRE((entries[1].name == "b" && entries[1].kind == Kind::kDirectory));
    REQUIRE((entries[2].name == "c" && entries[2].kind == Kind::kOther));
  });
}

TEST_CASE("files: a tree is removed without following links, and an absent one is fine",
          "[lib][file]") {
  OnBothDisks([](const Disk& disk) {
    CAPTURE(disk.name);
    REQUIRE(ReplaceFile(disk.files, disk.root / "kept", "x").ok());
    REQUIRE(MakeDirectories(disk.files, disk.root / "t" / "u" / "v").ok());
    REQUIRE(ReplaceFile(disk.files, disk.root / "t" / "u" / "f", "x").ok());
    REQUIRE(::symlink("../kept", (disk.root / "t" / "link").c_str()) == 0);
    REQUIRE(DiskUsage(disk.files, disk.root / "t").value() > 0);
    REQUIRE(RemoveAll(disk.files, disk.root / "t").ok());
    REQUIRE(RemoveAll(disk.files, disk.root / "t").ok());
    REQUIRE_FALSE(Exists(disk.files, disk.root / "t").value());
    REQUIRE(Exists(disk.files, disk.root / "kept").value());
    REQUIRE(DiskUsage(disk.files, disk.root / "t").value() == 0);
  });
}

TEST_CASE("files: only the owner may read what we make", "[lib][file]") {
  const TempDir dir;
  REQUIRE(MakeDirectories(RealFileSystem(), dir / "d").ok());
  REQUIRE(ReplaceFile(RealFileSystem(), dir.path() / "d" / "f", "x").ok());
  const auto others = std::filesystem::perms::group_all | std::filesystem::perms::others_all;
  for (const Path& path : {dir.path() / "d", dir.path() / "d" / "f"})
    REQUIRE((std::filesystem::status(path).permissions() & others) == std::filesystem::perms::none);
}

TEST_CASE("files: making a directory where none can be made ends with an error", "[lib][file]") {
  REQUIRE_FALSE(MakeDirectories(RealFileSystem(), "/proc/pannier/x").ok());
}

TEST_CASE("files: a replaced file is the old or the new one after a crash at any call",
          "[lib][file][fault]") {
  bool met_fault = true;
  for (int n = 1; met_fault; ++n) {
    CAPTURE(n);
    REQUIRE(n < 100);
    FaultyFileSystem files;
    const Path path = files.root() / "d" / "f";
    REQUIRE(MakeDirectories(files, files.root() / "d").ok());
    REQUIRE(ReplaceFile(files, path, "old").ok());
    files.FailCall(n);
    const Status replaced = ReplaceFile(files, path, "the new content");
    met_fault = files.Faulted();
    files.Crash();
    const std::string now = ReadFile(files, path, 100).value();
    REQUIRE((now == "old" || now == "the new content"));
    if (replaced.ok()) REQUIRE(now == "the new content");
    if (!met_fault) REQUIRE(replaced.ok());
    REQUIRE(ReplaceFile(files, path, "once more").ok());
    REQUIRE(ReadFile(files, path, 100).value() == "once more");
  }
}

TEST_CASE("files: directories that were acknowledged are there after a crash",
          "[lib][file][fault]") {
  bool met_fault = true;
  for (int n = 1; met_fault; ++n) {
    CAPTURE(n);
    REQUIRE(n < 100);
    FaultyFileSystem files;
    const Path path = files.root() / "a" / "b" / "c";
    files.FailCall(n);
    Status made = MakeDirectories(files, path);
    met_fault = files.Faulted();
    if (!made.ok()) made = MakeDirectories(files, path);  // a second attempt finds half of it
    REQUIRE(made.ok());
    files.Crash();
    REQUIRE(Exists(files, path).value());
  }
}

TEST_CASE("files: a durable rename never loses the file", "[lib][file][fault]") {
  bool met_fault = true;
  for (int n = 1; met_fault; ++n) {
    CAPTURE(n);
    REQUIRE(n < 100);
    FaultyFileSystem files;
    REQUIRE(MakeDirectories(files, files.root() / "from").ok());
    REQUIRE(MakeDirectories(files, files.root() / "to").ok());
    REQUIRE(ReplaceFile(files, files.root() / "from" / "f", "x").ok());
    files.FailCall(n);
    const Status moved =
        RenameDurably(files, files.root() / "from" / "f", files.root() / "to" / "f");
    met_fault = files.Faulted();
    files.Crash();
    const bool at_old = Exists(files, files.root() / "from" / "f").value();
    const bool at_new = Exists(files, files.root() / "to" / "f").value();
    REQUIRE((at_old || at_new));
    if (moved.ok()) REQUIRE((at_new && !at_old));
  }
}

}  // namespace
}  // namespace pannier::file

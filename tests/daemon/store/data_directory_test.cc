// Goal: a data directory is ours, locked and named, or it is refused in plain words and untouched.
#include "daemon/store/data_directory.h"

#include <unistd.h>

#include <catch2/catch.hpp>
#include <filesystem>
#include <fstream>

#include "daemon/store/stores.h"
#include "tests/support/temp_dir.h"

namespace pannier::store {
namespace {

namespace fs = std::filesystem;

Result<DataDirectory> Open(const fs::path& path) {
  return DataDirectory::Open(path.string(), file::RealFileSystem());
}

void Spill(const fs::path& path, const std::string& text) {
  std::ofstream(path, std::ios::trunc) << text;
}

TEST_CASE("data directory: is made, with an identity that stays", "[daemon][store]") {
  test::TempDir dir;
  const fs::path path = dir / "deep" / "data";
  Uuid id;
  {
    const DataDirectory made = Open(path).value();
    id = made.instance_id();
    REQUIRE_FALSE(id.IsNil());
    REQUIRE(fs::is_directory(made.stores_path()));
    REQUIRE(made.store_path(id) == made.stores_path() + "/" + id.ToString());
  }
  REQUIRE(Open(path).value().instance_id() == id);
}

TEST_CASE("data directory: the lock names its holder", "[daemon][store]") {
  test::TempDir dir;
  const DataDirectory held = Open(dir / "data").value();
  const auto refused = Open(dir / "data");
  REQUIRE(refused.Is(Errc::kConflict));
  REQUIRE_THAT(refused.error().what,
               Catch::Contains("locked by pid " + std::to_string(::getpid())));
}

TEST_CASE("data directory: two Stores never share one", "[daemon][store]") {
  test::TempDir dir;
  const std::string path = dir / "data";
  const auto open = [&] {
    return Stores::Open(path, {}, file::RealFileSystem(), SystemClock(), nullptr);
  };
  auto first = open();
  REQUIRE(first.ok());
  REQUIRE(open().Is(Errc::kConflict));
  first = Unavailable("closed");
  REQUIRE(open().ok());
}

TEST_CASE("data directory: one with foreign files is refused and left as it is",
          "[daemon][store]") {
  test::TempDir dir;
  Spill(dir / "thesis.txt", "do not touch");
  const auto refused = Open(dir.path());
  REQUIRE(refused.Is(Errc::kInvalidArgument));
  REQUIRE_THAT(refused.error().what, Catch::Contains("thesis.txt"));
  REQUIRE_FALSE(refused.error().hint.empty());
  REQUIRE_FALSE(fs::exists(dir / "identity.json"));
  REQUIRE_FALSE(fs::exists(dir / "stores"));
}

TEST_CASE("data directory: what a volume brings along is not foreign", "[daemon][store]") {
  test::TempDir dir;
  fs::create_directory(dir / "lost+found");
  Spill(dir / "identity.json.new", "half a wri");  // a crash in our first start
  REQUIRE(Open(dir.path()).ok());
}

TEST_CASE("data directory: a newer format is refused with the way out", "[daemon][store]") {
  test::TempDir dir;
  Spill(dir / "identity.json",
        R"({"format": 2, "instanceID": "7a0dbd4c-7a0d-4d4c-8a0d-bd4c7a0dbd4c"})");
  const auto refused = Open(dir.path());
  REQUIRE(refused.Is(Errc::kUnimplemented));  // nothing is wrong with the command line
  REQUIRE_THAT(refused.error().what, Catch::Contains("newer"));
  REQUIRE_THAT(refused.error().hint, Catch::Contains("pannierd"));
}

TEST_CASE("data directory: a damaged identity is corruption, and not made anew",
          "[daemon][store]") {
  const std::string text =
      GENERATE(as<std::string>(), "", "{", "[]", "{}", R"({"format": "1"})", R"({"format": 1})",
               R"({"format": -1, "instanceID": "7a0dbd4c-7a0d-4d4c-8a0d-bd4c7a0dbd4c"})",
               R"({"format": 0, "instanceID": "7a0dbd4c-7a0d-4d4c-8a0d-bd4c7a0dbd4c"})",
               R"({"format": 1, "instanceID": 7})", R"({"format": 1, "instanceID": "not a uuid"})");
  CAPTURE(text);
  test::TempDir dir;
  Spill(dir / "identity.json", text);
  REQUIRE(Open(dir.path()).Is(Errc::kCorruption));
  std::ifstream in(dir / "identity.json");
  const std::string left((std::istreambuf_iterator<char>(in)), {});
  REQUIRE(left == text);
}

TEST_CASE("data directory: the largest of all formats is a newer one", "[daemon][store]") {
  test::TempDir dir;
  Spill(dir / "identity.json", R"({"format": 18446744073709551615,)"
                               R"( "instanceID": "7a0dbd4c-7a0d-4d4c-8a0d-bd4c7a0dbd4c"})");
  REQUIRE(Open(dir.path()).Is(Errc::kUnimplemented));
}

TEST_CASE("data directory: an identity that is missing from one of ours is to be restored",
          "[daemon][store]") {
  const std::string ours = GENERATE(as<std::string>(), "stores", "catalog.db");
  test::TempDir dir;
  fs::create_directory(dir / ours);
  const auto refused = Open(dir.path());
  REQUIRE(refused.Is(Errc::kCorruption));
  REQUIRE_THAT(refused.error().what, Catch::Contains("identity.json is missing"));
  REQUIRE_THAT(refused.error().hint, Catch::Contains("restore identity.json"));
  REQUIRE_FALSE(fs::exists(dir / "identity.json"));
}

TEST_CASE("data directory: what keeps it from being opened has a way out", "[daemon][store]") {
  test::TempDir dir;
  fs::create_directory(dir / "LOCK");
  REQUIRE_THAT(Open(dir.path()).error().hint, Catch::Contains("LOCK is a directory"));
  Spill(dir / "file", "");
  REQUIRE_FALSE(Open(dir / "file").error().hint.empty());
}

TEST_CASE("data directory: one that cannot be written says so", "[daemon][store]") {
  if (::geteuid() == 0) return;  // root may write everywhere
  test::TempDir dir;
  fs::permissions(dir.path(), fs::perms::owner_read | fs::perms::owner_exec);
  REQUIRE(Open(dir / "data").Is(Errc::kPermissionDenied));
  REQUIRE(Open(dir.path()).Is(Errc::kPermissionDenied));
  REQUIRE_FALSE(Open(dir.path()).error().hint.empty());
  fs::permissions(dir.path(), fs::perms::owner_all);
}

}  // namespace
}  // namespace pannier::store

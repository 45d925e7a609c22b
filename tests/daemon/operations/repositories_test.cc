// Goal: a repository is known again, and another one in its place is never used.
#include "daemon/operations/repositories.h"

#include <catch2/catch.hpp>
#include <filesystem>

#include "tests/support/temp_dir.h"

namespace pannier::operations {
namespace {

SteadyTime Soon() { return SystemClock().Steady() + std::chrono::seconds(60); }

struct Fixture {
  std::unique_ptr<Repositories> Make() {
    RepositorySettings settings;
    settings.name = "local";
    settings.volume_path = (dir / "repository").string();
    return std::make_unique<Repositories>(
        std::vector<RepositorySettings>{settings}, (dir / "repositories.json").string(),
        RealObjects(file::RealFileSystem(), SystemClock()), file::RealFileSystem(), SystemClock());
  }
  void RemoveRepository() { std::filesystem::remove_all(dir / "repository"); }
  test::TempDir dir;
};

TEST_CASE("repositories: an unknown name is answered with the known ones", "[daemon][operations]") {
  Fixture fixture;
  const auto repositories = fixture.Make();
  const Status checked = repositories->CheckName("lokal");
  REQUIRE(checked.Is(Errc::kNotFound));
  REQUIRE(checked.error().hint.find("local") != std::string::npos);
  REQUIRE(repositories->Open("lokal", Soon()).Is(Errc::kNotFound));
}

TEST_CASE("repositories: one that was never initialised says so", "[daemon][operations]") {
  Fixture fixture;
  const auto repositories = fixture.Make();
  REQUIRE(repositories->Open("local", Soon()).Is(Errc::kNotFound));
  REQUIRE(repositories->List(false, Soon())[0].state == "NotInitialised");
  REQUIRE(repositories->health().at("volume").up == 0);
  const Uuid id = repositories->Initialise("local", Soon()).value()->id();
  REQUIRE(repositories->Open("local", Soon()).value()->id() == id);
  REQUIRE(repositories->List(true, Soon())[0].state == "Ready");
  REQUIRE(repositories->List(true, Soon())[0].id == id);
  REQUIRE(repositories->health().at("volume").up == 1);
}

TEST_CASE("repositories: an emptied or another one is refused, also after a restart",
          "[daemon][operations]") {
  const bool restart = GENERATE(true, false);
  Fixture fixture;
  auto repositories = fixture.Make();
  const Uuid first = repositories->Initialise("local", Soon()).value()->id();
  fixture.RemoveRepository();
  if (restart) repositories = fixture.Make();
  auto opened = repositories->Open("local", Soon());
  REQUIRE(opened.Is(Errc::kConflict));
  REQUIRE(opened.error().what.find(first.ToString()) != std::string::npos);
  REQUIRE(repositories->List(false, Soon())[0].state == "Refused");

  Fixture other;  // makes another repository, which is then found at the first one's place
  other.Make()->Initialise("local", Soon()).value();
  std::filesystem::copy(other.dir / "repository", fixture.dir / "repository",
                        std::filesystem::copy_options::recursive);
  REQUIRE(repositories->Open("local", Soon()).Is(Errc::kConflict));
  // A person says that it is meant.
  const Uuid second = repositories->Initialise("local", Soon()).value()->id();
  REQUIRE(second != first);
  REQUIRE(repositories->Open("local", Soon()).value()->id() == second);
}

TEST_CASE("repositories: a folder of something else is refused", "[daemon][operations]") {
  Fixture fixture;
  std::filesystem::create_directories(fixture.dir / "repository" / "photos");
  file::ReplaceFile(file::RealFileSystem(), fixture.dir / "repository" / "photos" / "a.jpg", "x")
      .value();
  const auto repositories = fixture.Make();
  REQUIRE(repositories->Open("local", Soon()).Is(Errc::kConflict));
  REQUIRE_FALSE(repositories->Initialise("local", Soon()).ok());
}

}  // namespace
}  // namespace pannier::operations

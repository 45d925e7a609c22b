// Goal: a manifest is read once, and never more of them than the bound says; a sum is never too
// large. Method: a repository in a folder, whose manifests are removed once they were read.
#include "operator/repositories/manifest_sizes.h"

#include <catch2/catch.hpp>

#include "tests/lib/repository/repository_fixture.h"

namespace pannier::control {
namespace {

struct World : test::RepositoryFixture {
  World() { Make(); }
  void Commit(uint64_t sequence, uint64_t new_bytes) {
    contract::Manifest manifest = Snapshot(sequence, {"chunk " + std::to_string(sequence)});
    manifest.new_bytes = new_bytes;
    repository->Commit(manifest, Deadline()).value();
  }
  std::vector<repository::SnapshotRef> List() {
    return repository->List({}, {}, Deadline()).value();
  }
};

TEST_CASE("manifest sizes: a manifest is read once, and what is gone is forgotten", "[operator]") {
  World world;
  world.Commit(1, 100);
  world.Commit(2, 20);
  ManifestSizes sizes;
  const auto listed = world.List();
  REQUIRE(sizes.Sum(*world.repository, listed, world.Deadline()) == 120);
  for (const auto& each : listed) std::filesystem::remove(world.folder / each.key);
  REQUIRE(sizes.Sum(*world.repository, listed, world.Deadline()) == 120);
  world.Commit(3, 3);
  REQUIRE(sizes.Sum(*world.repository, world.List(), world.Deadline()) == 3);
  REQUIRE(sizes.Sum(*world.repository, listed, world.Deadline()) == 0);  // forgotten, and gone
}

TEST_CASE("manifest sizes: a damaged manifest adds nothing, and is no reason to fail",
          "[operator]") {
  World world;
  world.Commit(1, 100);
  world.Commit(2, 20);
  world.Spill(world.List().front().key, "{}");
  ManifestSizes sizes;
  REQUIRE(sizes.Sum(*world.repository, world.List(), world.Deadline()) == 100);
}

TEST_CASE("manifest sizes: few are read at a time, until all are known", "[operator]") {
  World world;
  for (uint64_t i = 1; i <= 5; ++i) world.Commit(i, 1);
  const auto listed = world.List();
  ManifestSizes::Options options;
  options.read_bytes_max = 2 * listed.front().manifest_bytes + 100;
  ManifestSizes sizes(options);
  REQUIRE(sizes.Sum(*world.repository, listed, world.Deadline()) == 2);
  REQUIRE(sizes.Sum(*world.repository, listed, world.Deadline()) == 4);
  REQUIRE(sizes.Sum(*world.repository, listed, world.Deadline()) == 5);

  options.manifest_bytes_max = 10;
  REQUIRE(ManifestSizes(options).Sum(*world.repository, listed, world.Deadline()) == 0);
  options = {};
  options.snapshots_max = 4;  // too few to remember these
  ManifestSizes forgetful(options);
  REQUIRE(forgetful.Sum(*world.repository, listed, world.Deadline()) == 5);
  for (const auto& each : listed) std::filesystem::remove(world.folder / each.key);
  REQUIRE(forgetful.Sum(*world.repository, listed, world.Deadline()) == 0);
}

}  // namespace
}  // namespace pannier::control

// Goal: a chunk goes only when nobody has named it for the whole of the grace; doubt deletes
// nothing. Method: repositories in a folder with a turned clock; every file call failed in turn.
#include "lib/repository/garbage.h"

#include <catch2/catch.hpp>

#include "tests/lib/repository/repository_fixture.h"
#include "tests/support/faulty_file_system.h"
#include "tests/support/torture.h"

using namespace pannier;
using namespace pannier::repository;
using namespace std::chrono_literals;

namespace {

struct Fixture : test::RepositoryFixture {
  GarbageOptions options;

  Fixture() { Make(); }
  Result<GarbageReport> Run() { return CollectGarbage(*repository, clock, options, Deadline()); }
  GarbageReport Collect() { return Run().value(); }
  SnapshotRef Commit(const contract::Manifest& manifest) {
    REQUIRE(repository->Commit(manifest, Deadline()).ok());
    const auto listed = repository->List({}, {}, Deadline()).value();
    for (const SnapshotRef& each : listed) {
      if (each.uid == manifest.uid) return each;
    }
    FAIL("the snapshot is not listed");
    return {};
  }
  // As if it had been put then, by the clock of the file system.
  void Age(const std::string& bytes, std::chrono::seconds by) {
    const auto path = folder / contract::ChunkKey(crypto::ToHex(crypto::Sha256(bytes)));
    std::filesystem::last_write_time(path, std::filesystem::last_write_time(path) - by);
  }
};

}  // namespace

TEST_CASE("garbage: what two runs a grace apart found unnamed goes, and nothing else",
          "[repository]") {
  Fixture fixture;
  fixture.Commit(fixture.Snapshot(1, {"a", "b"}));
  const SnapshotRef old = fixture.Commit(fixture.Snapshot(2, {"b", "c"}));
  REQUIRE(fixture.Collect().candidates == 0);
  REQUIRE(fixture.repository->Delete(old, fixture.Deadline()).ok());
  GarbageReport report = fixture.Collect();  // soon after the first: not written down
  REQUIRE(report.candidates == 1);
  REQUIRE(report.deleted == 0);
  fixture.clock.Advance(24h);
  report = fixture.Collect();  // the record of a day ago did not have it
  REQUIRE(report.deleted == 0);
  fixture.clock.Advance(23h);
  REQUIRE(fixture.Collect().deleted == 0);
  fixture.clock.Advance(1h);
  report = fixture.Collect();
  REQUIRE(report.deleted == 1);
  REQUIRE(report.deleted_bytes == 2);
  REQUIRE(report.candidates == 0);
  REQUIRE(report.manifests == 1);
  REQUIRE(report.chunks == 3);
  REQUIRE(report.referenced == 2);
  REQUIRE(report.missing == 0);
  REQUIRE(fixture.HasChunk("a"));
  REQUIRE(fixture.HasChunk("b"));
  REQUIRE_FALSE(fixture.HasChunk("c"));
}

TEST_CASE("garbage: what was put again, or named in between, begins anew", "[repository]") {
  Fixture fixture;
  fixture.Commit(fixture.Snapshot(1, {"a"}));
  fixture.Snapshot(2, {"renewed", "named", "left"});
  fixture.Age("renewed", 10s);
  REQUIRE(fixture.Collect().candidates == 3);
  fixture.clock.Advance(12h);
  const SnapshotRef between = fixture.Commit(fixture.Snapshot(3, {"renewed", "named"}));
  REQUIRE(fixture.Collect().candidates == 1);
  REQUIRE(fixture.repository->Delete(between, fixture.Deadline()).ok());
  fixture.clock.Advance(12h);
  REQUIRE(fixture.Collect().deleted == 1);
  REQUIRE_FALSE(fixture.HasChunk("left"));
  REQUIRE(fixture.HasChunk("renewed"));
  REQUIRE(fixture.HasChunk("named"));
  fixture.clock.Advance(24h);
  REQUIRE(fixture.Collect().deleted == 2);
}

TEST_CASE("garbage: a chunk renewed without being named is spared for another grace",
          "[repository]") {
  Fixture fixture;
  fixture.Commit(fixture.Snapshot(1, {"a"}));
  fixture.Snapshot(2, {"upload"});
  fixture.Age("upload", 10s);
  REQUIRE(fixture.Collect().candidates == 1);
  fixture.clock.Advance(25h);
  fixture.Snapshot(3, {"upload"});  // its snapshot is still being made
  REQUIRE(fixture.Collect().deleted == 0);
  REQUIRE(fixture.HasChunk("upload"));
}

TEST_CASE("garbage: a dry run says and does nothing", "[repository]") {
  Fixture fixture;
  fixture.Commit(fixture.Snapshot(1, {"a"}));
  fixture.Snapshot(2, {"x"});
  fixture.options.dry_run = true;
  for (int i = 0; i < 3; ++i) {
    const GarbageReport report = fixture.Collect();
    REQUIRE(report.candidates == 1);
    REQUIRE(report.deleted == 0);
    fixture.clock.Advance(25h);
  }
  REQUIRE_FALSE(std::filesystem::exists(fixture.folder / "garbage"));
  REQUIRE(fixture.HasChunk("x"));
}

TEST_CASE("garbage: a repository that never had a snapshot is left alone", "[repository]") {
  Fixture fixture;
  fixture.Snapshot(1, {"x"});
  for (int i = 0; i < 3; ++i) {
    REQUIRE(fixture.Run().Is(Errc::kConflict));
    fixture.clock.Advance(25h);
  }
  REQUIRE(fixture.HasChunk("x"));
}

TEST_CASE("garbage: all snapshots deleted by their owner frees their chunks", "[repository]") {
  Fixture fixture;
  const SnapshotRef only = fixture.Commit(fixture.Snapshot(1, {"x"}));
  REQUIRE(fixture.Collect().candidates == 0);
  REQUIRE(fixture.repository->Delete(only, fixture.Deadline()).ok());
  fixture.clock.Advance(24h);
  REQUIRE(fixture.Collect().deleted == 0);
  fixture.clock.Advance(24h);
  REQUIRE(fixture.Collect().deleted == 1);
}

TEST_CASE("garbage: another, absent or unreadable repository deletes nothing", "[repository]") {
  Fixture fixture;
  const contract::Manifest manifest = fixture.Snapshot(1, {"a"});
  fixture.Commit(manifest);
  fixture.Snapshot(2, {"x"});
  REQUIRE(fixture.Collect().candidates == 1);
  fixture.clock.Advance(25h);
  const std::string identity = fixture.Slurp("repository.json");
  SECTION("another identity") {
    fixture.Spill("repository.json", "{\"format\":1,\"id\":\"" + Uuid::Random().ToString() + "\"}");
    REQUIRE(fixture.Run().Is(Errc::kConflict));
    fixture.Spill("repository.json", identity);
  }
  SECTION("no identity") {
    std::filesystem::remove(fixture.folder / "repository.json");
    REQUIRE(fixture.Run().Is(Errc::kNotFound));
    fixture.Spill("repository.json", identity);
  }
  SECTION("a damaged manifest") {
    const std::string key = contract::ManifestKey(manifest);
    const std::string good = fixture.Slurp(key);
    fixture.Spill(key, good.substr(0, good.size() / 2));
    REQUIRE(fixture.Run().Is(Errc::kCorruption));
    fixture.Spill(key, good);
  }
  SECTION("a snapshot of a version to come") {
    fixture.Spill("snapshots/v2/thing.json", "{}");
    REQUIRE(fixture.Run().Is(Errc::kConflict));
    std::filesystem::remove_all(fixture.folder / "snapshots" / "v2");
  }
  SECTION("a record of another repository") {
    for (const auto& entry : std::filesystem::directory_iterator(fixture.folder / "garbage")) {
      const std::string key = "garbage/" + entry.path().filename().string();
      std::string text = fixture.Slurp(key);
      const std::string id = fixture.repository->id().ToString();
      text.replace(text.find(id), id.size(), Uuid::Random().ToString());
      fixture.Spill(key, text);
    }
    REQUIRE(fixture.Collect().deleted == 0);
    REQUIRE(fixture.HasChunk("x"));
    fixture.clock.Advance(25h);
  }
  REQUIRE(fixture.HasChunk("x"));
  REQUIRE(fixture.Collect().deleted == 1);
}

TEST_CASE("garbage: lost chunks are counted, foreign objects are spared", "[repository]") {
  Fixture fixture;
  fixture.Commit(fixture.Snapshot(1, {"a", "b"}));
  std::filesystem::remove(fixture.folder / contract::ChunkKey(crypto::ToHex(crypto::Sha256("b"))));
  fixture.Spill("chunks/readme", "mine");
  fixture.Spill("chunks/ab/short", "mine");
  fixture.Spill("other/x", "mine");
  for (int i = 0; i < 3; ++i) {
    const GarbageReport report = fixture.Collect();
    REQUIRE(report.missing == 1);
    REQUIRE(report.chunks == 1);
    REQUIRE(report.candidates == 0);
    REQUIRE(report.deleted == 0);
    fixture.clock.Advance(25h);
  }
  REQUIRE(fixture.Slurp("chunks/readme") == "mine");
  REQUIRE(fixture.Slurp("other/x") == "mine");
}

TEST_CASE("garbage: verifications whose snapshot is gone go too", "[repository]") {
  Fixture fixture;
  fixture.Commit(fixture.Snapshot(1, {"a"}));
  const SnapshotRef gone = fixture.Commit(fixture.Snapshot(2, {"a"}));
  const Verification sound{VerifyLevel::kDeep, true, fixture.clock.Now(), ""};
  REQUIRE(fixture.repository->Delete(gone, fixture.Deadline()).ok());
  REQUIRE(fixture.repository->RecordVerification(gone, sound, fixture.Deadline()).ok());
  REQUIRE(fixture.Collect().candidates == 1);
  fixture.clock.Advance(24h);
  REQUIRE(fixture.Collect().deleted == 1);
}

TEST_CASE("garbage: deletions of a run are bounded, and records do not pile up", "[repository]") {
  Fixture fixture;
  fixture.options.deletions_max = 4;
  fixture.Commit(fixture.Snapshot(1, {"a"}));
  for (int i = 0; i < 10; ++i) fixture.Snapshot(2, {"x" + std::to_string(i)});
  uint64_t deleted = 0;
  for (int hours = 0; hours < 24 * 10; hours += 6) {
    const GarbageReport report = fixture.Collect();
    REQUIRE(report.deleted <= 4);
    deleted += report.deleted;
    fixture.clock.Advance(6h);
  }
  REQUIRE(deleted == 10);
  const auto records = std::filesystem::directory_iterator(fixture.folder / "garbage");
  REQUIRE(std::distance(begin(records), end(records)) <= 6);
}

// Random histories: what a snapshot names is never deleted, and in the end what none names is gone.
TEST_CASE("garbage: random histories lose nothing that is named", "[repository]") {
  CAPTURE(test::Seed());
  test::Random random(test::Seed());
  for (int round = 0; round < test::Rounds(2); ++round) {
    CAPTURE(round);
    Fixture fixture;
    std::vector<std::pair<SnapshotRef, std::vector<std::string>>> alive;
    for (uint64_t step = 0; step < 40; ++step) {
      std::vector<std::string> chunks;
      for (uint64_t i = random.Below(4) + 1; i > 0; --i)
        chunks.push_back("c" + std::to_string(random.Below(12)));
      if (random.OneIn(2))
        alive.emplace_back(fixture.Commit(fixture.Snapshot(step, chunks)), chunks);
      if (alive.size() > 1 && random.OneIn(2)) {
        const size_t at = random.Below(alive.size());
        REQUIRE(fixture.repository->Delete(alive[at].first, fixture.Deadline()).ok());
        alive.erase(alive.begin() + static_cast<long>(at));
      }
      fixture.clock.Advance(std::chrono::hours(random.Below(20)));
      if (!alive.empty()) REQUIRE(fixture.Run().ok());
      for (const auto& [snapshot, names] : alive) {
        for (const std::string& name : names) REQUIRE(fixture.HasChunk(name));
      }
    }
    if (alive.empty()) continue;
    for (int i = 0; i < 3; ++i) {
      fixture.clock.Advance(25h);
      fixture.Collect();
    }
    const GarbageReport last = fixture.Collect();
    REQUIRE(last.candidates == 0);
    REQUIRE(last.chunks == last.referenced);
    REQUIRE(last.missing == 0);
  }
}

TEST_CASE("garbage: an error at any file call loses nothing, and the next run ends the work",
          "[repository][fault]") {
  bool met_fault = true;
  for (int n = 1; met_fault; n += 1) {
    CAPTURE(n);
    REQUIRE(n < 2'000);
    test::FaultyFileSystem files;
    test::FakeClock clock;
    VolumeStore objects(files.root() / "r", files, clock);
    const auto deadline = [&] { return clock.Steady() + 1h; };
    const auto repository = Repository::Initialise(objects, clock, deadline()).value();
    contract::Manifest manifest;
    manifest.uid = manifest.owner = manifest.store = Uuid::Random();
    const std::string named(100, 'n'), unnamed(100, 'u');
    const auto name_of = [](const std::string& b) { return crypto::ToHex(crypto::Sha256(b)); };
    for (const std::string& bytes : {named, unnamed})
      REQUIRE(repository->PutChunk(name_of(bytes), bytes, deadline()).ok());
    manifest.files = {{"f", 100, {{name_of(named), 100, 50}}}};
    REQUIRE(repository->Commit(manifest, deadline()).ok());
    REQUIRE(CollectGarbage(*repository, clock, {}, deadline()).value().candidates == 1);
    clock.Advance(25h);
    files.FailCall(n);
    (void)CollectGarbage(*repository, clock, {}, deadline());
    met_fault = files.Faulted();
    files.Heal();
    const contract::Chunk kept{name_of(named), 100, 50};
    REQUIRE((repository->GetChunk(kept, deadline()).value() == named));
    REQUIRE(CollectGarbage(*repository, clock, {}, deadline()).ok());
    REQUIRE(objects.Get(contract::ChunkKey(name_of(unnamed)), 200, deadline()).Is(Errc::kNotFound));
    REQUIRE((repository->GetChunk(kept, deadline()).value() == named));
  }
}

// Goal: a repository is entered only by its identity, chunks are what their names say, and a
// snapshot exists from its manifest on until its manifest goes.
#include "lib/repository/repository.h"

#include <catch2/catch.hpp>
#include <filesystem>
#include <fstream>
#include <thread>

#include "lib/crypto/sha256.h"
#include "lib/repository/volume_store.h"
#include "tests/lib/repository/object_store_suite.h"
#include "tests/lib/repository/repository_fixture.h"

using namespace pannier;
using namespace pannier::repository;
using test::Later;
using IfPresent = ObjectStore::IfPresent;

TEST_CASE("repository: what is not one is not opened", "[repository]") {
  test::RepositoryFixture fixture;
  const auto open = [&](std::optional<Uuid> expected = std::nullopt) {
    return Repository::Open(fixture.objects, fixture.clock, expected, fixture.Deadline());
  };
  REQUIRE(open().Is(Errc::kNotFound));
  REQUIRE(open().error().hint.find("init") != std::string::npos);
  std::filesystem::create_directory(fixture.folder);
  REQUIRE(open().Is(Errc::kNotFound));
  fixture.Spill("chunks/ab/abc", "x");
  REQUIRE(open().Is(Errc::kConflict));
  REQUIRE(Repository::Initialise(fixture.objects, fixture.clock, fixture.Deadline())
              .Is(Errc::kConflict));
  std::filesystem::remove_all(fixture.folder);
  const Uuid id = fixture.Make().id();
  REQUIRE(open().value()->id() == id);
  REQUIRE(open(id).value()->id() == id);
  REQUIRE(open(Uuid::Random()).Is(Errc::kConflict));
  REQUIRE(
      Repository::Initialise(fixture.objects, fixture.clock, fixture.Deadline()).value()->id() ==
      id);
  for (const char* text : {"", "{}", "[]", "{\"format\":1}", "{\"format\":1,\"id\":7}",
                           "{\"format\":1,\"id\":\"x\"}", "{\"format\":\"1\"}"}) {
    CAPTURE(text);
    fixture.Spill("repository.json", text);
    REQUIRE(open().Is(Errc::kCorruption));
  }
  fixture.Spill("repository.json", "{\"format\":2,\"id\":\"" + id.ToString() + "\"}");
  REQUIRE(open().Is(Errc::kInvalidArgument));
}

TEST_CASE("repository: who initialise at once get the same one", "[repository]") {
  test::RepositoryFixture fixture;
  std::vector<Uuid> ids(6);
  {
    std::vector<std::jthread> threads;
    for (Uuid& id : ids) {
      threads.emplace_back([&] {
        VolumeStore store(fixture.folder, file::RealFileSystem(), fixture.clock);
        id = Repository::Initialise(store, fixture.clock, fixture.Deadline()).value()->id();
      });
    }
  }
  for (const Uuid& id : ids) REQUIRE(id == ids[0]);
  REQUIRE_FALSE(ids[0].IsNil());
}

TEST_CASE("repository: a chunk is what its name says", "[repository]") {
  test::RepositoryFixture fixture;
  Repository& repository = fixture.Make();
  const std::string bytes(300'000, 'c');
  const std::string name = crypto::ToHex(crypto::Sha256(bytes));
  const contract::Chunk chunk{name, 300'000, 100};
  REQUIRE(repository.GetChunk(chunk, fixture.Deadline()).Is(Errc::kNotFound));
  const uint32_t stored = repository.PutChunk(name, bytes, fixture.Deadline()).value();
  REQUIRE(stored == std::filesystem::file_size(fixture.folder / contract::ChunkKey(name)));
  REQUIRE(stored < 1'000);
  REQUIRE((repository.GetChunk(chunk, fixture.Deadline()).value() == bytes));
  REQUIRE(repository.PutChunk(name, bytes + "x", fixture.Deadline()).Is(Errc::kCorruption));
  REQUIRE(repository.PutChunk(name, "", fixture.Deadline()).Is(Errc::kInvalidArgument));
  REQUIRE(repository.PutChunk(name, std::string((1 << 20) + 1, 'x'), fixture.Deadline())
              .Is(Errc::kInvalidArgument));
  // Every bit of the object counts.
  const std::string object = fixture.Slurp(contract::ChunkKey(name));
  for (size_t at = 0; at < object.size(); ++at) {
    std::string damaged = object;
    damaged[at] = static_cast<char>(damaged[at] ^ 1 << at % 8);
    fixture.Spill(contract::ChunkKey(name), damaged);
    const Result<std::string> read = repository.GetChunk(chunk, fixture.Deadline());
    // zstd's frame has bits that do not matter.
    REQUIRE((read.ok() ? *read == bytes : read.Is(Errc::kCorruption)));
  }
  fixture.Spill(contract::ChunkKey(name), std::string(2 << 20, 'x'));
  REQUIRE(repository.GetChunk(chunk, fixture.Deadline()).Is(Errc::kCorruption));
  fixture.Spill(contract::ChunkKey(name), std::string(1, '\0') + std::string(300'000, 'd'));
  REQUIRE(repository.GetChunk(chunk, fixture.Deadline()).Is(Errc::kCorruption));
}

TEST_CASE("repository: a snapshot is there once it is committed, and only as it was",
          "[repository]") {
  test::RepositoryFixture fixture;
  Repository& repository = fixture.Make();
  contract::Manifest manifest = fixture.Snapshot(5, {"one", "two"});
  const std::string key = contract::ManifestKey(manifest);
  REQUIRE(repository.List({}, {}, fixture.Deadline()).value().empty());
  REQUIRE(repository.Commit(manifest, fixture.Deadline()).ok());
  REQUIRE(repository.Commit(manifest, fixture.Deadline()).ok());
  REQUIRE(repository.ReadManifest(key, fixture.Deadline()).value() == manifest);
  contract::Manifest other = manifest;
  other.version = "other";
  REQUIRE(repository.Commit(other, fixture.Deadline()).Is(Errc::kConflict));
  REQUIRE(repository.ReadManifest(key, fixture.Deadline()).value() == manifest);
  fixture.Spill(key, "{}");
  REQUIRE(repository.ReadManifest(key, fixture.Deadline()).Is(Errc::kCorruption));
}

TEST_CASE("repository: lists are newest first within a store, of those asked for", "[repository]") {
  test::RepositoryFixture fixture;
  Repository& repository = fixture.Make();
  const Uuid owner = fixture.owner, store = fixture.store, second = Uuid::Random();
  for (const uint64_t sequence : {3u, 12u, 7u})
    REQUIRE(repository.Commit(fixture.Snapshot(sequence, {"a"}), fixture.Deadline()).ok());
  fixture.store = second;
  REQUIRE(repository.Commit(fixture.Snapshot(99, {"a"}), fixture.Deadline()).ok());
  fixture.owner = Uuid::Random();
  REQUIRE(repository.Commit(fixture.Snapshot(1, {"a"}), fixture.Deadline()).ok());
  fixture.Spill("snapshots/readme.txt", "foreign");
  const auto sequences = [&](const Uuid& of_owner, const Uuid& of_store) {
    std::vector<uint64_t> found;
    const auto listed = repository.List(of_owner, of_store, fixture.Deadline()).value();
    for (const SnapshotRef& each : listed) {
      found.push_back(each.sequence);
      const auto manifest = repository.ReadManifest(each.key, fixture.Deadline()).value();
      REQUIRE(manifest.uid == each.uid);
      REQUIRE(each.manifest_bytes == contract::WriteManifest(manifest).size());
    }
    return found;
  };
  REQUIRE(sequences(owner, store) == std::vector<uint64_t>{12, 7, 3});
  REQUIRE(sequences(owner, second) == std::vector<uint64_t>{99});
  REQUIRE(sequences(owner, {}).size() == 4);
  REQUIRE(sequences({}, store) == std::vector<uint64_t>{12, 7, 3});
  REQUIRE(sequences({}, second).size() == 2);
  REQUIRE(sequences({}, {}).size() == 5);
}

TEST_CASE("repository: verifications and holds show in lists and go with their snapshot",
          "[repository]") {
  test::RepositoryFixture fixture;
  Repository& repository = fixture.Make();
  REQUIRE(repository.Commit(fixture.Snapshot(1, {"a"}), fixture.Deadline()).ok());
  const auto only = [&] { return repository.List({}, {}, fixture.Deadline()).value().at(0); };
  SnapshotRef snapshot = only();
  REQUIRE_FALSE(snapshot.held);
  REQUIRE_FALSE(snapshot.has_verification);
  REQUIRE(repository.ReadVerification(snapshot, fixture.Deadline()).Is(Errc::kNotFound));
  const Verification result{VerifyLevel::kDeep, false, fixture.clock.Now(), "chunk x is lost"};
  REQUIRE(repository.RecordVerification(snapshot, result, fixture.Deadline()).ok());
  const Verification read = repository.ReadVerification(snapshot, fixture.Deadline()).value();
  REQUIRE(read.level == VerifyLevel::kDeep);
  REQUIRE_FALSE(read.sound);
  REQUIRE(read.time == result.time);
  REQUIRE(read.message == result.message);
  REQUIRE(repository.SetHold(snapshot, true, fixture.Deadline()).ok());
  snapshot = only();
  REQUIRE(snapshot.held);
  REQUIRE(snapshot.has_verification);
  REQUIRE(repository.Delete(snapshot, fixture.Deadline()).Is(Errc::kConflict));
  REQUIRE(only().key == snapshot.key);
  REQUIRE(repository.SetHold(snapshot, false, fixture.Deadline()).ok());
  REQUIRE(repository.Delete(snapshot, fixture.Deadline()).ok());
  REQUIRE(repository.Delete(snapshot, fixture.Deadline()).ok());
  REQUIRE(repository.List({}, {}, fixture.Deadline()).value().empty());
  REQUIRE(repository.SetHold(snapshot, true, fixture.Deadline()).Is(Errc::kNotFound));
  REQUIRE(repository.ReadVerification(snapshot, fixture.Deadline()).Is(Errc::kNotFound));
}

TEST_CASE("repository: a verification that is garbage is said to be", "[repository]") {
  test::RepositoryFixture fixture;
  Repository& repository = fixture.Make();
  REQUIRE(repository.Commit(fixture.Snapshot(1, {"a"}), fixture.Deadline()).ok());
  const SnapshotRef snapshot = repository.List({}, {}, fixture.Deadline()).value().at(0);
  const std::string key = snapshot.key.substr(0, snapshot.key.size() - 5) + ".verified.json";
  for (const char* text :
       {"", "{}", "7", "{\"format\":1}", "{\"format\":1,\"level\":\"Other\",\"sound\":true}",
        "{\"format\":1,\"level\":\"Deep\",\"sound\":1,\"time\":\"2025-01-01T00:00:00Z\","
        "\"message\":\"\"}"}) {
    CAPTURE(text);
    fixture.Spill(key, text);
    REQUIRE(repository.ReadVerification(snapshot, fixture.Deadline()).Is(Errc::kCorruption));
  }
}

TEST_CASE("repository: one that was replaced under us is noticed", "[repository]") {
  test::RepositoryFixture fixture;
  Repository& repository = fixture.Make();
  REQUIRE(repository.CheckIdentity(fixture.Deadline()).ok());
  std::filesystem::remove(fixture.folder / "repository.json");
  REQUIRE(repository.CheckIdentity(fixture.Deadline()).Is(Errc::kNotFound));
  fixture.Spill("repository.json", "{\"format\":1,\"id\":\"" + Uuid::Random().ToString() + "\"}");
  REQUIRE(repository.CheckIdentity(fixture.Deadline()).Is(Errc::kConflict));
}

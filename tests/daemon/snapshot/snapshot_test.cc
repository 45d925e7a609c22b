// Goal: a snapshot costs what has changed, is found unsound when it is, and is made once.
#include "daemon/snapshot/snapshot.h"

#include <catch2/catch.hpp>
#include <filesystem>

#include "lib/repository/volume_store.h"
#include "tests/daemon/store/fixture.h"
#include "tests/support/torture.h"

namespace pannier::snapshot {
namespace {

using contract::Manifest;
using repository::Repository;
using repository::Verification;
using repository::VerifyLevel;
using store::Record;

SteadyTime Soon() { return SystemClock().Steady() + std::chrono::seconds(60); }

struct Fixture {
  explicit Fixture(const store::StoreOptions& options = {}) : scratch(options) {
    collection = store->CreateCollection(store::Collection("c"), store::Patient()).value()->id;
  }

  // Records whose documents do not shrink.
  void Add(int first, int count) {
    std::vector<Record> records;
    for (int i = first; i < first + count; ++i) {
      Record record;
      record.id = "r" + std::to_string(i);
      record.vector = {static_cast<float>(i), 1, 0};
      record.document = std::string(20'000, ' ');
      for (char& letter : *record.document) letter = static_cast<char>('!' + random.Below(90));
      records.push_back(std::move(record));
    }
    store::Write(*store, collection, model::WriteKind::kAdd, records).value();
  }
  Result<Manifest> Take(const std::optional<Manifest>& parent = std::nullopt,
                        const Uuid& uid = Uuid::Random(),
                        const store::Progress& progress = nullptr) {
    TakeOptions options;
    options.uid = uid;
    options.owner = owner;
    options.store = chain;
    options.tenant = "default_tenant";
    options.database = "default_database";
    options.parent = parent;
    options.spool = Folder();
    options.indexes = indexes;
    options.deadline = Soon();
    return snapshot::Take(*store, *repository, options, file::RealFileSystem(), progress);
  }
  Verification Verify(const Manifest& manifest, VerifyLevel level) {
    const auto refs = repository->List(Uuid(), Uuid(), Soon()).value();
    for (const auto& ref : refs) {
      if (ref.uid != manifest.uid) continue;
      return snapshot::Verify(ref, manifest, *repository, level, Folder(), 2,
                              file::RealFileSystem(), SystemClock(), Soon(), nullptr)
          .value();
    }
    FAIL("the snapshot is not listed");
    return {};
  }
  std::string Folder() {
    const std::string folder = (dir / std::to_string(++folders)).string();
    file::RealFileSystem().MakeDirectory(folder).value();
    return folder;
  }
  std::filesystem::path PathOf(const contract::Chunk& chunk) {
    return dir / "repository" / contract::ChunkKey(chunk.sha256);
  }

  test::TempDir dir;
  test::Random random{7};
  store::Scratch scratch;
  IncludeIndexes indexes = IncludeIndexes::kIfClean;
  store::StoreRef store = scratch.Default();
  repository::VolumeStore objects{dir / "repository", file::RealFileSystem(), SystemClock()};
  std::unique_ptr<Repository> repository =
      Repository::Initialise(objects, SystemClock(), Soon()).value();
  const Uuid owner = Uuid::Random(), chain = Uuid::Random();
  Uuid collection;
  int folders = 0;
};

TEST_CASE("snapshot: what the parent has is not sent again", "[daemon][snapshot]") {
  Fixture fixture;
  fixture.Add(0, 300);
  const Manifest first = fixture.Take().value();
  REQUIRE(first.bytes() > 5u << 20);
  REQUIRE(first.new_bytes > first.bytes() / 2);
  const Manifest same = fixture.Take(first).value();
  REQUIRE(same.new_bytes == 0);
  REQUIRE(same.parent == first.uid);
  REQUIRE(same.files == first.files);
  fixture.Add(300, 1);
  const Manifest more = fixture.Take(same).value();
  REQUIRE(more.new_bytes > 0);
  REQUIRE(more.new_bytes < 4u << 20);
  REQUIRE(more.sequence > same.sequence);
  REQUIRE(more.records == 301);
  for (const VerifyLevel level : {VerifyLevel::kManifest, VerifyLevel::kDeep}) {
    const Verification found = fixture.Verify(more, level);
    CAPTURE(found.message);
    REQUIRE(found.sound);
  }
}

TEST_CASE("snapshot: a saved index goes with the store as long as it is of its sequence",
          "[daemon][snapshot]") {
  store::StoreOptions options;
  options.graph_threshold = 100;
  Fixture fixture(options);
  fixture.Add(0, 300);
  const std::string path = "index/" + fixture.collection.ToString();
  const auto paths = [](const Manifest& manifest) {
    std::vector<std::string> names;
    for (const contract::ManifestFile& file : manifest.files) names.push_back(file.path);
    return names;
  };
  using Names = std::vector<std::string>;
  REQUIRE(paths(fixture.Take().value()) == Names{"store.db"});  // it was never saved

  fixture.indexes = IncludeIndexes::kAlways;
  const Manifest made = fixture.Take().value();
  REQUIRE(paths(made) == Names{"store.db", path});
  REQUIRE(fixture.Verify(made, VerifyLevel::kDeep).sound);

  fixture.indexes = IncludeIndexes::kIfClean;
  REQUIRE(paths(fixture.Take(made).value()) == Names{"store.db", path});
  REQUIRE(fixture.Take(made).value().new_bytes == 0);
  fixture.indexes = IncludeIndexes::kNever;
  REQUIRE(paths(fixture.Take(made).value()) == Names{"store.db"});

  fixture.indexes = IncludeIndexes::kIfClean;
  fixture.Add(300, 1);
  REQUIRE(paths(fixture.Take(made).value()) == Names{"store.db"});
}

TEST_CASE("snapshot: the same uid again is the same snapshot", "[daemon][snapshot]") {
  Fixture fixture;
  fixture.Add(0, 5);
  const Uuid uid = Uuid::Random();
  const Manifest first = fixture.Take(std::nullopt, uid).value();
  fixture.Add(5, 5);
  REQUIRE(fixture.Take(std::nullopt, uid).value() == first);
}

TEST_CASE("snapshot: one that is stopped does not exist", "[daemon][snapshot]") {
  Fixture fixture;
  fixture.Add(0, 200);
  int steps = 0;
  const auto taken =
      fixture.Take(std::nullopt, Uuid::Random(), [&](uint64_t, uint64_t) { return ++steps < 3; });
  REQUIRE(taken.Is(Errc::kDeadlineExceeded));
  REQUIRE(fixture.repository->List(Uuid(), Uuid(), Soon()).value().empty());
}

TEST_CASE("snapshot: a lost or changed chunk is found by either verification, and recorded",
          "[daemon][snapshot]") {
  const auto level = GENERATE(VerifyLevel::kManifest, VerifyLevel::kDeep);
  const auto lose = GENERATE(true, false);
  CAPTURE(level, lose);
  Fixture fixture;
  fixture.Add(0, 200);
  const Manifest manifest = fixture.Take().value();
  const contract::Chunk& chunk = manifest.files[0].chunks[1];
  if (lose) std::filesystem::remove(fixture.PathOf(chunk));
  if (!lose) {
    auto bytes = fixture.repository->objects()
                     .Get(contract::ChunkKey(chunk.sha256), 2 << 20, Soon())
                     .value();
    bytes[bytes.size() / 2] = static_cast<char>(bytes[bytes.size() / 2] ^ 1);
    file::ReplaceFile(file::RealFileSystem(), fixture.PathOf(chunk), bytes).value();
  }
  const Verification found = fixture.Verify(manifest, level);
  REQUIRE_FALSE(found.sound);
  REQUIRE(found.message.find(chunk.sha256) != std::string::npos);
  const auto refs = fixture.repository->List(Uuid(), Uuid(), Soon()).value();
  REQUIRE(refs[0].has_verification);
  REQUIRE_FALSE(fixture.repository->ReadVerification(refs[0], Soon()).value().sound);
  // Sent whole again, it is sound.
  REQUIRE(fixture.Verify(fixture.Take().value(), level).sound);
}

TEST_CASE("snapshot: fetching a damaged one says which chunk, and leaves no whole file behind",
          "[daemon][snapshot]") {
  Fixture fixture;
  fixture.Add(0, 100);
  const Manifest manifest = fixture.Take().value();
  std::filesystem::remove(fixture.PathOf(manifest.files[0].chunks[0]));
  const Status fetched = Fetch(manifest, *fixture.repository, fixture.Folder(), Fetched::kDurable,
                               2, file::RealFileSystem(), Soon(), nullptr);
  REQUIRE_FALSE(fetched.ok());
  REQUIRE(fetched.error().what.find(manifest.files[0].chunks[0].sha256) != std::string::npos);
}

}  // namespace
}  // namespace pannier::snapshot

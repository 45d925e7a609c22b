// Goal: the operator counts, finds, deletes and collects what is the repository's, never what is
// another's. Method: a real S3 server, snapshots written by lib/repository.
#include "operator/repositories/s3_repositories.h"

#include <catch2/catch.hpp>

#include "lib/crypto/sha256.h"
#include "lib/repository/http_transfer.h"
#include "tests/operator/repositories/bucket.h"

namespace pannier::control {
namespace {

using namespace std::chrono_literals;
using repository::Repository;
using test::Later;

struct World : test::Bucket {
  World() {
    Initialise();
    repository = Repository::Open(*store, SystemClock(), std::nullopt, Later()).value();
  }

  std::string PutChunk(const std::string& bytes) {
    const std::string name = crypto::ToHex(crypto::Sha256(bytes));
    repository->PutChunk(name, bytes, Later()).value();
    return name;
  }
  repository::SnapshotRef Commit(const Uuid& owner, uint64_t sequence, const std::string& bytes) {
    contract::Manifest manifest;
    manifest.uid = Uuid::Random();
    manifest.owner = owner;
    manifest.store = Uuid::Random();
    manifest.tenant = "t";
    manifest.database = "d";
    manifest.sequence = sequence;
    manifest.time = SystemClock().Now();
    manifest.version = "test";
    const auto size = static_cast<uint32_t>(bytes.size());
    manifest.files.push_back({"store.db", size, {{PutChunk(bytes), size, size + 1}}});
    manifest.new_bytes = size + 1;
    repository->Commit(manifest, Later()).value();
    repository::SnapshotRef snapshot;
    snapshot.uid = manifest.uid;
    snapshot.key = contract::ManifestKey(manifest);
    return snapshot;
  }
  // A snapshot of `store`, found sound or not, at that hour.
  std::string Take(const Uuid& whose, const Uuid& chain, const std::string& origin,
                   const std::string& database, int hour, std::optional<bool> sound) {
    contract::Manifest manifest;
    manifest.uid = Uuid::Random();
    manifest.owner = whose;
    manifest.store = chain;
    manifest.origin = origin;
    manifest.tenant = "t";
    manifest.database = database;
    manifest.sequence = static_cast<uint64_t>(100 - hour);  // restores turn it back
    manifest.time = WallTime(std::chrono::hours(hour));
    manifest.version = "test";
    manifest.files.push_back({"store.db", 1, {{PutChunk("x"), 1, 2}}});
    repository->Commit(manifest, Later()).value();
    repository::SnapshotRef snapshot;
    snapshot.key = contract::ManifestKey(manifest);
    std::filesystem::last_write_time(
        FileOf(snapshot.key),
        std::filesystem::file_time_type::clock::now() - 1000h + std::chrono::hours(hour));
    if (sound) {
      repository
          ->RecordVerification(snapshot, {repository::VerifyLevel::kDeep, *sound, {}, ""}, Later())
          .value();
    }
    return snapshot.key;
  }
  Status Delete(const repository::SnapshotRef& snapshot) {
    return s3->DeleteManifest(resource, secrets, {snapshot.key, snapshot.uid.ToString()});
  }

  const std::unique_ptr<repository::S3Store> store = Store();
  std::unique_ptr<Repository> repository;
  const Uuid owner = Uuid::Random();
};

constexpr WallTime kNoSlot = WallTime::max();

TEST_CASE("s3 repositories: snapshots are counted, and each manifest is read once",
          "[operator][s3]") {
  World world;
  RepositoryListing listing = world.s3->List(world.resource, world.secrets, kNoSlot).value();
  REQUIRE(listing.snapshots == 0);
  REQUIRE(!listing.newest);
  const auto first = world.Commit(world.owner, 1, "first");
  const auto second = world.Commit(world.owner, 2, "second");
  std::filesystem::last_write_time(world.FileOf(second.key),
                                   std::filesystem::file_time_type::clock::now() + 1h);
  listing = world.s3->List(world.resource, world.secrets, kNoSlot).value();
  REQUIRE(listing.snapshots == 2);
  REQUIRE(listing.bytes == 6 + 7);
  REQUIRE(*listing.newest - *listing.oldest > 50min);
  REQUIRE(listing.chosen_uid == second.uid.ToString());
  REQUIRE(listing.chosen_key == second.key);
  // A check that was due before the second was there reads the first.
  const WallTime slot = *listing.oldest + 1min;
  const auto due = world.s3->List(world.resource, world.secrets, slot).value();
  REQUIRE(due.chosen_uid == first.uid.ToString());
  world.proxy.Reset();
  REQUIRE(world.s3->List(world.resource, world.secrets, kNoSlot)->bytes == 6 + 7);
  REQUIRE(world.proxy.requests().size() == 2);  // the identity, and a page
}

TEST_CASE("s3 repositories: in another repository, or an emptied one, nothing is done",
          "[operator][s3]") {
  World world;
  const auto snapshot = world.Commit(world.owner, 1, "first");
  const auto refuses = [&] {
    world.proxy.Reset();
    REQUIRE(world.s3->List(world.resource, world.secrets, kNoSlot).Is(Errc::kConflict));
    REQUIRE(world.s3->FindManifests(world.resource, world.secrets, world.owner.ToString(), {})
                .Is(Errc::kConflict));
    REQUIRE(world.Delete(snapshot).Is(Errc::kConflict));
    REQUIRE(world.s3->Collect(world.resource, world.secrets, 0s).Is(Errc::kConflict));
    REQUIRE(world.Requests("DELETE") + world.Requests("PUT") == 0);
  };
  const std::string ours = world.resource.status.repository_id;
  world.resource.status.repository_id = Uuid::Random().ToString();
  refuses();
  world.resource.status.repository_id.clear();
  refuses();
  world.resource.status.repository_id = ours;
  std::filesystem::remove(world.FileOf("repository.json"));
  refuses();
  std::filesystem::remove_all(world.FileOf("snapshots"));
  std::filesystem::remove_all(world.FileOf("chunks"));
  refuses();
}

TEST_CASE("s3 repositories: an inventory has the newest sound snapshot of each store of an origin",
          "[operator][s3]") {
  World world;
  const Uuid chain = Uuid::Random(), other_chain = Uuid::Random(), stranger = Uuid::Random();
  world.Take(world.owner, chain, "team/notes/notes-0", "a", 1, true);
  const std::string sound = world.Take(world.owner, chain, "team/notes/notes-0", "a", 2, true);
  world.Take(world.owner, chain, "team/notes/notes-0", "a", 3, false);
  world.Take(world.owner, chain, "team/notes/notes-0", "a", 4, std::nullopt);
  const std::string other =
      world.Take(world.owner, other_chain, "team/notes/notes-1", "a", 1, true);
  for (int n = 1; n < 9; ++n) {
    world.Take(stranger, Uuid::Random(), "team/other/other-0", "a", n, true);
  }
  const ClaimRule rule{"team/notes/", {}};
  const auto take = [&] { return world.s3->Inventory(world.resource, world.secrets, rule); };
  RepositoryInventory inventory = take().value();
  std::map<std::string, std::string> pods;
  for (const auto& each : inventory.snapshots)
    pods[each.key] = each.pod_name + " " + each.store_name;
  REQUIRE(pods ==
          std::map<std::string, std::string>{{sound, "notes-0 t/a"}, {other, "notes-1 t/a"}});
  REQUIRE(inventory.unclaimed.empty());
  // Of strangers one manifest was read; and what was read is remembered.
  world.proxy.Reset();
  take().value();
  REQUIRE(world.Requests("GET") ==
          2 + 3);  // identity, listing; what was found of two, once unsound

  const Uuid nobody = Uuid::Random();
  world.Take(nobody, Uuid::Random(), "", "b", 1, true);
  REQUIRE(take()->unclaimed == std::vector<std::string>{nobody.ToString()});
  const std::string broken = world.Take(nobody, Uuid::Random(), "", "c", 1, true);
  world.Place(broken, "{}");
  REQUIRE_THAT(take()->unreadable.at(0), Catch::Contains(broken));
  // What cannot be read now is no answer.
  world.proxy.Spoil(test::Fault::kStatus500, 1, 1000);
  REQUIRE(take().Is(Errc::kUnavailable));
}

TEST_CASE("s3 repositories: manifests are found by their owner and uid", "[operator][s3]") {
  World world;
  const auto first = world.Commit(world.owner, 1, "first");
  const auto second = world.Commit(world.owner, 2, "second");
  const auto other = world.Commit(Uuid::Random(), 1, "third");
  const auto found = world.s3
                         ->FindManifests(world.resource, world.secrets, world.owner.ToString(),
                                         {first.uid, other.uid, Uuid::Random()})
                         .value();
  REQUIRE(found == std::map<std::string, std::string>{{first.uid.ToString(), first.key}});
  REQUIRE(world.s3->FindManifests(world.resource, world.secrets, "me", {second.uid})
              .Is(Errc::kInvalidArgument));
}

TEST_CASE("s3 repositories: a manifest is deleted, a held one is not, an absent one is fine",
          "[operator][s3]") {
  World world;
  const auto first = world.Commit(world.owner, 1, "first");
  const auto second = world.Commit(world.owner, 2, "second");
  world.repository->SetHold(first, true, Later()).value();
  REQUIRE(world.Delete(first).Is(Errc::kConflict));
  REQUIRE(world.Delete(second).ok());
  REQUIRE(world.Delete(second).ok());
  REQUIRE(world.s3->List(world.resource, world.secrets, kNoSlot)->snapshots == 1);

  for (const std::string& key :
       {std::string("repository.json"), "../" + first.key, first.key + ".hold.json", second.key}) {
    REQUIRE(world.s3->DeleteManifest(world.resource, world.secrets, {key, first.uid.ToString()})
                .Is(Errc::kInvalidArgument));
  }
  world.repository->SetHold(first, false, Later()).value();
  world.resource.spec.access = AccessMode::kReadOnly;
  REQUIRE(world.Delete(first).Is(Errc::kPermissionDenied));
  REQUIRE(world.s3->Collect(world.resource, world.secrets, 0s).Is(Errc::kPermissionDenied));
  REQUIRE(std::filesystem::exists(world.FileOf(first.key)));
}

TEST_CASE("s3 repositories: what no manifest names goes in the second run", "[operator][s3]") {
  World world;
  const auto snapshot = world.Commit(world.owner, 1, "named");
  const std::string orphan = contract::ChunkKey(world.PutChunk("nobody's"));
  REQUIRE(world.s3->Collect(world.resource, world.secrets, 0s).value() == 0);
  REQUIRE(std::filesystem::exists(world.FileOf(orphan)));
  REQUIRE(world.s3->Collect(world.resource, world.secrets, 0s).value() == 9);
  REQUIRE(!std::filesystem::exists(world.FileOf(orphan)));
  REQUIRE(world.repository->ReadManifest(snapshot.key, Later()).ok());
  REQUIRE(
      world.store->Stat(contract::ChunkKey(crypto::ToHex(crypto::Sha256("named"))), Later()).ok());
}

TEST_CASE("s3 repositories: a URL lets its holder do one thing, for a while", "[operator][s3]") {
  World world;
  const auto presign = [&](const char* method, bool if_absent, std::chrono::seconds valid) {
    return world.s3
        ->Presign(world.resource, world.secrets, {{method, "chunks/a", if_absent}}, valid)
        .value()
        .front();
  };
  repository::HttpTransfer transfer({});
  const auto send = [&](const GrantedUrl& by, std::string_view body,
                        const repository::Pairs& headers) {
    return transfer.Send({by.method, by.url, headers, body, 1'000}, 10s).value();
  };
  const GrantedUrl put = presign("PUT", true, 300s), get = presign("GET", false, 300s);
  REQUIRE(put.key == "chunks/a");
  REQUIRE(std::chrono::abs(put.expires - SystemClock().Now() - 300s) < 60s);
  REQUIRE(send(put, "text", {}).status == 403);  // without the condition that it asks for
  REQUIRE(send(put, "text", {{"If-None-Match", "*"}}).status == 200);
  REQUIRE(send(put, "other", {{"If-None-Match", "*"}}).status == 412);
  REQUIRE(send(get, "", {}).body == "text");
  REQUIRE(send({"PUT", "", get.url, {}}, "other", {}).status == 403);

  REQUIRE(put.headers.empty());
  REQUIRE(!put.ca_pem);
  world.resource.spec.s3->encryption = Encryption::kAes256;
  world.resource.spec.s3->ca_bundle = CaBundleRef{"authorities", "ca.crt"};
  world.secrets.ca_bundle = std::map<std::string, std::string>{{"ca.crt", "PEM"}};
  const GrantedUrl encrypted = presign("PUT", false, 300s);
  REQUIRE(encrypted.headers.size() == 1);
  REQUIRE(*encrypted.ca_pem == "PEM");
  REQUIRE(send(encrypted, "text", {}).status == 403);
  REQUIRE(send(encrypted, "text", encrypted.headers).status == 200);
  REQUIRE(presign("GET", false, 300s).headers.empty());

  // A temporary credential may end at any time.
  world.resource.spec.s3->credentials->session_token = "token";
  (*world.secrets.credentials)["token"] = "t0ken";
  REQUIRE(presign("GET", false, 24h).expires < SystemClock().Now() + 16min);
  REQUIRE(world.s3->Presign(world.resource, world.secrets, {{"DELETE", "chunks/a", false}}, 300s)
              .Is(Errc::kInvalidArgument));
  REQUIRE(world.s3->Presign(world.resource, world.secrets, {{"GET", "../a", false}}, 300s)
              .Is(Errc::kInvalidArgument));
  world.secrets.credentials.reset();
  REQUIRE(world.s3->Presign(world.resource, world.secrets, {}, 300s).Is(Errc::kPermissionDenied));
  REQUIRE(world.s3->List(world.resource, world.secrets, kNoSlot).Is(Errc::kPermissionDenied));
}

}  // namespace
}  // namespace pannier::control

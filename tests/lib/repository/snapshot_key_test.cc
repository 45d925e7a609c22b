// Goal: the keys of snapshots are read exactly, and nothing else is taken for one.
#include "lib/repository/snapshot_key.h"

#include <catch2/catch.hpp>

#include "lib/contract/manifest.h"

using namespace pannier;
using namespace pannier::repository;

TEST_CASE("snapshot key: what a manifest's key says comes back", "[repository]") {
  contract::Manifest manifest;
  manifest.owner = Uuid::Random();
  manifest.store = Uuid::Random();
  manifest.uid = Uuid::Random();
  for (const uint64_t sequence : {uint64_t{0}, uint64_t{17}, ~uint64_t{0}}) {
    manifest.sequence = sequence;
    const std::string text = contract::ManifestKey(manifest);
    for (const SnapshotPart part :
         {SnapshotPart::kManifest, SnapshotPart::kVerified, SnapshotPart::kHold}) {
      const auto key = ParseSnapshotKey(PartKey(text, part));
      REQUIRE(key);
      REQUIRE(key->owner == manifest.owner);
      REQUIRE(key->store == manifest.store);
      REQUIRE(key->uid == manifest.uid);
      REQUIRE(key->sequence == sequence);
      REQUIRE(key->part == part);
    }
    REQUIRE(PartKey(text, SnapshotPart::kManifest) == text);
  }
}

TEST_CASE("snapshot key: anything else is none", "[repository]") {
  const std::string owner = "0f5c2f0e-6a86-4f4e-9d0a-0c9f0b4d1a11";
  const std::string stem = "snapshots/" + owner + "/" + owner + "/";
  const std::string digits = "00000000000000000017";
  REQUIRE(ParseSnapshotKey(stem + digits + "-" + owner + ".json"));
  for (const std::string& key :
       {std::string(), stem, stem + digits, stem + digits + "-" + owner,
        stem + digits + "-" + owner + ".jso", stem + digits + "-" + owner + ".json.json",
        stem + digits + "-" + owner + ".other.json", stem + "17-" + owner + ".json",
        stem + "99999999999999999999-" + owner + ".json",
        stem + "0000000000000000001x-" + owner + ".json", stem + digits + "_" + owner + ".json",
        "chunks/" + stem.substr(10) + digits,
        "snapshots/" + owner + "/" + digits + "-" + owner + ".json",
        stem + digits + "-0F5C2F0E-6A86-4F4E-9D0A-0C9F0B4D1A11.json"}) {
    CAPTURE(key);
    REQUIRE_FALSE(ParseSnapshotKey(key));
  }
}

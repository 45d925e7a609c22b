// Goal: a manifest comes back as it was written, for ever, and nothing but a sound one is taken.
// Method: round trips of random manifests; a fixture of each format; every field removed, of
// another type, or out of its range; flipped and cut texts.
#include "lib/contract/manifest.h"

#include <catch2/catch.hpp>
#include <fstream>
#include <iterator>
#include <nlohmann/json.hpp>

#include "lib/core/time_text.h"
#include "tests/support/torture.h"

using namespace pannier;
using namespace pannier::contract;
using Tree = nlohmann::json;

namespace {

std::string Digest(test::Random& random) {
  std::string text;
  for (int i = 0; i < 64; ++i) text += "0123456789abcdef"[random.Below(16)];
  return text;
}

ManifestFile RandomFile(test::Random& random, const std::string& path) {
  ManifestFile file{path, 0, {}};
  for (uint64_t chunks = random.Below(5); chunks > 0; --chunks) {
    const auto bytes =
        static_cast<uint32_t>(chunks > 1 ? kChunkBytes : 1 + random.Below(kChunkBytes));
    file.chunks.push_back({Digest(random), bytes, static_cast<uint32_t>(2 + random.Below(bytes))});
    file.bytes += bytes;
  }
  return file;
}

Manifest RandomManifest(test::Random& random) {
  Manifest manifest;
  manifest.uid = Uuid::Random();
  manifest.owner = Uuid::Random();
  manifest.store = Uuid::Random();
  manifest.tenant = "tenant \"\\ \xc3\xa4\n";
  manifest.database = "docs";
  manifest.sequence = random.OneIn(4) ? ~uint64_t{0} : random.Next() >> random.Below(64);
  manifest.time = WallTime(std::chrono::nanoseconds(random.Below(4'000'000'000'000'000'000u)));
  manifest.version = "0.1.0";
  if (random.OneIn(2)) manifest.parent = Uuid::Random();
  if (random.OneIn(2)) manifest.origin = "team/notes/notes-" + std::to_string(random.Below(100));
  for (uint64_t i = random.Below(4); i > 0; --i) {
    const uint64_t records = random.Below(1'000'000);
    manifest.collections.push_back({Uuid::Random(), "c" + std::to_string(i), records, {}});
    if (random.OneIn(2))
      manifest.collections.back().dimension = static_cast<uint32_t>(random.Next());
    manifest.records += records;
  }
  manifest.files.push_back(RandomFile(random, "store.db"));
  for (uint64_t i = random.Below(3); i > 0; --i)
    manifest.files.push_back(RandomFile(random, "index/c" + std::to_string(i) + "/graph.bin"));
  manifest.new_bytes = random.Below(1 << 30);
  return manifest;
}

Manifest Small() {
  test::Random random(7);
  Manifest manifest = RandomManifest(random);
  manifest.collections = {{Uuid::Random(), "a", 3, 4}, {Uuid::Random(), "b", 4, std::nullopt}};
  manifest.records = 7;
  manifest.origin = "team/notes/notes-0";
  manifest.files = {
      {"store.db",
       kChunkBytes + 10,
       {{Digest(random), static_cast<uint32_t>(kChunkBytes), 1000}, {Digest(random), 10, 11}}}};
  return manifest;
}

// Parses `text` as the manifest of `manifest`'s key.
Result<Manifest> Parse(const std::string& text, const Manifest& manifest) {
  return ParseManifest(text, ManifestKey(manifest));
}

void CheckRefused(const Tree& tree, const Manifest& manifest) {
  const Result<Manifest> read = Parse(tree.dump(), manifest);
  CAPTURE(tree.dump());
  REQUIRE(read.Is(Errc::kCorruption));
}

}  // namespace

TEST_CASE("manifest: what is written comes back", "[contract]") {
  CAPTURE(test::Seed());
  test::Random random(test::Seed());
  for (int i = 0; i < test::Rounds(300); ++i) {
    const Manifest manifest = RandomManifest(random);
    const std::string text = WriteManifest(manifest);
    const Result<Manifest> read = Parse(text, manifest);
    CAPTURE(text, read.ok() ? "" : read.error().what);
    REQUIRE(read.ok());
    REQUIRE(*read == manifest);
    REQUIRE(WriteManifest(*read) == text);
  }
}

TEST_CASE("manifest: format 1 is read for ever", "[contract]") {
  std::ifstream in(PANNIER_FIXTURES "/manifest-1.json");
  const std::string text{std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
  const Manifest manifest =
      ParseManifest(text,
                    "snapshots/6f1d2c3b-4a59-4e68-9f70-8192a3b4c5d6/"
                    "0f1e2d3c-4b5a-4968-8776-a5b4c3d2e1f0/"
                    "00000000000000001234-11111111-2222-4333-8444-555555555555.json")
          .value();
  REQUIRE(manifest.tenant == "default_tenant");
  REQUIRE(manifest.database == "docs");
  REQUIRE(manifest.sequence == 1234);
  REQUIRE(FormatTime(manifest.time) == "2025-01-31T12:00:00.123456789Z");
  REQUIRE(manifest.parent.IsNil());
  REQUIRE(manifest.collections.size() == 2);
  REQUIRE(manifest.collections[0].dimension == 384u);
  REQUIRE_FALSE(manifest.collections[1].dimension.has_value());
  REQUIRE(manifest.bytes() == kChunkBytes + 4096);
  REQUIRE(manifest.stored_bytes() == 300'000 + 1'200);
  REQUIRE(manifest.new_bytes == 301'200);
}

TEST_CASE("manifest: its key and its chunks' keys", "[contract]") {
  Manifest manifest = Small();
  manifest.sequence = 17;
  REQUIRE(ManifestKey(manifest) == "snapshots/" + manifest.owner.ToString() + "/" +
                                       manifest.store.ToString() + "/00000000000000000017-" +
                                       manifest.uid.ToString() + ".json");
  REQUIRE(ChunkKey("abcdef") == "chunks/ab/abcdef");
  const std::string text = WriteManifest(manifest);
  REQUIRE(ParseManifest(text, ManifestKey(manifest)).ok());
  Manifest elsewhere = manifest;
  elsewhere.sequence = 18;
  REQUIRE(ParseManifest(text, ManifestKey(elsewhere)).Is(Errc::kCorruption));
  elsewhere = manifest;
  elsewhere.store = Uuid::Random();
  REQUIRE(ParseManifest(text, ManifestKey(elsewhere)).Is(Errc::kCorruption));
}

TEST_CASE("manifest: a chunk that files share is stored once", "[contract]") {
  Manifest manifest = Small();
  manifest.files.push_back(manifest.files[0]);
  manifest.files.back().path = "copy.db";
  REQUIRE(manifest.bytes() == 2 * (kChunkBytes + 10));
  REQUIRE(manifest.stored_bytes() == 1011);
}

TEST_CASE("manifest: one of a newer format is refused in plain words", "[contract]") {
  const Manifest manifest = Small();
  Tree tree = Tree::parse(WriteManifest(manifest));
  tree["format"] = 2;
  const Result<Manifest> read = Parse(tree.dump(), manifest);
  REQUIRE(read.Is(Errc::kInvalidArgument));
  REQUIRE(read.error().what.find("format 2") != std::string::npos);
  REQUIRE_FALSE(read.error().hint.empty());
  tree = {{"format", 2}};  // whatever else it may hold
  REQUIRE(Parse(tree.dump(), manifest).Is(Errc::kInvalidArgument));
  tree["format"] = 0;
  REQUIRE(Parse(tree.dump(), manifest).Is(Errc::kCorruption));
}

TEST_CASE("manifest: every field is there and of its type", "[contract]") {
  const Manifest manifest = Small();
  const Tree good = Tree::parse(WriteManifest(manifest));
  REQUIRE(Parse(good.dump(), manifest).ok());
  const Tree others[] = {nullptr,          true, -1, 1.5, "text", Tree::array(), Tree::object(),
                         Tree::array({1}), 1e300};
  for (const char* path : {"", "/collections/0", "/files/0", "/files/0/chunks/0"}) {
    const Tree::json_pointer at{path};
    const Tree object = good.at(at);
    for (const auto& member : object.items()) {
      Tree without = good;
      without[at].erase(member.key());
      if (member.key() == "origin") {
        REQUIRE(Parse(without.dump(), manifest)->origin.empty());
      } else {
        CheckRefused(without, manifest);
      }
      for (const Tree& other : others) {
        Tree wrong = good;
        wrong[at][member.key()] = other;
        const Result<Manifest> read = Parse(wrong.dump(), manifest);
        CAPTURE(path, member.key(), other.dump());
        // What is free text or may be absent is as good with another value.
        const bool free =
            (other.is_string() && member.value().is_string()) ||
            (other.is_null() && (member.key() == "parent" || member.key() == "dimension"));
        REQUIRE((read.Is(Errc::kCorruption) || (free && read.ok())));
      }
    }
  }
  for (const char* text : {"", "null", "[]", "{}", "7", "\"x\"", "{\"format\":1}"}) {
    REQUIRE(Parse(text, manifest).Is(Errc::kCorruption));
  }
}

TEST_CASE("manifest: sums, digests and lengths must agree", "[contract]") {
  const Manifest manifest = Small();
  const Tree good = Tree::parse(WriteManifest(manifest));
  const auto refused = [&](const char* path, const Tree& value) {
    Tree wrong = good;
    wrong[Tree::json_pointer(path)] = value;
    CheckRefused(wrong, manifest);
  };
  refused("/records", 8);
  refused("/collections/0/records", 9'223'372'036'854'775'807);
  refused("/collections/1/id", good["collections"][0]["id"]);
  refused("/collections", Tree::array());
  refused("/files", Tree::array());
  refused("/files/0/bytes", kChunkBytes + 11);
  refused("/files/0/chunks", Tree::array());
  refused("/files/0/chunks/0/bytes", kChunkBytes - 1);
  refused("/files/0/chunks/1/bytes", 0);
  refused("/files/0/chunks/1/bytes", kChunkBytes + 1);
  refused("/files/0/chunks/1/stored", 0);
  refused("/files/0/chunks/1/stored", 12);
  refused("/files/0/chunks/0/sha256", std::string(63, 'a'));
  refused("/files/0/chunks/0/sha256", std::string(65, 'a'));
  refused("/files/0/chunks/0/sha256", std::string(64, 'A'));
  refused("/files/0/chunks/0/sha256", std::string(63, 'a') + "g");
  refused("/time", "yesterday");
  refused("/uid", "00000000-0000-0000-0000-000000000000");
  refused("/parent", "x");
  refused("/tenant", std::string(70'000, 't'));
  refused("/collections/0/dimension", 4'294'967'296);
}

TEST_CASE("manifest: paths stay below the folder, each once", "[contract]") {
  const Manifest manifest = Small();
  const Tree good = Tree::parse(WriteManifest(manifest));
  for (const std::string& path :
       {std::string(), std::string("/etc/passwd"), std::string("../x"), std::string("a/../../x"),
        std::string("a/./b"), std::string("a//b"), std::string("a/"), std::string(".."),
        std::string("."), std::string("a\\b"), std::string("a\nb"), std::string("a\0b", 3),
        std::string(1025, 'p')}) {
    CAPTURE(path);
    Tree wrong = good;
    wrong["files"][0]["path"] = path;
    CheckRefused(wrong, manifest);
  }
  Tree twice = good;
  twice["files"].push_back(good["files"][0]);
  CheckRefused(twice, manifest);
  Tree inside = twice;
  inside["files"][0]["path"] = "a";
  inside["files"][1]["path"] = "a/b/c";
  CheckRefused(inside, manifest);
  inside["files"][1]["path"] = "a.b/c";
  REQUIRE(Parse(inside.dump(), manifest).ok());
}

TEST_CASE("manifest: unknown members are read over", "[contract]") {
  const Manifest manifest = Small();
  Tree tree = Tree::parse(WriteManifest(manifest));
  tree["new"] = {{"a", 1}};
  tree["files"][0]["new"] = true;
  tree["files"][0]["chunks"][0]["new"] = "x";
  REQUIRE(Parse(tree.dump(), manifest).value() == manifest);
}

TEST_CASE("manifest: flipped and cut texts are refused, or say the same of their key",
          "[contract]") {
  CAPTURE(test::Seed());
  test::Random random(test::Seed());
  const Manifest manifest = Small();
  const std::string good = WriteManifest(manifest);
  for (int i = 0; i < test::Rounds(5'000); ++i) {
    std::string text = good;
    for (uint64_t flips = 1 + random.Below(3); flips > 0; --flips) {
      const size_t at = random.Below(text.size());
      text[at] = static_cast<char>(text[at] ^ 1 << random.Below(8));
    }
    if (random.OneIn(5)) text.resize(random.Below(text.size()));
    const Result<Manifest> read = Parse(text, manifest);
    if (!read.ok()) {
      REQUIRE((read.Is(Errc::kCorruption) || read.Is(Errc::kInvalidArgument)));
      continue;
    }
    REQUIRE(ManifestKey(*read) == ManifestKey(manifest));
    REQUIRE(Parse(WriteManifest(*read), manifest).value() == *read);
  }
}

TEST_CASE("manifest: one of ten thousand chunks is read quickly", "[contract]") {
  test::Random random(1);
  Manifest manifest = Small();
  ManifestFile& file = manifest.files[0];
  file = {"store.db", 0, {}};
  for (int i = 0; i < 10'000; ++i) {
    file.chunks.push_back({Digest(random), static_cast<uint32_t>(kChunkBytes), 500'000});
    file.bytes += kChunkBytes;
  }
  const std::string text = WriteManifest(manifest);
  REQUIRE(text.size() < 1'300'000);
  const auto begun = std::chrono::steady_clock::now();
  REQUIRE(Parse(text, manifest).ok());
  REQUIRE(std::chrono::steady_clock::now() - begun < std::chrono::seconds(1));
}

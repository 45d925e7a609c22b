#include "lib/repository/repository.h"

#include <algorithm>

#include "lib/core/background_turn.h"
#include "lib/core/time_text.h"
#include "lib/crypto/sha256.h"
#include "lib/json/cold.h"
#include "lib/repository/chunk_codec.h"
#include "lib/repository/snapshot_key.h"

namespace pannier::repository {
namespace {

using contract::Chunk;
using contract::Manifest;
using IfPresent = ObjectStore::IfPresent;

constexpr std::string_view kIdentityKey = "repository.json";
constexpr uint64_t kFormat = 1;
constexpr uint64_t kNoteBytesMax = 64 << 10;  // identity, verification, hold
constexpr uint64_t kChunkObjectBytesMax = contract::kChunkBytes + 1;

std::string WriteIdentity(const Uuid& id, WallTime now) {
  const nlohmann::json identity = {
      {"format", kFormat}, {"id", id.ToString()}, {"createdAt", FormatTime(now)}};
  return json::Dump(identity) + "\n";
}

std::optional<std::string> TextOf(const nlohmann::json& tree, const char* name) {
  const auto found = tree.find(name);
  if (found == tree.end() || !found->is_string()) return std::nullopt;
  return found->get<std::string>();
}

// An object {"format": 1, …} of the repository's own.
Result<nlohmann::json> ReadNote(ObjectStore& objects, const std::string& key, SteadyTime deadline) {
  const std::string text = TRY(objects.Get(key, kNoteBytesMax, deadline));
  Result<nlohmann::json> tree = json::ParseCold(text);
  const bool shaped = tree.ok() && tree->is_object() && tree->contains("format") &&
                      tree->at("format").is_number_integer();
  if (!shaped) {
    return Corruption(objects.Describe() + ": " + key + " is not what it should be",
                      key == kIdentityKey ? "write it again: docs/runbooks/repository.md" : "");
  }
  if (tree->at("format") != kFormat) {
    return InvalidArgument(objects.Describe() + ": " + key + " is of format " +
                               tree->at("format").dump() + ", and this version reads format 1",
                           "use the version of pannier that wrote it, or a newer one");
  }
  return tree;
}

Result<Uuid> ReadIdentity(ObjectStore& objects, SteadyTime deadline) {
  const nlohmann::json tree = TRY(ReadNote(objects, std::string(kIdentityKey), deadline));
  const auto text = TextOf(tree, "id");
  const auto id = text ? Uuid::Parse(*text) : std::nullopt;
  if (!id || id->IsNil())
    return Corruption(objects.Describe() + ": repository.json has no id",
                      "write it again: docs/runbooks/repository.md");
  return *id;
}

// Why there is no identity: nothing is there, or something else is.
Error WithoutIdentity(ObjectStore& objects, SteadyTime deadline) {
  const Result<ObjectPage> page = objects.List("", "", deadline);
  if (!page.ok() && !page.Is(Errc::kNotFound)) return page.error();
  if (!page.ok() || page->objects.empty()) {
    return NotFound(objects.Describe() + " is not a repository yet",
                    "initialise it: pannierctl repository init");
  }
  return Conflict(
      objects.Describe() + " has objects (" + page->objects.front().key +
          ", …) but no repository.json",
      "check that it is the right place; a repository needs one of its own. If this one "
      "lost its repository.json: docs/runbooks/repository.md");
}

}  // namespace

class Repository::Impl {
 public:
  Impl(ObjectStore& objects, const Clock& clock, const Uuid& id)
      : objects(objects), clock(clock), id(id) {}
  ObjectStore& objects;
  const Clock& clock;
  const Uuid id;
  ChunkCodec codec;
};

Repository::Repository(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Repository::~Repository() = default;

const Uuid& Repository::id() const { return impl_->id; }
ObjectStore& Repository::objects() { return impl_->objects; }

Result<std::unique_ptr<Repository>> Repository::Open(ObjectStore& objects, const Clock& clock,
                                                     std::optional<Uuid> expected,
                                                     SteadyTime deadline) {
  Result<Uuid> id = ReadIdentity(objects, deadline);
  if (id.Is(Errc::kNotFound)) {
    Error missing = WithoutIdentity(objects, deadline);
    // Objects without an identity may be a repository that somebody initialises right now.
    if (missing.code == Errc::kConflict) id = ReadIdentity(objects, deadline);
    if (id.Is(Errc::kNotFound)) return missing;
  }
  if (!id.ok()) return id.error();
  if (expected && *id != *expected) {
    return Conflict(objects.Describe() + " is repository " + id->ToString() + ", not " +
                        expected->ToString() + " as before",
                    "check which bucket, prefix or volume is configured");
  }
  return std::unique_ptr<Repository>(new Repository(std::make_unique<Impl>(objects, clock, *id)));
}

Result<std::unique_ptr<Repository>> Repository::Initialise(ObjectStore& objects, const Clock& clock,
                                                           SteadyTime deadline) {
  Result<std::unique_ptr<Repository>> opened = Open(objects, clock, std::nullopt, deadline);
  if (!opened.Is(Errc::kNotFound)) return opened;
  const Status put =
      objects.Put(std::string(kIdentityKey), WriteIdentity(Uuid::Random(), clock.Now()),
                  IfPresent::kFail, deadline);
  if (!put.ok() && !put.Is(Errc::kConflict)) return put.error();
  return Open(objects, clock, std::nullopt, deadline);  // ours, or that of who was first
}

std::unique_ptr<Repository> Repository::Trust(ObjectStore& objects, const Clock& clock) {
  return std::unique_ptr<Repository>(
      new Repository(std::make_unique<Impl>(objects, clock, Uuid())));
}

Status Repository::CheckIdentity(SteadyTime deadline) {
  const Uuid id = TRY(ReadIdentity(impl_->objects, deadline));
  if (id == impl_->id) return {};
  return Conflict(impl_->objects.Describe() + " is another repository than a moment ago");
}

// --- chunks ---

namespace {

Result<std::string> Pack(const std::string& sha256, std::string_view bytes, ChunkCodec& codec) {
  const BackgroundTurn turn;
  if (crypto::ToHex(crypto::Sha256(bytes)) != sha256)
    return Corruption("the bytes of chunk " + sha256 + " changed before they were sent");
  return codec.Encode(bytes);
}

}  // namespace

Result<uint32_t> Repository::PutChunk(const std::string& sha256, std::string_view bytes,
                                      SteadyTime deadline) {
  if (bytes.empty() || bytes.size() > contract::kChunkBytes)
    return InvalidArgument("a chunk has 1 to " + std::to_string(contract::kChunkBytes) + " bytes");
  const std::string object = TRY(Pack(sha256, bytes, impl_->codec));
  TRY(impl_->objects.Put(contract::ChunkKey(sha256), object, IfPresent::kReplace, deadline));
  return static_cast<uint32_t>(object.size());
}

Result<std::string> Repository::GetChunk(const Chunk& chunk, SteadyTime deadline) {
  Result<std::string> object =
      impl_->objects.Get(contract::ChunkKey(chunk.sha256), kChunkObjectBytesMax, deadline);
  if (object.Is(Errc::kResourceExhausted))
    return Corruption("chunk " + chunk.sha256 + " is longer than a chunk can be");
  const std::string stored = TRY(std::move(object));
  const BackgroundTurn turn;
  std::string bytes =
      TRY(impl_->codec.Decode(stored, chunk.bytes).Context("chunk " + chunk.sha256));
  if (crypto::ToHex(crypto::Sha256(bytes)) != chunk.sha256)
    return Corruption("chunk " + chunk.sha256 + " holds other bytes than its name says");
  return bytes;
}

// --- snapshots ---

Status Repository::Commit(const Manifest& manifest, SteadyTime deadline) {
  const std::string text = contract::WriteManifest(manifest);
  if (text.size() > contract::kManifestBytesMax)
    return ResourceExhausted("the store has too many chunks for a manifest");
  return impl_->objects.Put(contract::ManifestKey(manifest), text, IfPresent::kFail, deadline);
}

Result<Manifest> Repository::ReadManifest(const std::string& key, SteadyTime deadline) {
  Result<std::string> text = impl_->objects.Get(key, contract::kManifestBytesMax, deadline);
  if (text.Is(Errc::kResourceExhausted))
    return Corruption("manifest " + key + " is longer than a manifest can be");
  return contract::ParseManifest(TRY(std::move(text)), key);
}

namespace {

// Keys of one snapshot stand beside each other in a listing: ".hold.json" before ".json" before
// ".verified.json".
void AddPart(const ObjectInfo& object, const SnapshotKey& key, std::vector<SnapshotRef>* found) {
  const bool is_new = found->empty() || found->back().uid != key.uid ||
                      found->back().sequence != key.sequence || found->back().store != key.store ||
                      found->back().owner != key.owner;
  if (is_new) {
    if (key.part == SnapshotPart::kVerified) return;  // its manifest is gone
    found->emplace_back();
  }
  SnapshotRef& snapshot = found->back();
  snapshot.owner = key.owner;
  snapshot.store = key.store;
  snapshot.uid = key.uid;
  snapshot.sequence = key.sequence;
  if (key.part == SnapshotPart::kHold) snapshot.held = true;
  if (key.part == SnapshotPart::kVerified) snapshot.has_verification = true;
  if (key.part != SnapshotPart::kManifest) return;
  snapshot.key = object.key;
  snapshot.modified = object.modified;
  snapshot.manifest_bytes = object.bytes;
}

std::string FolderOf(const Uuid& owner, const Uuid& store) {
  std::string folder = "snapshots/";
  if (owner.IsNil()) return folder;
  folder += owner.ToString() + "/";
  return store.IsNil() ? folder : folder + store.ToString() + "/";
}

}  // namespace

Result<std::vector<SnapshotRef>> Repository::List(const Uuid& owner, const Uuid& store,
                                                  SteadyTime deadline) {
  std::vector<SnapshotRef> found;
  const std::string folder = FolderOf(owner, store);
  std::string after;
  do {
    const ObjectPage page = TRY(impl_->objects.List(folder, after, deadline));
    for (const ObjectInfo& object : page.objects) {
      const auto key = ParseSnapshotKey(object.key);
      if (key && (store.IsNil() || key->store == store)) AddPart(object, *key, &found);
    }
    after = page.next;
  } while (!after.empty());
  std::erase_if(found, [](const SnapshotRef& each) { return each.key.empty(); });
  std::sort(found.begin(), found.end(), [](const SnapshotRef& a, const SnapshotRef& b) {
    return std::tie(a.owner, a.store, b.sequence, a.uid) <
           std::tie(b.owner, b.store, a.sequence, b.uid);
  });
  return found;
}

Status Repository::RecordVerification(const SnapshotRef& snapshot, const Verification& result,
                                      SteadyTime deadline) {
  const nlohmann::json note = {{"format", kFormat},
                               {"level", result.level == VerifyLevel::kDeep ? "Deep" : "Manifest"},
                               {"sound", result.sound},
                               {"time", FormatTime(result.time)},
                               {"message", result.message.substr(0, kNoteBytesMax / 16)}};
  return impl_->objects.Put(PartKey(snapshot.key, SnapshotPart::kVerified), json::Dump(note) + "\n",
                            IfPresent::kReplace, deadline);
}

Result<Verification> Repository::ReadVerification(const SnapshotRef& snapshot,
                                                  SteadyTime deadline) {
  const std::string key = PartKey(snapshot.key, SnapshotPart::kVerified);
  const nlohmann::json note = TRY(ReadNote(impl_->objects, key, deadline));
  const auto level = TextOf(note, "level"), time = TextOf(note, "time"),
             message = TextOf(note, "message");
  const auto sound = note.find("sound");
  const auto when = time ? ParseTime(*time) : std::nullopt;
  const bool known_level = level == "Deep" || level == "Manifest";
  if (!known_level || !when || !message || sound == note.end() || !sound->is_boolean())
    return Corruption(key + " is not what it should be", "verify the snapshot again");
  return Verification{level == "Deep" ? VerifyLevel::kDeep : VerifyLevel::kManifest,
                      sound->get<bool>(), *when, *message};
}

Status Repository::SetHold(const SnapshotRef& snapshot, bool hold, SteadyTime deadline) {
  const std::string key = PartKey(snapshot.key, SnapshotPart::kHold);
  if (!hold) return impl_->objects.Delete(key, deadline);
  TRY(impl_->objects.Stat(snapshot.key, deadline));  // nothing to hold, when it is gone
  const nlohmann::json note = {{"format", kFormat}, {"time", FormatTime(impl_->clock.Now())}};
  return impl_->objects.Put(key, json::Dump(note) + "\n", IfPresent::kReplace, deadline);
}

Status Repository::Delete(const SnapshotRef& snapshot, SteadyTime deadline) {
  const Result<ObjectInfo> hold =
      impl_->objects.Stat(PartKey(snapshot.key, SnapshotPart::kHold), deadline);
  if (hold.ok()) {
    return Conflict("the snapshot is held",
                    "drop the hold first: `pannierctl snapshot hold UID --repository NAME --drop`");
  }
  if (!hold.Is(Errc::kNotFound)) return hold.error();
  TRY(impl_->objects.Delete(snapshot.key, deadline));
  return impl_->objects.Delete(PartKey(snapshot.key, SnapshotPart::kVerified), deadline);
}

}  // namespace pannier::repository

// A repository: chunks, manifests, and an identity, in an ObjectStore. docs/formats/repository.md.
//
//   repository.json                                  identity: format, id, time
//   chunks/ab/<sha256>                               1 byte: 0 raw, 1 zstd; then the bytes
//   snapshots/<owner>/<store>/<sequence>-<uid>.json           manifest: the snapshot exists
//   snapshots/<owner>/<store>/<sequence>-<uid>.verified.json  the newest verification
//   snapshots/<owner>/<store>/<sequence>-<uid>.hold.json      must not be deleted
//   garbage/<time>.json                              what a collection run found unreferenced
//
// Open() refuses an identity that is absent or not the expected one; who deletes looks once more.
// Threads: any. Lifetime: `objects` and `clock` outlive it.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "lib/contract/manifest.h"
#include "lib/core/clock.h"
#include "lib/core/result.h"
#include "lib/core/uuid.h"
#include "lib/repository/object_store.h"

namespace pannier::repository {

enum class VerifyLevel { kManifest, kDeep };

struct Verification {
  VerifyLevel level = VerifyLevel::kManifest;
  bool sound = false;
  WallTime time;
  std::string message;  // what was wrong; empty when sound
};

// A snapshot as a listing shows it: from the keys alone, without reading manifests.
struct SnapshotRef {
  std::string key;  // the manifest's
  Uuid owner, store, uid;
  uint64_t sequence = 0;
  WallTime modified;
  uint64_t manifest_bytes = 0;
  bool held = false;
  bool has_verification = false;
};

class Repository {
 public:
  // Reads the identity.
  //   kNotFound         there is none, and no other object either: Initialise() is what it needs
  //   kConflict         there is none, yet other objects are; or it is not `expected`
  //   kInvalidArgument, kCorruption  of a newer format; of none that can be understood
  static Result<std::unique_ptr<Repository>> Open(ObjectStore& objects, const Clock& clock,
                                                  std::optional<Uuid> expected,
                                                  SteadyTime deadline);
  // Writes an identity where nothing is; where one is already, opens that (two may race).
  static Result<std::unique_ptr<Repository>> Initialise(ObjectStore& objects, const Clock& clock,
                                                        SteadyTime deadline);
  // Without reading an identity, for stores that cannot list (granted URLs): whoever granted has
  // checked it.
  static std::unique_ptr<Repository> Trust(ObjectStore& objects, const Clock& clock);

  // Nil when only trusted.
  const Uuid& id() const;
  // Reads the identity again: what deletes asks before it does.
  //   kNotFound, kConflict, kCorruption  it is no longer this repository
  Status CheckIdentity(SteadyTime deadline);
  ObjectStore& objects();

  // --- chunks ---
  // Compresses when it pays. Uploads also what is there already: that renews its age, so that a
  // garbage collection that has seen it unreferenced spares it. Returns the stored bytes.
  //   kInvalidArgument  empty, or longer than kChunkBytes
  //   kCorruption       `bytes` are not what `sha256` names; nothing was sent
  Result<uint32_t> PutChunk(const std::string& sha256, std::string_view bytes, SteadyTime deadline);
  // The bytes, checked against their name.
  //   kNotFound    lost
  //   kCorruption  not what the name says
  Result<std::string> GetChunk(const contract::Chunk& chunk, SteadyTime deadline);

  // --- snapshots ---
  // Makes the snapshot exist. Equal content is ok (a lost answer repeated).
  //   kConflict  another manifest is there
  Status Commit(const contract::Manifest& manifest, SteadyTime deadline);
  Result<contract::Manifest> ReadManifest(const std::string& key, SteadyTime deadline);
  // Newest sequence first within a store. `owner`, `store` nil: of all owners, of all stores.
  Result<std::vector<SnapshotRef>> List(const Uuid& owner, const Uuid& store, SteadyTime deadline);
  Status RecordVerification(const SnapshotRef& snapshot, const Verification& result,
                            SteadyTime deadline);
  //   kNotFound  never verified
  Result<Verification> ReadVerification(const SnapshotRef& snapshot, SteadyTime deadline);
  //   kNotFound  (setting) there is no such snapshot
  Status SetHold(const SnapshotRef& snapshot, bool hold, SteadyTime deadline);
  // Manifest first; chunks are left to garbage collection. Absent is fine.
  //   kConflict  it is held
  Status Delete(const SnapshotRef& snapshot, SteadyTime deadline);

 private:
  class Impl;
  explicit Repository(std::unique_ptr<Impl> impl);

 public:
  ~Repository();

 private:
  std::unique_ptr<Impl> impl_;
};

}  // namespace pannier::repository

#include "daemon/operations/actions/verification.h"

#include <set>

#include "daemon/operations/members.h"
#include "daemon/snapshot/snapshot.h"

namespace pannier::operations {

using repository::Verification;
using repository::VerifyLevel;

repository::SnapshotRef RefOf(const contract::Manifest& manifest) {
  repository::SnapshotRef ref;
  ref.key = contract::ManifestKey(manifest);
  ref.owner = manifest.owner;
  ref.store = manifest.store;
  ref.uid = manifest.uid;
  ref.sequence = manifest.sequence;
  return ref;
}

std::vector<std::string> ChunkKeys(const contract::Manifest& manifest) {
  std::set<std::string> keys;
  for (const contract::ManifestFile& file : manifest.files) {
    for (const contract::Chunk& chunk : file.chunks) keys.insert(contract::ChunkKey(chunk.sha256));
  }
  return {keys.begin(), keys.end()};
}

Result<Verification> VerifySnapshot(Services& services, Context& context,
                                    repository::Repository& repository,
                                    const repository::SnapshotRef& ref,
                                    const contract::Manifest& manifest, bool deep,
                                    const Staging& staging) {
  TRY(context.Enter("verifying"));
  if (deep) TRY(CheckRoom(services, manifest.bytes()));
  const std::string scratch = TRY(staging.MakeFolder("verify"));
  Verification found = TRY(snapshot::Verify(
      ref, manifest, repository, deep ? VerifyLevel::kDeep : VerifyLevel::kManifest, scratch,
      services.settings.transfers, services.files, services.clock, context.deadline(),
      context.Progress()));
  services.metrics.OnVerification(deep ? "deep" : "manifest", found.sound, services.clock.Now());
  if (!found.sound) {
    services.events.Warning("SnapshotUnsound", ToString({manifest.tenant, manifest.database}),
                            "snapshot " + manifest.uid.ToString() + ": " + found.message,
                            "take another snapshot; check the repository's disk or bucket");
  }
  return found;
}

}  // namespace pannier::operations

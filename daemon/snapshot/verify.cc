// Verify(): is what a manifest names still in the repository, and is it a store?
#include <algorithm>
#include <set>

#include "daemon/snapshot/sample_queries.h"
#include "daemon/snapshot/snapshot.h"
#include "daemon/store/offline_store.h"
#include "lib/core/parallel.h"

namespace pannier::snapshot {
namespace {

using contract::Chunk;
using contract::Manifest;
using repository::Verification;
using repository::VerifyLevel;

// What the snapshot is guilty of; other errors say nothing of it.
bool IsFinding(const Error& error) {
  return error.code == Errc::kCorruption || error.code == Errc::kNotFound;
}

Status ReadChunks(const Manifest& manifest, repository::Repository& repository, uint32_t transfers,
                  SteadyTime deadline, const store::Progress& progress) {
  std::set<std::string_view> seen;
  std::vector<const Chunk*> chunks;
  uint64_t total = 0;
  for (const contract::ManifestFile& file : manifest.files) {
    for (const Chunk& chunk : file.chunks) {
      if (!seen.insert(chunk.sha256).second) continue;
      chunks.push_back(&chunk);
      total += chunk.bytes;
    }
  }
  store::SharedProgress shared(total, progress);
  return ForEach(chunks.size(), {"transfer", transfers}, [&](uint64_t index) -> Status {
    TRY(repository.GetChunk(*chunks[index], deadline));
    return shared.Add(chunks[index]->bytes);
  });
}

// Empty when they agree.
std::string Differences(const Manifest& manifest, const store::CheckReport& report) {
  if (!report.sound) {
    const std::string first = report.damage.empty() ? "damaged" : report.damage.front().what;
    return "the restored store is not sound: " + first;
  }
  if (report.sequence != manifest.sequence) {
    return "the restored store is at sequence " + std::to_string(report.sequence) + ", not " +
           std::to_string(manifest.sequence);
  }
  if (report.records != manifest.records || report.collections != manifest.collections.size()) {
    return "the restored store has " + std::to_string(report.records) + " records in " +
           std::to_string(report.collections) + " collections, not " +
           std::to_string(manifest.records) + " in " + std::to_string(manifest.collections.size());
  }
  return {};
}

Status CheckDeep(const Manifest& manifest, repository::Repository& repository,
                 const std::string& scratch, uint32_t transfers, file::FileSystem& files,
                 SteadyTime deadline, const store::Progress& progress) {
  TRY(Fetch(manifest, repository, scratch, Fetched::kScratch, transfers, files, deadline,
            progress));
  const store::CheckReport report =
      TRY(store::CheckStoreFile(scratch, store::CheckLevel::kFull, "", progress));
  const std::string differences = Differences(manifest, report);
  if (!differences.empty()) return Corruption(differences);
  return RunSampleQueries(manifest, scratch, files, deadline);
}

}  // namespace

Result<Verification> Verify(const repository::SnapshotRef& snapshot, const Manifest& manifest,
                            repository::Repository& repository, VerifyLevel level,
                            const std::string& scratch, uint32_t transfers, file::FileSystem& files,
                            const Clock& clock, SteadyTime deadline,
                            const store::Progress& progress) {
  const Status checked =
      level == VerifyLevel::kDeep
          ? CheckDeep(manifest, repository, scratch, transfers, files, deadline, progress)
          : ReadChunks(manifest, repository, transfers, deadline, progress);
  if (!checked.ok() && !IsFinding(checked.error())) return checked.error();
  Verification verification;
  verification.level = level;
  verification.sound = checked.ok();
  verification.time = clock.Now();
  if (!checked.ok()) verification.message = checked.error().what;
  TRY(repository.RecordVerification(snapshot, verification, deadline));
  return verification;
}

}  // namespace pannier::snapshot

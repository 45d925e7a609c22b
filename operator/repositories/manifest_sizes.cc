#include "operator/repositories/manifest_sizes.h"

#include <algorithm>

namespace pannier::control {

using repository::SnapshotRef;

ManifestSizes::Sizes ManifestSizes::Known(const Uuid& repository) const {
  const MutexLock lock(mutex_);
  const auto found = known_.find(repository);
  return found == known_.end() ? Sizes() : found->second;
}

void ManifestSizes::Keep(const Uuid& repository, Sizes sizes) {
  const MutexLock lock(mutex_);
  known_.erase(repository);
  size_t kept = sizes.size();
  for (const auto& [id, others] : known_) kept += others.size();
  // Beyond the bound a repository is read anew in each listing, a bounded number of bytes.
  if (kept <= options_.snapshots_max) known_[repository] = std::move(sizes);
}

uint64_t ManifestSizes::Sum(repository::Repository& repository,
                            const std::vector<SnapshotRef>& listed, SteadyTime deadline) {
  const Sizes known = Known(repository.id());
  Sizes sizes;
  std::vector<const SnapshotRef*> unknown;
  for (const SnapshotRef& snapshot : listed) {
    const auto found = known.find(snapshot.uid);
    if (found != known.end()) sizes.insert(*found);
    if (found == known.end()) unknown.push_back(&snapshot);
  }
  std::sort(unknown.begin(), unknown.end(),
            [](const SnapshotRef* a, const SnapshotRef* b) { return a->modified > b->modified; });
  uint64_t budget = options_.read_bytes_max;
  for (const SnapshotRef* snapshot : unknown) {
    if (snapshot->manifest_bytes > options_.manifest_bytes_max) continue;
    if (snapshot->manifest_bytes > budget) break;
    budget -= snapshot->manifest_bytes;
    const Result<contract::Manifest> manifest = repository.ReadManifest(snapshot->key, deadline);
    if (manifest.ok()) sizes[snapshot->uid] = manifest->new_bytes;
    // What is damaged stays so, and is no reason to read it again.
    if (manifest.Is(Errc::kCorruption) || manifest.Is(Errc::kInvalidArgument)) {
      sizes[snapshot->uid] = 0;
    }
    if (manifest.Is(Errc::kUnavailable) || manifest.Is(Errc::kDeadlineExceeded)) break;
  }
  uint64_t sum = 0;
  for (const auto& [uid, bytes] : sizes) sum += bytes;
  Keep(repository.id(), std::move(sizes));
  return sum;
}

}  // namespace pannier::control

// What the snapshots of repositories have added to them. Only manifests say it, and they may be
// large: each is read once, the newest first, a bounded number of bytes in one go. So a sum is at
// first too small and grows with each listing; it never claims more than there is.
//
// Threads: any; nothing is locked while a manifest is read.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <unordered_map>
#include <vector>

#include "lib/core/mutex.h"
#include "lib/core/uuid.h"
#include "lib/repository/repository.h"

namespace pannier::control {

class ManifestSizes {
 public:
  struct Options {
    uint64_t manifest_bytes_max = 8 << 20;  // longer ones are not read: some 80,000 chunks
    uint64_t read_bytes_max = 32 << 20;     // in one Sum()
    size_t snapshots_max = 50'000;          // remembered, of all repositories together
  };
  ManifestSizes() : ManifestSizes(Options()) {}
  explicit ManifestSizes(Options options) : options_(options) {}

  // Of `listed`, which is all that the repository has; others of it are forgotten. Manifests that
  // cannot be read now are left out.
  uint64_t Sum(repository::Repository& repository,
               const std::vector<repository::SnapshotRef>& listed, SteadyTime deadline);

 private:
  using Sizes = std::unordered_map<Uuid, uint64_t>;  // added bytes by the snapshot's uid

  Sizes Known(const Uuid& repository) const;
  void Keep(const Uuid& repository, Sizes sizes);

  const Options options_;
  mutable Mutex mutex_;
  std::map<Uuid, Sizes> known_ GUARDED_BY(mutex_);
};

}  // namespace pannier::control

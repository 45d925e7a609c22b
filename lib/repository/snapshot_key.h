// The keys of snapshots and of what lies beside their manifests. Threads: pure functions.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "lib/core/uuid.h"

namespace pannier::repository {

enum class SnapshotPart { kManifest, kVerified, kHold };

// "snapshots/<owner>/<store>/<sequence>-<uid>.json", taken apart.
struct SnapshotKey {
  Uuid owner, store, uid;
  uint64_t sequence = 0;
  SnapshotPart part = SnapshotPart::kManifest;
};

// Nothing of any other key.
std::optional<SnapshotKey> ParseSnapshotKey(std::string_view key);

// The key of a part of the snapshot whose manifest has the key `manifest`.
std::string PartKey(std::string_view manifest, SnapshotPart part);

}  // namespace pannier::repository
